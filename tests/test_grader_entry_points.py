"""Graders that an installed package registers, used by their type."""

import os
from pathlib import Path

import pytest

from domain.errors import GraderError
from domain.graded import Asked, Graded
from domain.grader_spec import RegisteredGrader
from domain.python_config import find_python_faults
from domain.secrets import Secrets
from service.files.registered import registered_types
from service.graders.factories import code_of, find_code_faults
from service.graders.user_grader import open_python_grader

NO_SECRETS = Secrets({})
CODE = """
class Makers:
    @staticmethod
    def length(config):
        def grade(input, expected, output, metadata):
            return {"score": min(len(output) / config["most"], 1), "metadata": {"config": config}}
        return grade
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages with one that registers the type `length`."""
    install(tmp_path, "word-lengths", "1.2", "length = word_lengths:Makers.length")
    (tmp_path / "word_lengths.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(folder: Path, package: str, version: str, entry: str) -> None:
    """Leave what an installer leaves of a package with a grader."""
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[matchspec.graders]\n{entry}\n")


async def test_a_registered_grader_is_used_by_its_type(installed: Path, tmp_path: Path) -> None:
    """Its factory gets all of `config` but what is ours; two characters of four are 0.5."""
    spec = RegisteredGrader(entry_point="length", config={"most": 4, "timeout_seconds": 5, "callable": "mine"})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)}

    grader = open_python_grader(spec, tmp_path, environment, NO_SECRETS)
    graded = await grader.grade(Asked("", "", "ab", None))
    await grader.close()

    assert graded == Graded(0.5, {"config": {"most": 4, "callable": "mine"}})


def test_registered_types_are_known(installed: Path) -> None:
    """Each type an installed package registers is there, and its package and version are its code."""
    spec = RegisteredGrader(entry_point="length")

    assert "length" in registered_types()
    assert code_of(spec, installed) == {"length": "word-lengths 1.2"}
    assert find_code_faults(spec, installed) == []


def test_a_type_that_nothing_registers_is_a_fault(installed: Path) -> None:
    """The nearest registered type is told, and opening it fails with the same words."""
    spec = RegisteredGrader(entry_point="lenght")
    message = "no installed package registers the grader 'lenght' (did you mean 'length'?)"

    assert [fault[:2] for fault in find_code_faults(spec, installed)] == [(("type",), message)]
    assert code_of(spec, installed) == {}
    with pytest.raises(GraderError) as caught:
        open_python_grader(spec, installed, {}, NO_SECRETS)
    assert str(caught.value) == message


def test_a_type_that_two_packages_register_is_a_fault(installed: Path) -> None:
    """Neither is chosen by chance."""
    install(installed, "lengths-too", "0.1", "length = lengths_too:make")

    (fault,) = find_code_faults(RegisteredGrader(entry_point="length"), installed)

    assert fault.message == (
        "the grader 'length' is registered by lengths-too 0.1 and word-lengths 1.2; keep one of them installed"
    )


async def test_an_entry_point_without_its_module_is_an_error(installed: Path) -> None:
    """Every example has the reason."""
    install(installed, "half", "1", "half = no_such_module:make")
    grader = open_python_grader(
        RegisteredGrader(entry_point="half"), installed, {"PATH": os.environ["PATH"]}, NO_SECRETS
    )

    with pytest.raises(GraderError) as caught:
        await grader.grade(Asked("", "", "", None))
    await grader.close()

    assert str(caught.value).startswith("no_such_module can't be loaded: ModuleNotFoundError: ")


def test_a_registered_grader_may_have_a_callable_of_its_own() -> None:
    """Only the time and the memory are ours in its config, and they are checked."""
    good = RegisteredGrader(entry_point="length", config={"callable": 3})
    bad = RegisteredGrader(entry_point="length", config={"timeout_seconds": -1})

    assert list(find_python_faults(good)) == []
    assert [fault.place for fault in find_python_faults(bad)] == [("config", "timeout_seconds")]
