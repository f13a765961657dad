"""The wheel, installed where nothing else of ours is."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "projections", "service")
PAGE = ROOT / "service/web"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("wheel")]


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A finished command; the environment is ours without the names that matchspec reads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MATCHSPEC_", "PYTHON"))}
    return subprocess.run(
        command, cwd=folder, env=kept | variables, capture_output=True, text=True, timeout=120, check=False
    )


def succeed(command: Sequence[str | Path], folder: Path) -> str:
    """What a command printed that must exit 0."""
    finished = run(command, folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the locked build backend."""
    folder = tmp_path_factory.mktemp("dist")
    succeed([sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder], ROOT)
    return next(folder.glob("*.whl"))


def copy_as_the_dockerfile_does(folder: Path) -> None:
    """What the Dockerfile copies before its first RUN, and nothing else."""
    steps = (ROOT / "Dockerfile").read_text().partition("\nRUN ")[0].splitlines()
    for step in (line.split() for line in steps if line.startswith("COPY ")):
        for source in step[1:-1]:
            target = folder / source
            target.parent.mkdir(exist_ok=True)
            if source.endswith("/"):
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("node_modules", "dist"))
            else:
                shutil.copy(ROOT / source, target)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the locked runtime dependencies and the wheel, no more."""
    folder = tmp_path_factory.mktemp("installed")
    copy_as_the_dockerfile_does(folder)
    succeed(["./scripts/setup", "postgres"], folder)
    succeed([folder / ".venv/bin/python", "-c", "import psycopg"], folder)
    uv = str(folder / ".tools/bin/uv")
    target = ["--quiet", "--offline", "--python", str(folder / ".venv/bin/python")]
    if (own_cache := folder / ".tools/cache").is_dir():  # setup makes one where HOME can't be written
        target += ["--cache-dir", str(own_cache)]
    succeed([uv, "pip", "sync", *target, "--require-hashes", "requirements/run.txt"], folder)
    succeed([uv, "pip", "install", *target, "--no-deps", wheel], folder)
    for name in PACKAGES:
        shutil.rmtree(folder / name)
    return folder / ".venv/bin"


def test_the_wheel_holds_the_three_packages_and_no_more(wheel: Path) -> None:
    """Every module, SQL file, starter file and type marker of the packages is in the wheel; nothing else is."""
    written = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and PAGE not in path.parents
    }
    with ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    page = {name for name in shipped if name.startswith("service/web/")}
    assert shipped - page == written
    assert {Path(name).suffix for name in written} <= {".py", ".sql", ".typed", ".yml", ".jsonl", ".sh"}


def test_the_wheel_holds_the_built_page_and_none_of_its_sources(wheel: Path) -> None:
    """The page, its script, style and icon; a wheel that was made where the page could not be built fails here."""
    with ZipFile(wheel) as archive:
        page = [name for name in archive.namelist() if name.startswith("service/web/")]
        start = archive.read("service/web/dist/index.html").decode()
    assert sorted(Path(name).suffix for name in page) == [".css", ".html", ".js", ".svg"]
    assert all(name.removeprefix("service/web/dist") in start for name in page if not name.endswith(".html"))


def test_the_command_tells_its_version_in_any_folder(installed: Path, tmp_path: Path) -> None:
    """`matchspec --version` works everywhere, in a folder with another package called domain too."""
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain/__init__.py").write_text("raise ImportError('the wrong domain')\n")
    for folder in (tmp_path, Path("/")):
        assert succeed([installed / "matchspec", "--version"], folder) == "matchspec v0.1.0\n"


def test_the_three_packages_belong_to_matchspec_alone(installed: Path, tmp_path: Path) -> None:
    """No other distribution of the environment ships a package of the same name."""
    code = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    owners = json.loads(succeed([installed / "python", "-c", code], tmp_path))
    assert {name: owners[name] for name in PACKAGES} == {name: ["matchspec"] for name in PACKAGES}


def test_serve_without_a_configuration_says_where_it_looked(installed: Path, tmp_path: Path) -> None:
    """In an empty folder with an empty home, `serve` exits 2 and names the files that it looked for."""
    home = tmp_path / "home"
    empty = tmp_path / "empty"
    home.mkdir()
    empty.mkdir()
    refused = run([installed / "matchspec", "serve"], empty, HOME=str(home))
    assert refused.returncode == 2, refused.stderr
    assert "matchspec.yml" in refused.stderr
    assert ".matchspec/config.yml" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list(empty.iterdir())
