"""All views of the log, in one list."""

from collections.abc import Callable, Sequence

from domain.events import LOG, ExampleAnswered, ExampleScored, Recorded
from domain.impossible import IMPOSSIBLE, impossible
from projections.idempotency import KeyedRuns
from projections.listing import Listing
from projections.progress import ProgressView
from projections.results import Results

_ASKED = frozenset({ExampleAnswered, ExampleScored})
"""Nearly all events: those that neither the listing nor the keys have anything of."""


class Views:
    """What readers are answered from. The same `apply` serves live and when the log is read again.

    `watchers` are called for each event once it is shown.
    """

    def __init__(self) -> None:
        self.listing = Listing()
        self.progress = ProgressView()
        self.results = Results()
        self.keyed = KeyedRuns()
        self.position = 0
        self._of_ends = (self.listing.apply, self.keyed.apply)
        self._of_progress = (self.progress.apply, self.results.apply)
        self._of_all = (*self._of_ends, *self._of_progress)
        self.watchers: list[Callable[[Recorded], None]] = []

    def apply(self, recorded: Recorded) -> None:
        """Take in the log's next event, a run's in their order; LogUnreadable for one that can't follow."""
        self._fold(recorded, self._of_progress if type(recorded.event) in _ASKED else self._of_all)
        if recorded.run_id != LOG:
            for watch in self.watchers:
                watch(recorded)

    def apply_end(self, recorded: Recorded) -> None:
        """Take in how a run began or ended, and nothing between: all that a start reads of finished runs."""
        self._fold(recorded, self._of_ends)

    def apply_unfinished(self, recorded: Recorded) -> None:
        """Take in the next event of an unfinished run whose beginning went into `apply_end`."""
        self._fold(recorded, self._of_progress)

    def _fold(self, recorded: Recorded, folds: Sequence[Callable[[Recorded], None]]) -> None:
        if recorded.run_id != LOG:
            try:
                for fold in folds:
                    fold(recorded)
            except IMPOSSIBLE as error:
                raise impossible(recorded) from error
        self.position = max(self.position, recorded.position)
