"""What a grader's process and its parent say to each other: JSON, one message a line.

First `Opening` down and `Ready` up, then any number of `Call` down, each answered by one `Reply`.
"""

import msgspec


class Opening(msgspec.Struct, frozen=True):
    """Which factory to call, and with what: `name` in the file `path`, or in the installed `module`.

    `written` is how messages name the place; `memory_mb` limits the address space of the process.
    """

    name: str
    written: str
    path: str | None
    module: str | None
    config: dict[str, object]
    memory_mb: int


class Ready(msgspec.Struct, frozen=True):
    """The grader is set up, or `error` says why not. Only one that is `together` may have several calls at once."""

    error: str | None = None
    together: bool = False


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One grading to do."""

    number: int
    input: str
    expected: str
    output: str
    metadata: dict[str, object] | None


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """A score in 0-1 with what the grader tells about it, or an error."""

    number: int
    score: float = 0
    detail: dict[str, object] | None = None
    error: str | None = None
