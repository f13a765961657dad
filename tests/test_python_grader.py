"""A user's own grader: what it is given, what it may give, and how a mistake in it is told."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from user_grading import asked, opened, outcomes

from domain.graded import Asked, Graded
from domain.grader_spec import PythonGrader
from domain.python_config import find_python_faults
from service.graders.factories import code_of, find_code_faults


def test_a_function_gives_a_score() -> None:
    """Two of the four expected words are in the output: 0.5."""

    async def grade() -> Graded:
        grader = opened("word_overlap")
        try:
            return await grader.grade(asked("red and blue", expected="red green blue gold"))
        finally:
            await grader.close()

    assert asyncio.run(grade()) == Graded(0.5, None)


def test_a_grader_is_given_all_there_is() -> None:
    """The factory gets its own config without our keys, the grader the whole example, and neither our API key."""

    async def grade() -> list[Graded]:
        grader = opened("told", timeout_seconds=20, memory_mb=1024, words=["a"], deep={"b": None})
        examples = [Asked("é\n😀", "x\0", "", {"n": [1]}), Asked("", "", "o" * 3_000_000, None)]
        try:
            return [await grader.grade(examples[0]), await grader.grade(examples[1]._replace(output="o"))]
        finally:
            await grader.close()

    first, second = asyncio.run(grade())

    own = {"words": ["a"], "deep": {"b": None}}
    assert first == Graded(1.0, {"given": [own, "é\n😀", "x\0", "", {"n": [1]}], "key": None})
    assert second == Graded(1.0, {"given": [own, "", "", "o", {}], "key": None})


@pytest.mark.parametrize(
    ("given", "score"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("True", 1.0),
        ("0.25", 0.25),
        ("__import__('numpy').float32(0.5)", 0.5),
        ("__import__('numpy').int64(1)", 1.0),
        ("__import__('fractions').Fraction(1, 4)", 0.25),
        ("{'score': 0.5}", 0.5),
        ("__import__('asyncio').sleep(0, 0.75)", 0.75),
    ],
)
async def test_any_number_from_0_to_1_is_a_score(given: str, score: float) -> None:
    """Whole numbers, booleans, numpy's numbers and fractions count, alone, as `score` of a mapping, or awaited."""
    assert await outcomes(opened("evaluates"), given) == [score]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("2.0", "the score must be a number from 0 to 1, got 2.0"),
        ("-0.001", "the score must be a number from 0 to 1, got -0.001"),
        ("float('nan')", "the score must be a number from 0 to 1, got nan"),
        ("float('inf')", "the score must be a number from 0 to 1, got inf"),
        ("None", "the score must be a number from 0 to 1, got None"),
        ("'0.5'", "the score must be a number from 0 to 1, got '0.5'"),
        ("1j", "the score must be a number from 0 to 1, got 1j"),
        ("[0.5]", "the score must be a number from 0 to 1, got [0.5]"),
        ("{'score': 2}", "the score must be a number from 0 to 1, got 2"),
        ("{'score': 1, 'why': 'x'}", "has the form {'score': ..., 'metadata': {...}}, got {'score': 1, 'why': 'x'}"),
        ("{'metadata': {}}", "has the form {'score': ..., 'metadata': {...}}, got {'metadata': {}}"),
        ("{'score': 1, 'metadata': 'x'}", "the metadata of a score must be a mapping, got 'x'"),
        ("{'score': 1, 'metadata': {'x': object()}}", "metadata can't be written as JSON: it holds a object"),
        ("{'score': 1, 'metadata': {'x': '\\ud800'}}", "metadata can't be written as JSON: "),
        ("{'score': 1, 'metadata': {'x': 'x' * 70_000}}", "metadata is over 64,000 bytes"),
    ],
)
async def test_anything_else_is_an_error_and_the_next_example_is_graded(given: str, said: str) -> None:
    """What is no score is told as it is, without a restart."""
    error, after = await outcomes(opened("evaluates"), given, "1.0")

    assert said in str(error)
    assert after == 1.0


@pytest.mark.parametrize(
    ("source", "factory", "said"),
    [
        ("def make(config:\n  pass", "make", "my.py can't be loaded: SyntaxError: "),
        (
            "import no_such_module",
            "make",
            "my.py can't be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("1 / 0", "make", "my.py can't be loaded: ZeroDivisionError: division by zero (my.py, line 1: 1 / 0)"),
        ("def make(config): pass", "mak", "my.py has no 'mak'; it has make"),
        (
            "def make(config): pass",
            "make",
            "make(config) must return a function of (input, expected, output, metadata)",
        ),
        ("make = None", "make", "make(config) failed: TypeError: 'NoneType' object is not callable"),
        (None, "make", "my.py can't be loaded: FileNotFoundError: "),
    ],
)
async def test_code_that_can_not_be_used_is_told(tmp_path: Path, source: str | None, factory: str, said: str) -> None:
    """Every example has the reason."""
    if source is not None:
        (tmp_path / "my.py").write_text(source)

    errors = await outcomes(opened(f"my.py:{factory}", tmp_path), "x", "y")

    assert [str(error)[: len(said)] for error in errors] == [said] * 2


async def test_a_factory_that_fails_is_told() -> None:
    """With the place in the user's file."""
    (error,) = await outcomes(opened("broken", index="/nowhere"), "x")

    assert str(error).startswith("broken(config) failed: LookupError: no index at /nowhere (user_graders.py, line ")


async def test_a_file_may_import_its_neighbours_whatever_they_are_called(tmp_path: Path) -> None:
    """A `domain.py` beside the user's file is the user's, not ours."""
    (tmp_path / "domain.py").write_text("score = 0.25\n")
    (tmp_path / "my.py").write_text("import domain\ndef make(config):\n    return lambda *asked: domain.score\n")

    assert await outcomes(opened("my.py:make", tmp_path), "x") == [0.25]


def test_an_edit_counts_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    """An edit within the same second that keeps the size is seen, and no compiled file is left beside the source."""
    for score in ["0.25", "0.75"]:
        (tmp_path / "my.py").write_text(f"def make(config):\n    return lambda *asked: {score}\n")
        os.utime(tmp_path / "my.py", (1_000, 1_000))
        assert asyncio.run(outcomes(opened("my.py:make", tmp_path), "x")) == [float(score)]

    assert [path.name for path in tmp_path.iterdir()] == ["my.py"]


def test_the_code_is_told_by_digest(tmp_path: Path) -> None:
    """The user's file counts, under its path as written; a file that is not there is told as a fault instead."""
    (tmp_path / "my.py").write_bytes(b"x = 1\n")
    spec, missing = (PythonGrader(config={"callable": f"./{name}.py:x"}) for name in ("my", "other"))

    assert code_of(spec, tmp_path) == {"./my.py": hashlib.sha256(b"x = 1\n").hexdigest()}
    assert find_code_faults(spec, tmp_path) == []
    assert code_of(missing, tmp_path) == {}
    assert [fault[:2] for fault in find_code_faults(missing, tmp_path)] == [
        (("config", "callable"), "./other.py: no such file")
    ]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "callable"),
        ({"callable": "graders:make"}, "callable"),
        ({"callable": "graders.py"}, "callable"),
        ({"callable": "graders.py:a b"}, "callable"),
        ({"callable": 3}, "callable"),
        ({"callable": "g.py:make", "timeout_seconds": 0}, "timeout_seconds"),
        ({"callable": "g.py:make", "timeout_seconds": True}, "timeout_seconds"),
        ({"callable": "g.py:make", "timeout_seconds": "30"}, "timeout_seconds"),
        ({"callable": "g.py:make", "memory_mb": 64}, "memory_mb"),
        ({"callable": "g.py:make", "memory_mb": 512.5}, "memory_mb"),
    ],
)
def test_our_keys_of_a_config_are_checked(config: dict[str, object], field: str) -> None:
    """Each wrong key is one fault, at its place."""
    assert [fault.place for fault in find_python_faults(PythonGrader(config=config))] == [("config", field)]


def test_other_keys_of_a_config_are_the_graders_own() -> None:
    """Nothing is wrong with whatever else is there."""
    config = {"callable": "sub/g.py:make", "timeout_seconds": 1, "memory_mb": 512, "words": [1], "timeout": "x"}

    assert list(find_python_faults(PythonGrader(config=config))) == []


def test_a_long_text_arrives_whole() -> None:
    """Eight megabytes of output, more than any pipe holds, are graded like a short one."""
    long = f"len({'a' * 8_000_000!r}) == 8_000_000"

    assert asyncio.run(outcomes(opened("evaluates"), long)) == [1.0]


def test_a_slow_import_is_not_a_slow_score(tmp_path: Path) -> None:
    """The time of an import does not count as a grading's."""
    (tmp_path / "slow.py").write_text(
        "import time\ntime.sleep(0.6)\ndef make(config):\n    return lambda *asked: 1.0\n"
    )

    assert asyncio.run(outcomes(opened("slow.py:make", tmp_path, timeout_seconds=0.5), "x")) == [1.0]


def test_a_text_that_can_not_be_sent_is_an_error() -> None:
    """Half of a surrogate pair has no place in JSON; the next example is graded."""
    error, after = asyncio.run(outcomes(opened("does"), "\ud800", "fine"))

    assert str(error).startswith("the example can't be handed to the grader's process: ")
    assert after == 1.0
