"""Where `matchspec run` runs: in this process, or on a server. Both tell the same."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from domain.spec import Statistics
from projections.progress import Progress


class Loaded(NamedTuple):
    """A harness of the run that began, and how many examples it asks; None while that is not known."""

    suite: str
    harness: str
    examples: int | None


class Begun(NamedTuple):
    """A run that began."""

    run_id: str
    harnesses: list[Loaded]


class Way(Protocol):
    """A way to run. Opened and closed by the caller."""

    async def begin(self) -> Begun:
        """Start the run, or take it up again. Raises a MatchspecError where it can't be."""
        ...

    async def progress(self) -> Progress | None:
        """How far the run is; None when it is over."""
        ...

    async def document(self) -> bytes:
        """The document of the run that is over, as the API gives it."""
        ...

    def statistics(self) -> Mapping[str, Statistics]:
        """The statistics of the suites that set any."""
        ...

    async def stop(self) -> str:
        """Leave the run as it is; gives the sentence that says how to go on with it."""
        ...
