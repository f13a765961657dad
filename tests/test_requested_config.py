"""The `config` of a request: files below the server's folder, and nothing else."""

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from live import check_problem, in_process, run_through
from project import suite, write_config, write_project, write_yaml

MEGABYTE = 1_000_000


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service over the suite `qa`, in a folder of its own within `tmp_path`."""
    folder = tmp_path / "served"
    folder.mkdir()
    async with in_process(write_project(folder)) as opened:
        yield opened
        assert (await opened.get("/results")).json()["total"] == 0


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Values of `config` that are missing or not allowed; some exist outside, others nowhere."""
    write_yaml(tmp_path / "outside.yml", {"version": 1, "suites": [{"name": "qa", "harnesses": []}]})
    served = tmp_path / "served"
    (served / "folder").mkdir()
    links = {
        "link.yml": tmp_path / "outside.yml",
        "dead.yml": tmp_path / "nowhere.yml",
        "loop.yml": served / "loop.yml",
        "zero.yml": Path("/dev/zero"),
        "environ.yml": Path("/proc/self/environ"),
        "up": tmp_path,
    }
    for name, target in links.items():
        (served / name).symlink_to(target)
    os.mkfifo(served / "fifo.yml")
    monkeypatch.chdir(served)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.yml")
    outside = ["../outside.yml", "../nowhere.yml", str(tmp_path / "outside.yml"), "folder/../../outside.yml"]
    outside += [
        "up/outside.yml",
        "../served/../outside.yml",
        "../served2/matchspec.yml",
        "..",
        "../",
        "/",
        "/etc/passwd",
    ]
    outside += ["/proc/self/environ", "/proc/self/cwd/../outside.yml", "/dev/stdin", "/dev/zero", "//etc/passwd"]
    missing = ["nowhere.yml", "", ".", "./", "folder", "folder/", "folder/nowhere.yml", "matchspec.yml/x"]
    odd = ["matchspec.yml\0", "\0", "matchspec.yml\0.txt", "x" * 5_000, "a/" * 3_000, " matchspec.yml", "~/x.yml"]
    odd += [
        "file:///etc/passwd",
        "http://127.0.0.1/x.yml",
        "\\..\\outside.yml",
        "..\\outside.yml",
        "%2e%2e/outside.yml",
    ]
    return [*outside, *missing, *odd, *links, "fifo.yml", "socket.yml", "*.yml", "$HOME", "-", "\U0001f600.yml"]


@pytest.mark.timeout(20)
async def test_a_config_outside_or_missing_is_refused_in_one_way(
    client: httpx.AsyncClient, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside, missing, a pipe, a folder, a device: 400 with the same text, so that nobody learns what exists."""
    monkeypatch.chdir("/")
    texts = set()
    for path in paths:
        answer = await client.post("/run", json={"config": path})
        assert answer.status_code == 400, (path, answer.text)
        check_problem(answer)
        texts.add(answer.text)
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "line"),
        (b"\0\0\0", "bad.yml"),
        (b"version: 2\nsuites: []\n", "version"),
        (b"suites: [", "line"),
        (b"[" * 100_000, "bad.yml"),
        (b"a: &a [x]\nb: [*a, *a]\n", "line"),
        (b"\xff\xfe", "bad.yml"),
        (b"x" * 2 * MEGABYTE, "1 MB"),
        (b"version: 1\nsuites:\n  - name: s\n    harnesses: [../../etc/passwd]\n", "suites[0].harnesses[0]"),
    ],
)
async def test_a_config_inside_that_is_invalid_is_refused_with_its_mistakes(
    client: httpx.AsyncClient, tmp_path: Path, content: bytes, word: str
) -> None:
    """A file below the folder that is no valid config: 400 that names it and what is wrong."""
    (tmp_path / "served" / "bad.yml").write_bytes(content)
    answer = await client.post("/run", json={"config": "bad.yml"})
    assert answer.status_code == 400
    check_problem(answer)
    assert answer.json()["errors"][0]["file"] == "bad.yml"
    assert word in answer.text


async def test_a_suite_without_harnesses_cannot_be_run(tmp_path: Path) -> None:
    """`harnesses: []` is valid, but running it is 400; beside others it does not matter."""
    empty = {"name": "empty", "harnesses": []}
    async with in_process(write_project(tmp_path, suites=[empty, suite("qa", "qa-v1")])) as client:
        refused = await client.post("/run", json={"suite": "empty"})
        assert refused.status_code == 400
        check_problem(refused)
        assert (await run_through(client))["status"] == "passed"
        write_config(tmp_path, [empty])
        assert (await client.post("/run")).status_code == 400
