"""A regex whose grading takes long: in a thread, so that nothing else waits for it, and within bounds."""

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from project import Fields, write_project
from running import Document, serving

from domain import graders
from domain.errors import GraderError
from domain.graded import Asked
from domain.grader_spec import (
    ContainsGrader,
    ExactMatchGrader,
    RegexConfig,
    RegexGrader,
    TextGrader,
)
from domain.graders import MOST_WORK, MUCH_WORK, make_estimate, make_grader
from domain.marks import Marks
from service.execution.grading import Graders, PureGrader, grade


def regex(pattern: str) -> RegexGrader:
    """A regex grader with this pattern."""
    return RegexGrader(config=RegexConfig(pattern=pattern))


@pytest.mark.parametrize("grader", [ExactMatchGrader(), ContainsGrader()])
def test_comparing_texts_is_always_cheap(grader: TextGrader) -> None:
    """Whatever their length."""
    assert make_estimate(grader) is None


def test_work_grows_with_output_expected_text_and_counted_repetitions() -> None:
    """It is proportional to the output; each expected character and each counted repetition adds to the pattern."""
    plain, counted = make_estimate(regex("ab")), make_estimate(regex("a{400}b"))
    assert plain
    assert counted

    assert plain("", "") == 0
    assert plain("", "x" * 500) == 5 * plain("", "x" * 100) > 0
    assert plain("e" * 90, "x" * 100) == plain("", "x" * 100) + 9_000
    assert counted("", "x" * 100) >= plain("", "x" * 100) + 39_800


def test_too_long_texts_are_refused_without_a_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond MOST_WORK it is a grader error: by the characters before the pattern is compiled, by its size after."""
    monkeypatch.setattr(graders, "MOST_WORK", 2_000)
    score, counted = make_grader(regex("{{{expected}}}x")), make_grader(regex("a{400}b"))

    assert score("abc" * 10, "-" * 10) == 0.0  # 45 characters of pattern times 10
    assert counted("", "-" * 4) == 0.0
    with pytest.raises(GraderError, match="too long for each other"):
        score("a" * 986, "--")  # 1,001 x 2
    with pytest.raises(GraderError, match="too long for each other"):
        counted("", "-" * 6)


def test_the_bounds_are_in_order() -> None:
    """There is work for a thread before there is too much."""
    assert 0 < MUCH_WORK < MOST_WORK


async def threads_of(*outputs: str) -> list[bool]:
    """Tell for each output whether it was graded outside the main thread."""
    spec = regex("a" * 100)
    seen: list[bool] = []

    def score(_expected: str, _output: str) -> float:
        seen.append(threading.current_thread() is not threading.main_thread())
        return 1.0

    for output in outputs:
        used = Graders([PureGrader("regex", score, make_estimate(spec))], [], Marks({"regex": 1.0}, None, 1.0))
        assert (await grade(used, Asked("", "", output, None))).scores == {"regex": 1.0}
    return seen


async def test_only_much_work_goes_to_a_thread() -> None:
    """A hundred characters of pattern, some more instructions: at MUCH_WORK / 100 characters, not at half of that."""
    edge = MUCH_WORK // 100

    assert await threads_of("", "x" * (edge // 2), "x" * edge) == [False, False, True]


def project(folder: Path, pattern: str, asked: Sequence[tuple[str, str]]) -> Path:
    """A run of echo with a regex; `asked` are inputs and expected texts."""
    examples: list[Fields] = [
        {"id": f"ex-{n}", "input": text, "expected": expected} for n, (text, expected) in enumerate(asked)
    ]
    return write_project(folder, examples=examples, graders=[{"type": "regex", "config": {"pattern": pattern}}])


async def result_of(config: Path) -> Document:
    """Run everything, and give the document."""
    async with serving(config) as client:
        return await client.run()


async def test_too_much_work_is_a_grader_error_of_its_example(tmp_path: Path) -> None:
    """A million characters against 1,000 of pattern: told at once, the others keep their scores."""
    asked = [("a", "a"), ("x" * 1_000_000, "e" * 1_000), ("b", "b")]
    began = time.monotonic()
    document = await result_of(project(tmp_path, "{{expected}}", asked))

    assert time.monotonic() - began < 5
    assert [entry["scores"] for entry in document["examples"]] == [{"regex": 1.0}, {}, {"regex": 1.0}]
    assert document["examples"][1]["errors"] == {
        "regex": "the pattern with this expected text and the output are too long for each other"
    }
    assert document["grader_errors"] == 1
    assert document["verdict"] == "PASS"


async def test_a_short_pattern_may_be_too_much_too(tmp_path: Path) -> None:
    """Some 3,400 instructions in 560 characters, against half a million characters: refused, not tried."""
    hard = "|".join(f"(a{{1,{n}}}b?)+z" for n in range(20, 60))
    document = await result_of(project(tmp_path, hard, [("a" * 500_000, ""), ("az", "")]))

    assert [entry["scores"] for entry in document["examples"]] == [{}, {"regex": 1.0}]
    assert document["duration_seconds"] < 5


async def test_the_server_answers_while_it_grades(tmp_path: Path) -> None:
    """While three gradings go on that outgrow RE2's automaton, many more requests than three are answered."""
    hard = "(x+x+)+y|" + "|".join(f"(a{{1,{n}}}b?)+z" for n in range(20, 60))
    asked = [("a" * 6_000, "") for _ in range(3)]
    config = project(tmp_path, hard, asked)
    answered = 0
    async with serving(config) as client:
        run_id = await client.start()
        while (await client.get(run_id))["status"] == "running":
            await asyncio.sleep(0.001)
            answered += 1
        document = await client.get(run_id)

    assert document["grader_errors"] == 0
    assert answered > 20
