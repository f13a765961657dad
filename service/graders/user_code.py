"""A user's own code, loaded and called; whatever goes wrong in it is told as a UserMistake."""

import asyncio
import importlib
import inspect
import linecache
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

from service.graders.messages import Call, Opening

_MESSAGE_CHARACTERS = 20_000  # the parent shows less, once secrets are out of it
_SHOWN_CHARACTERS = 100
_WANTED = "a function of (input, expected, output, metadata)"
_FORM = "{'score': ..., 'metadata': {...}}"


class UserMistake(Exception):
    """The user's code did something wrong; the message says what and where."""

    def __init__(self, message: str) -> None:
        # A message may hold what UTF-8 can't: half of a surrogate pair.
        super().__init__(message[:_MESSAGE_CHARACTERS].encode(errors="backslashreplace").decode())


class Scored(NamedTuple):
    """A score in 0-1 and the metadata that came with it."""

    score: float
    detail: dict[str, object] | None = None


class UserGrader:
    """What a factory returned, with its optional `setup` and `teardown`."""

    def __init__(self, grader: Callable[..., object], code: "_Code") -> None:
        self.together = _is_async(grader)
        self._grader = grader
        self._code = code
        self._runner = asyncio.Runner()

    def setup(self) -> None:
        """Call the grader's own `setup`, if it has one."""
        self._step("setup")

    def teardown(self) -> None:
        """Call the grader's own `teardown`, if it has one, and end what it left running."""
        self._step("teardown")
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, object]) -> object:
        """Run a coroutine to its end, always on the same event loop."""
        return self._runner.run(work)

    def grade(self, call: Call) -> Scored:
        """Grade with a grader that is not async; should its result be awaitable all the same, wait for it."""
        with self._code.blamed():
            value = self._grader(call.input, call.expected, call.output, call.metadata or {})
            return read_score(self._settled(value))

    async def grade_async(self, call: Call) -> Scored:
        """Grade with an async grader."""
        with self._code.blamed():
            value: Any = self._grader(call.input, call.expected, call.output, call.metadata or {})
            return read_score(await value)

    def _step(self, name: str) -> None:
        step = getattr(self._grader, name, None)
        if step is not None:
            with self._code.blamed(f"{name}() failed: "):
                self._settled(step())

    def _settled(self, value: object) -> object:
        return self.run(_awaited(value)) if inspect.isawaitable(value) else value


def load(opening: Opening) -> UserGrader:
    """Load the factory and call it."""
    code = _Code(opening)
    with code.blamed(f"{opening.written} can't be loaded: "):
        module = importlib.import_module(opening.module) if opening.module else _run_file(Path(opening.path or ""))
    code.file = getattr(module, "__file__", None)
    try:
        factory = attrgetter(opening.name)(module)
    except AttributeError:
        raise UserMistake(f"{opening.written} has no '{opening.name}'{_callables_of(module)}") from None
    with code.blamed(f"{opening.name}(config) failed: "):
        grader = factory(opening.config)
    if not callable(grader):
        raise UserMistake(f"{opening.name}(config) must return {_WANTED}, it returned {_shown(grader)}")
    return UserGrader(grader, code)


def read_score(value: object) -> Scored:
    """Read what a grader gave: a number in 0-1, or a mapping with `score` and `metadata`."""
    if not isinstance(value, Mapping):
        return Scored(_number(value))
    if not {"score"} <= set(value) <= {"score", "metadata"}:
        raise UserMistake(f"a score with metadata has the form {_FORM}, got {_shown(value)}")
    detail = value.get("metadata")
    if not isinstance(detail, Mapping | None):
        raise UserMistake(f"the metadata of a score must be a mapping, got {_shown(detail)}")
    return Scored(_number(value["score"]), None if detail is None else dict(detail))


def _number(value: object) -> float:
    # Also numpy's numbers; a text has no __float__.
    score = float(value) if hasattr(value, "__float__") else None
    if score is None or not 0 <= score <= 1:
        raise UserMistake(f"the score must be a number from 0 to 1, got {_shown(value)}")
    return score


class _Code:
    """The user's code, to tell where in it something went wrong."""

    def __init__(self, opening: Opening) -> None:
        self.file = opening.path
        self._memory_mb = opening.memory_mb

    @contextmanager
    def blamed(self, before: str = "") -> Iterator[None]:
        """Tell every exception, an exit and a cancellation too, as the user's."""
        try:
            yield
        except UserMistake:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the next example gets its turn
            raise UserMistake(f"{before}{self._described(error)}") from None

    def _described(self, error: BaseException) -> str:
        if isinstance(error, MemoryError):
            return f"out of memory (memory_mb is {self._memory_mb})"
        said = _said_by(error)
        return f"{type(error).__name__}{': ' if said else ''}{said}{self._place(error.__traceback__)}"

    def _place(self, trace: TracebackType | None) -> str:
        """Name the last line of the user's file that took part."""
        line = None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.file:
                line = trace.tb_lineno
            trace = trace.tb_next
        if line is None or self.file is None:
            return ""
        text = linecache.getline(self.file, line).strip()
        return f" ({Path(self.file).name}, line {line}{': ' if text else ''}{text})"


def _run_file(path: Path) -> ModuleType:
    """Import a file from its source alone, its folder first on the path, as Python does with a script.

    Compiled files are left aside: they are matched by time and size, and an edit may keep both.
    """
    sys.path.insert(0, str(path.parent))
    source = path.read_bytes()
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules.setdefault(path.stem, module)
    exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - to run it is what the user asked for
    return module


def _is_async(grader: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(grader) or inspect.iscoroutinefunction(type(grader).__call__)


async def _awaited(value: Any) -> object:
    return await value


def _callables_of(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    return f"; it has {', '.join(names[:10])}" if names else ""


def _shown(value: object) -> str:
    """Show a value whole, or not at all: half of a secret would not be known as one."""
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"a {type(value).__name__} of {len(shown):,} characters"


def _said_by(error: BaseException) -> str:
    """Give an exception's text; it may be of the user's making, and fail as well."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it is
        return "(its text can't be had)"
