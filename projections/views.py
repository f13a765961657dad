"""All views of the log, in one list."""

from collections.abc import Callable

from domain.events import LOG, Recorded
from domain.impossible import IMPOSSIBLE, impossible
from projections.idempotency import KeyedRuns
from projections.listing import Listing
from projections.progress import ProgressView
from projections.results import Results


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
        self._folds = (self.listing.apply, self.progress.apply, self.results.apply, self.keyed.apply)
        self.watchers: list[Callable[[Recorded], None]] = []

    def apply(self, recorded: Recorded) -> None:
        """Take in the log's next event, a run's in their order; LogUnreadable for one that can't follow."""
        if recorded.run_id != LOG:
            try:
                for fold in self._folds:
                    fold(recorded)
            except IMPOSSIBLE as error:
                raise impossible(recorded) from error
            for watch in self.watchers:
                watch(recorded)
        self.position = max(self.position, recorded.position)
