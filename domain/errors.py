"""Everything matchspec raises on purpose, as one tree; `service/api/problems.py` maps it to HTTP.

MatchspecError
├── Refused                 a request or a file that can't be accepted; nothing was recorded
│   ├── InvalidFiles        config, harness or dataset files with mistakes
│   ├── InvalidRequest      a request with mistakes
│   ├── ConfigNotAllowed    a config path outside the server's folder
│   ├── NoExamples          nothing left to ask
│   ├── RunNotOver          a run that must be over first
│   ├── UnsupportedMedia    a body that is not JSON
│   ├── IdempotencyKeyReused  a key that came with another body before
│   └── TooManyRuns         the queue is full
├── NotFound
│   ├── SuiteNotFound
│   ├── RunNotFound
│   └── EventNotFound
├── LogError                the event log
│   ├── LogUnavailable      can't be written now; nothing was lost
│   ├── LogInUse            another process writes it
│   ├── LogUnreadable       not a log this program can read
│   ├── LogContradicted     the log is not the one that its checkpoint was made of
│   ├── InvalidCheckpoint   a checkpoint with a mistake in it
│   ├── BackupFailed        no backup was made
│   └── WrongVersion        a command was decided on a state that is no longer the latest
├── RunClosed               a command came after the run was over
├── ModelError              an answer that could not be had; recorded with the example
└── GraderError             a score that could not be had; recorded with the example

A class's docstring is its default message.
"""

from collections.abc import Callable, Sequence

from domain.mistakes import Mistake


class MatchspecError(Exception):
    """Something went wrong in matchspec."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class Refused(MatchspecError):
    """The request can't be accepted."""


class InvalidFiles(Refused):
    """The files have mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(str(mistake) for mistake in mistakes))
        self.mistakes = list(mistakes)


class InvalidRequest(Refused):
    """The request has mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(str(mistake) for mistake in mistakes))
        self.mistakes = list(mistakes)


class ConfigNotAllowed(Refused):
    """`config` must name a readable configuration file below the server's config folder."""


class NoExamples(Refused):
    """No example carries the tags that were asked for."""


class RunNotOver(Refused):
    """The run is not over yet."""


class UnsupportedMedia(Refused):
    """A request body must be JSON, sent with `Content-Type: application/json`."""


class IdempotencyKeyReused(Refused):
    """The Idempotency-Key came with another body before."""


class TooManyRuns(Refused):
    """Too many runs are waiting. Try again later."""


class NotFound(MatchspecError):
    """There is no such thing here."""


class SuiteNotFound(NotFound):
    """There is no such suite in the configuration."""


class RunNotFound(NotFound):
    """There is no such run in the log."""


class EventNotFound(NotFound):
    """The run has no such event."""


class LogError(MatchspecError):
    """The event log failed."""


class LogUnavailable(LogError):
    """The event log can't be written at the moment."""


class LogInUse(LogError):
    """Another process writes this event log."""


class LogUnreadable(LogError):
    """This file is not an event log that this version of matchspec can read."""


class LogContradicted(LogError):
    """The log is not the one that its checkpoint was made of."""


class InvalidCheckpoint(LogError):
    """This is not a checkpoint of a matchspec log, to the byte."""


class BackupFailed(LogError):
    """No backup was made."""


class WrongVersion(LogError):
    """The run has moved on since the command was decided."""


class RunClosed(MatchspecError):
    """The run is over; nothing more can be recorded for it."""


class ModelError(MatchspecError):
    """The model gave no usable answer.

    `said` is what came from outside, as it came: `tell` cuts it with `shorten` once secrets are out of it. `retry`
    tells whether a further attempt may help: after a network error, a timeout, a refusal; `retry_after` for how many
    seconds the server asked to wait; `overloaded` whether it said that it has too much to do (429, 503).
    """

    def __init__(
        self,
        message: str,
        *,
        said: str = "",
        shorten: Callable[[str], str] = str.strip,
        retry: bool = False,
        overloaded: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.said = said
        self._shorten = shorten
        self.retry = retry
        self.overloaded = overloaded
        self.retry_after = retry_after

    def tell(self, said: str) -> str:
        """Give the whole message, with `said` in place of what came from outside."""
        shown = self._shorten(said)
        return f"{self}: {shown}" if shown else str(self)

    @property
    def message(self) -> str:
        """The whole message as it came."""
        return self.tell(self.said)


class GraderError(MatchspecError):
    """The grader gave no usable score."""
