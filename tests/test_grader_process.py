"""The process of a user's own grader: whatever happens to it, the run goes on and nothing of it is left."""

import asyncio
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
from user_grading import HERE, asked, at_once, opened, outcome, outcomes

from domain.grader_spec import PythonGrader
from service.graders import process, user_grader
from service.graders.factories import find_factory
from service.graders.messages import Call, Opening, Ready
from service.graders.user_grader import UserGrader

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give each event loop's way to run a coroutine."""
    chosen: Run = request.param
    return chosen


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
    for is_async in (False, True):
        file = tmp_path / str(is_async)
        run(outcomes(opened("Recorder", file=str(file), is_async=is_async), "one", "two"))
        assert file.read_text().split() == ["setup", "one", "two", "teardown"]

    run(outcomes(opened("Recorder", file=str(tmp_path / "none"))))
    assert not (tmp_path / "none").exists()


def test_a_failing_setup_is_every_examples_reason(run: Run, tmp_path: Path) -> None:
    """The reason is told for each example, and setup is not tried again."""
    errors = run(outcomes(opened("Unready", setup="fail", file=str(tmp_path / "tries")), *["fine"] * 5))

    assert len(set(errors)) == 1
    assert errors[0].startswith("setup() failed: ValueError: no such word (user_graders.py, line ")
    assert (tmp_path / "tries").read_text() == "try\n"


def test_a_setup_that_crashes_is_given_up(run: Run, tmp_path: Path) -> None:
    """After three lost processes in a row no further one is started."""
    errors = run(outcomes(opened("Unready", setup="complain", file=str(tmp_path / "tries")), *["fine"] * 5))

    reason = "the grader's process exited with 3: the index is broken"
    assert errors == [*[reason] * 3, *[f"3 starts in a row have failed, the last: {reason}"] * 2]
    assert (tmp_path / "tries").read_text() == "try\n" * 3


def test_a_grader_that_always_crashes_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many lost processes in a row; one answer in between, even an error, starts the count anew."""
    monkeypatch.setattr(user_grader, "LOST_GRADINGS", 2)
    scores = run(outcomes(opened("does"), "die", "fine", "die", "fail", "die", "die", "fine"))

    died = "the grader's process was killed by SIGKILL"
    assert [scores[n] for n in (0, 2, 4, 5)] == [died] * 4
    assert scores[6] == f"2 gradings in a row have ended its process, the last: {died}"


def test_a_setup_that_hangs_is_killed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start has a time limit of its own, and all who wait for it are told."""
    monkeypatch.setattr(process, "START_SECONDS", 0.5)
    grader = opened("Unready", setup="hang", file=str(tmp_path / "tries"), timeout_seconds=0.5)

    errors = run(at_once(grader, "fine", "fine"))

    assert errors == ["not set up within 0.5 s; the grader's process was killed"] * 2


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

    before = children()
    assert run(close_early()) == "the grader is closed"
    assert children() <= before


def children() -> set[str]:
    """The processes that this one has started and that are there still, some for other tests."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


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


@pytest.mark.slow
def test_fifty_restarts_leave_no_descriptor(run: Run) -> None:
    """A lost process takes its pipes with it."""

    async def restart() -> tuple[int, int]:
        grader = opened("does")
        await outcomes_of_pairs(grader, 2)
        before = open_descriptors()
        await outcomes_of_pairs(grader, 50)
        after = open_descriptors()
        await grader.close()
        return before, after

    before, after = run(restart())
    assert after <= before


def open_descriptors() -> int:
    """Count this process's open files."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def outcomes_of_pairs(grader: UserGrader, count: int) -> None:
    """Lose the process, and grade again, so many times."""
    for _ in range(count):
        assert isinstance(await outcome(grader, "leave_at_once"), str)
        assert await outcome(grader, "fine") == 1.0


def test_the_process_ends_with_its_parent() -> None:
    """A grader that hangs does not outlive a killed matchspec."""
    ours, theirs = socket.socketpair()
    with theirs:
        started = subprocess.Popen(process.COMMAND, stdin=theirs.fileno(), start_new_session=True)
    spec = PythonGrader(config={"callable": "user_graders.py:does"})
    opening = Opening(*find_factory(spec, HERE), config={}, memory_mb=2_048)
    with ours:
        ours.sendall(msgspec.json.encode(opening) + b"\n")
        assert ours.recv(1_000) == msgspec.json.encode(Ready()) + b"\n"
        ours.sendall(msgspec.json.encode(Call(1, "", "", "hang", None)) + b"\n")
    assert started.wait(timeout=5) == -signal.SIGKILL
