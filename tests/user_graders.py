"""Graders as a user might write them, good and bad; `test_python_grader.py` names them as `user_graders.py:NAME`."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

Config = Mapping[str, object]
Grader = Callable[[str, str, str, dict[str, object]], object]
AsyncGrader = Callable[[str, str, str, dict[str, object]], Awaitable[float]]


def word_overlap(_config: Config) -> Grader:
    """The share of the expected words that the output holds."""

    def grade(_input: str, expected: str, output: str, _metadata: dict[str, object]) -> float:
        wanted = set(expected.split())
        return len(wanted & set(output.split())) / len(wanted)

    return grade


def gives(config: Config) -> Grader:
    """Always the value under `value`, whatever it is."""
    return lambda _input, _expected, _output, _metadata: config["value"]


def evaluates(_config: Config) -> Grader:
    """The value of the output, as a Python expression."""
    return lambda _input, _expected, output, _metadata: eval(output)


def told(config: Config) -> Grader:
    """A score whose metadata holds all that the grader was given."""

    def grade(text: str, expected: str, output: str, metadata: dict[str, object]) -> object:
        given = [dict(config), text, expected, output, metadata]
        return {"score": 1, "metadata": {"given": given, "key": os.environ.get("MATCHSPEC_API_KEY")}}

    return grade


def does(_config: Config) -> Grader:
    """Whatever the output names; `fine` is 1.0."""
    return lambda _input, _expected, output, _metadata: ACTS[output]()


def fine() -> float:
    """A good score."""
    return 1.0


def hang() -> float:
    """Never ends."""
    time.sleep(600)
    return 1.0


def fail() -> float:
    """Raises."""
    raise ValueError("no such word")


def leave() -> float:
    """Ends the program politely."""
    sys.exit(3)


def leave_at_once() -> float:
    """Ends the process without a word to Python."""
    os._exit(3)


def die() -> float:
    """Kills its process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def eat() -> float:
    """Takes more memory than there is."""
    return float(len(bytearray(10**13)))


def chatter() -> float:
    """Prints far more than a pipe holds, to both outputs."""
    print("x" * 2_000_000)
    print("y" * 2_000_000, file=sys.stderr)
    os.system("echo from a shell")
    return 1.0


def read() -> float:
    """Reads its standard input, which is empty."""
    return float(sys.stdin.read() == "")


def complain() -> float:
    """Says why, and ends the process."""
    print("the index is broken", file=sys.stderr)
    os._exit(3)


def pid() -> object:
    """Tells the process."""
    return {"score": 1.0, "metadata": {"pid": os.getpid()}}


def spawn() -> object:
    """Leaves a process that holds every descriptor it was given."""
    child = os.fork()
    if not child:
        time.sleep(600)
    return {"score": 1.0, "metadata": {"pid": child}}


def spawn_and_leave() -> float:
    """Leaves a process that holds every descriptor, and ends."""
    spawn()
    os._exit(0)


def surrogate() -> float:
    """Raises with a text that UTF-8 can't hold."""
    raise ValueError("half a pair: \ud800")


_ACTS = [fine, hang, fail, leave, leave_at_once, die, eat, chatter, read, complain, pid, spawn, spawn_and_leave]
ACTS: dict[str, Callable[[], object]] = {act.__name__: act for act in (*_ACTS, surrogate)}


class Recorder:
    """Writes what is called into a file; async steps where the config says so."""

    def __init__(self, config: Config) -> None:
        self._file = Path(str(config["file"]))
        self._asynchronous = bool(config.get("is_async"))

    def setup(self) -> Awaitable[None] | None:
        """The first step."""
        return self._note("setup")

    def teardown(self) -> Awaitable[None] | None:
        """The last step."""
        return self._note("teardown")

    def __call__(self, _input: str, _expected: str, output: str, _metadata: dict[str, object]) -> float:
        """A step between."""
        self._write(output)
        return 1.0

    def _note(self, step: str) -> Awaitable[None] | None:
        if self._asynchronous:
            return self._later(step)
        self._write(step)
        return None

    async def _later(self, step: str) -> None:
        await asyncio.sleep(0)
        self._write(step)

    def _write(self, step: str) -> None:
        with self._file.open("a") as file:
            file.write(step + "\n")


class Unready:
    """Its setup does what `setup` of the config names; each try leaves a line in `file`."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def setup(self) -> None:
        """Fails in some way."""
        with Path(str(self._config["file"])).open("a") as file:
            file.write("try\n")
        ACTS[str(self._config["setup"])]()

    def __call__(self, *_asked: object) -> float:
        """Never reached."""
        return 1.0


def sleeper(_config: Config) -> AsyncGrader:
    """Does the act that the output names, or waits as many seconds as it says and gives 0.5."""

    async def grade(_input: str, _expected: str, output: str, _metadata: dict[str, object]) -> float:
        if output in ACTS:
            ACTS[output]()
        await asyncio.sleep(float(output))
        return 0.5

    return grade


def broken(config: Config) -> Grader:
    """Fails before it gives a grader."""
    raise LookupError(f"no index at {config['index']}")


def graders_maker(_config: Config) -> object:
    """Gives no grader."""
    return "a grader"
