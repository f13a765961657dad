"""A user's own grader in its process: what it gives, how it may fail, and that nothing of it is left."""

import asyncio
import hashlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from domain.python_config import find_python_faults
from service.graders.factories import code_of, find_code_faults, find_factory
from service.graders.messages import Call, Opening, Ready
from service.graders.user_grader import UserGrader, open_python_grader

from domain.errors import GraderError
from domain.graded import Asked, Graded
from domain.grader_spec import PythonGrader
from service.graders import process, user_grader

Run = Callable[[Coroutine[Any, Any, Any]], Any]
HERE = Path(__file__).parent


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give each event loop's way to run a coroutine."""
    chosen: Run = request.param
    return chosen


def opened(factory: str, folder: Path = HERE, **config: object) -> UserGrader:
    """Open a grader of `user_graders.py`, or of another file: `FILE.py:NAME`."""
    named = factory if ":" in factory else f"user_graders.py:{factory}"
    environment = {"PATH": os.environ["PATH"], "MATCHSPEC_API_KEY": "sesame"}
    return open_python_grader(PythonGrader(config={"callable": named, **config}), folder, environment)


def asked(output: str, expected: str = "", metadata: dict[str, object] | None = None) -> Asked:
    """An answer to grade."""
    return Asked("a question", expected, output, metadata)


async def outcome(grader: UserGrader, output: str) -> float | str:
    """Give the score, or what the error says."""
    try:
        return (await grader.grade(asked(output))).score
    except GraderError as error:
        return str(error)


async def outcomes(grader: UserGrader, *outputs: str) -> list[float | str]:
    """Grade one after another, then close."""
    try:
        return [await outcome(grader, output) for output in outputs]
    finally:
        await grader.close()


async def at_once(grader: UserGrader, *outputs: str) -> list[float | str]:
    """Grade all at the same time, then close."""
    try:
        return await asyncio.gather(*(outcome(grader, output) for output in outputs))
    finally:
        await grader.close()


async def pid_of(grader: UserGrader) -> int:
    """Ask a grader that `does` for its process."""
    graded = await grader.grade(asked("pid"))
    assert isinstance(graded.detail, dict)
    return int(graded.detail["pid"])


def is_gone(pid: int) -> bool:
    """Wait up to a second for a process to have ended (a killed one may be a zombie for a moment)."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


def test_a_function_gives_a_score(run: Run) -> None:
    """Two of the four expected words are in the output: 0.5."""

    async def grade() -> Graded:
        grader = opened("word_overlap")
        try:
            return await grader.grade(asked("red and blue", expected="red green blue gold"))
        finally:
            await grader.close()

    assert run(grade()) == Graded(0.5, None)


def test_a_grader_is_given_all_there_is(run: Run) -> None:
    """The factory gets its own config without our keys, the grader the whole example, and neither our API key."""

    async def grade() -> list[Graded]:
        grader = opened("told", timeout_seconds=20, memory_mb=1024, words=["a"], deep={"b": None})
        examples = [Asked("é\n😀", "x\0", "", {"n": [1]}), Asked("", "", "o" * 3_000_000, None)]
        try:
            return [await grader.grade(examples[0]), await grader.grade(examples[1]._replace(output="o"))]
        finally:
            await grader.close()

    first, second = run(grade())

    own = {"words": ["a"], "deep": {"b": None}}
    assert first == Graded(1.0, {"given": [own, "é\n😀", "x\0", "", {"n": [1]}], "key": None})
    assert second == Graded(1.0, {"given": [own, "", "", "o", {}], "key": None})


def test_a_long_text_arrives_whole(run: Run) -> None:
    """Eight megabytes of output, more than any pipe holds, are graded like a short one."""
    long = f"len({'a' * 8_000_000!r}) == 8_000_000"

    assert run(outcomes(opened("evaluates"), long)) == [1.0]


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
    ("act", "said"),
    [
        ("fail", 'ValueError: no such word (user_graders.py, line N: raise ValueError("no such word"))'),
        ("leave", "SystemExit: 3 (user_graders.py, line N: sys.exit(3))"),
        ("leave_at_once", "the grader's process exited with 3"),
        ("complain", "the grader's process exited with 3: the index is broken"),
        ("die", "the grader's process was killed by SIGKILL"),
        ("eat", "out of memory (memory_mb is 2048)"),
        ("surrogate", "ValueError: half a pair: \\ud800"),
        ("spawn_and_leave", "the grader's process exited with 0"),
    ],
)
def test_misbehaviour_is_an_error_and_the_run_goes_on(run: Run, act: str, said: str) -> None:
    """However the grader's code ends, the example before and the one after are graded."""
    before, error, after = run(outcomes(opened("does"), "fine", act, "fine"))

    assert (before, after) == (1.0, 1.0)
    assert re.sub(r"line \d+", "line N", error).startswith(said)


def test_a_grader_that_hangs_is_killed_at_its_time(run: Run) -> None:
    """The example is an error soon after timeout_seconds, and the next one is graded by a new process."""
    began = time.monotonic()

    error, after = run(outcomes(opened("does", timeout_seconds=0.3), "hang", "fine"))

    assert error == "no score within 0.3 s; the grader's process was killed"
    assert after == 1.0
    assert time.monotonic() - began < 5


def test_those_in_line_behind_a_hang_are_graded(run: Run) -> None:
    """Only the one that hangs is an error: the time of those behind it begins with their turn."""
    scores = run(at_once(opened("does", timeout_seconds=0.5), "fine", "hang", *["fine"] * 6))

    assert scores == [1.0, "no score within 0.5 s; the grader's process was killed", *[1.0] * 6]


def test_those_in_line_behind_a_crash_are_graded(run: Run) -> None:
    """A process that dies takes one example with it."""
    scores = run(at_once(opened("does"), "fine", "die", "fine", "leave_at_once", "fine"))

    assert [isinstance(score, str) for score in scores] == [False, True, False, True, False]


def test_what_a_grader_prints_harms_nothing(run: Run) -> None:
    """Megabytes on both outputs, and a shell's, are read away; standard input is empty."""
    assert run(outcomes(opened("does"), "chatter", "read", "fine")) == [1.0, 1.0, 1.0]


def test_a_killed_process_is_started_again(run: Run) -> None:
    """A process killed between two examples costs neither of them."""

    async def kill_between() -> bool:
        grader = opened("does")
        first = await pid_of(grader)
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(0.1)
        second = await pid_of(grader)
        await grader.close()
        return first != second

    assert run(kill_between())


def test_setup_comes_first_and_teardown_last(run: Run, tmp_path: Path) -> None:
    """Each is called once, around all examples, whether async or not; without an example neither is."""
    for number, config in enumerate([{}, {"async": True}]):
        file = tmp_path / str(number)
        run(outcomes(opened("Recorder", file=str(file), **config), "one", "two"))
        assert file.read_text().split() == ["setup", "one", "two", "teardown"]

    run(outcomes(opened("Recorder", file=str(tmp_path / "none"))))
    assert not (tmp_path / "none").exists()


def test_a_failing_setup_is_every_examples_reason(run: Run, tmp_path: Path) -> None:
    """The reason is told for each example, and setup is not tried again."""
    errors = run(outcomes(opened("Unready", setup="fail", file=str(tmp_path / "tries")), *["fine"] * 5))

    assert len(set(errors)) == 1
    assert errors[0].startswith("setup() failed: ValueError: no such word (user_graders.py, line ")
    assert (tmp_path / "tries").read_text() == "try\n"


def test_a_setup_that_crashes_is_given_up(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three lost processes in a row no further one is started."""
    monkeypatch.setattr(user_grader, "MAX_LOST", 3)
    errors = run(outcomes(opened("Unready", setup="complain", file=str(tmp_path / "tries")), *["fine"] * 5))

    reason = "the grader's process exited with 3: the index is broken"
    assert errors == [*[reason] * 3, *[f"given up after 3 lost processes in a row, the last: {reason}"] * 2]
    assert (tmp_path / "tries").read_text() == "try\n" * 3


def test_a_setup_that_hangs_is_killed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start has a time limit of its own, and all who wait for it are told."""
    monkeypatch.setattr(process, "START_SECONDS", 0.5)
    grader = opened("Unready", setup="hang", file=str(tmp_path / "tries"), timeout_seconds=0.5)

    errors = run(at_once(grader, "fine", "fine"))

    assert errors == ["not set up within 0.5 s; the grader's process was killed"] * 2


def test_a_slow_import_is_not_a_slow_score(run: Run, tmp_path: Path) -> None:
    """The time of an import does not count as a grading's."""
    (tmp_path / "slow.py").write_text(
        "import time\ntime.sleep(0.6)\ndef make(config):\n    return lambda *asked: 1.0\n"
    )

    assert run(outcomes(opened("slow.py:make", tmp_path, timeout_seconds=0.5), "x")) == [1.0]


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


async def test_an_edit_counts_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    """An edit within the same second that keeps the size is seen, and no compiled file is left beside the source."""
    for score in ["0.25", "0.75"]:
        (tmp_path / "my.py").write_text(f"def make(config):\n    return lambda *asked: {score}\n")
        os.utime(tmp_path / "my.py", (1_000, 1_000))
        assert await outcomes(opened("my.py:make", tmp_path), "x") == [float(score)]

    assert [path.name for path in tmp_path.iterdir()] == ["my.py"]


def test_async_gradings_go_side_by_side(run: Run) -> None:
    """Twenty that wait half a second each end in far less than ten seconds."""
    began = time.monotonic()

    assert run(at_once(opened("sleeper"), *["0.5"] * 20)) == [0.5] * 20
    assert time.monotonic() - began < 4


def test_a_crash_of_one_async_grading_harms_no_other(run: Run) -> None:
    """Those under way are asked again, one by one, and the culprit alone is an error."""
    scores = run(at_once(opened("sleeper"), "0.2", "0.3", "die", "0.1", "fail", "0.2"))

    assert scores[2] == "the grader's process was killed by SIGKILL"
    assert str(scores[4]).startswith("ValueError: no such word")
    assert [scores[n] for n in (0, 1, 3, 5)] == [0.5] * 4


def test_an_async_grading_out_of_time_harms_no_other(run: Run) -> None:
    """The others that the kill interrupts are asked again."""

    async def staggered() -> list[float | str]:
        grader = opened("sleeper", timeout_seconds=1)
        slow = asyncio.create_task(outcome(grader, "60"))
        await asyncio.sleep(0.7)
        others = await asyncio.gather(*(outcome(grader, "0.6") for _ in range(3)))
        await grader.close()
        return [await slow, *others]

    assert run(staggered()) == ["no score within 1 s; the grader's process was killed", 0.5, 0.5, 0.5]


def test_a_cancelled_grading_leaves_the_process_and_the_others_alone(run: Run) -> None:
    """Whoever no longer waits, under way or in line, changes nothing for those who do."""

    async def cancel_some(factory: str, output: str) -> bool:
        grader = opened(factory)
        await outcome(grader, "0.01")
        before = grader._process
        calls = [asyncio.create_task(outcome(grader, output)) for _ in range(8)]
        await asyncio.sleep(0.05)
        for call in calls[::2]:
            call.cancel()
        scores = await asyncio.gather(*calls[1::2])
        is_same = grader._process is before
        await grader.close()
        return is_same and scores == [0.01 if factory == "evaluates" else 0.5] * 4

    assert run(cancel_some("sleeper", "0.2"))
    assert run(cancel_some("evaluates", "[__import__('time').sleep(0.03), 0.01][1]"))


def test_close_ends_everything(run: Run) -> None:
    """Neither the process nor what it has started is left, with a grading under way or without."""

    async def use(last: str) -> list[int]:
        grader = opened("does")
        pids = [await pid_of(grader)]
        spawned = await grader.grade(asked("spawn"))
        assert isinstance(spawned.detail, dict)
        pids.append(spawned.detail["pid"])
        call = asyncio.create_task(outcome(grader, last))
        await asyncio.sleep(0.1)
        await grader.close()
        await call
        assert await outcome(grader, "fine") == "the grader is closed"
        await grader.close()
        return pids

    for last in ["fine", "hang"]:
        assert all(is_gone(pid) for pid in run(use(last)))


@pytest.mark.parametrize("steps", range(0, 12, 2))
def test_a_grader_closed_while_it_starts_leaves_nothing(run: Run, steps: int) -> None:
    """However early, the grading under way is told, and no child process is left."""

    async def close_early() -> float | str:
        grader = opened("does")
        call = asyncio.create_task(outcome(grader, "fine"))
        for _ in range(steps):
            await asyncio.sleep(0)
        await grader.close()
        return await call

    assert run(close_early()) == "the grader is closed"
    assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def test_a_cancelled_close_still_leaves_nothing(run: Run) -> None:
    """Who can't wait for the teardown has the process killed."""

    async def close_in_haste() -> int:
        grader = opened("does")
        pid = await pid_of(grader)
        call = asyncio.create_task(outcome(grader, "hang"))
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await grader.close()
        await call
        return pid

    assert is_gone(run(close_in_haste()))


def test_a_failing_teardown_is_logged(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All scores are in by then: it is told, and changes nothing."""
    source = "class Make:\n    def __init__(self, config): pass\n    def __call__(self, *asked): return 1\n"
    (tmp_path / "my.py").write_text(source + "    def teardown(self): raise OSError('still busy')\n")

    assert run(outcomes(opened("my.py:Make", tmp_path), "x")) == [1.0]
    assert "grader Make: exited with 1: teardown() failed: OSError: still busy (my.py, line 4" in caplog.text


def test_fifty_restarts_leave_no_descriptor(run: Run) -> None:
    """A lost process takes its pipes with it."""

    async def restart() -> tuple[int, int]:
        grader = opened("does")
        await outcomes_of_pairs(grader, 2)
        before = len(os.listdir("/proc/self/fd"))
        await outcomes_of_pairs(grader, 50)
        after = len(os.listdir("/proc/self/fd"))
        await grader.close()
        return before, after

    before, after = run(restart())
    assert after <= before


async def outcomes_of_pairs(grader: UserGrader, count: int) -> None:
    """Lose the process, and grade again, so many times."""
    for _ in range(count):
        assert isinstance(await outcome(grader, "leave_at_once"), str)
        assert await outcome(grader, "fine") == 1.0


def test_the_process_ends_with_its_parent() -> None:
    """A grader that hangs does not outlive a killed matchspec."""
    ours, theirs = socket.socketpair()
    with theirs:
        started = subprocess.Popen(process.COMMAND, stdin=theirs, start_new_session=True)
    spec = PythonGrader(config={"callable": "user_graders.py:does"})
    opening = Opening(*find_factory(spec, HERE), config={}, memory_mb=2_048)
    with ours:
        ours.sendall(msgspec.json.encode(opening) + b"\n" + msgspec.json.encode(Call(1, "", "", "hang", None)) + b"\n")
        assert ours.recv(1_000) == msgspec.json.encode(Ready()) + b"\n"
    assert started.wait(timeout=5) == -signal.SIGKILL


def test_a_text_that_can_not_be_sent_is_an_error(run: Run) -> None:
    """Half of a surrogate pair has no place in JSON; the next example is graded."""
    error, after = run(outcomes(opened("does"), "\ud800", "fine"))

    assert str(error).startswith("the example can't be handed to the grader's process: ")
    assert after == 1.0


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
