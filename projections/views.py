"""All views of the log, in one list."""

from collections.abc import Callable, Iterable, Sequence

from domain.events import LOG, Recorded
from domain.impossible import IMPOSSIBLE, impossible
from domain.stretch import ASKINGS, Stretch, alone, stretches
from projections.idempotency import KeyedRuns
from projections.listing import Listing
from projections.progress import ProgressView
from projections.results import Results

_Fold = Callable[[Stretch], None]


class Views:
    """What readers are answered from: the same fold serves live and when the log is read again.

    `watchers` are called for each event once it is shown.
    """

    def __init__(self) -> None:
        self.listing = Listing()
        self.progress = ProgressView()
        self.results = Results()
        self.keyed = KeyedRuns()
        self.position = 0
        self._of_ends = (self.listing.apply, self.keyed.apply)
        self._of_progress = (self.results.apply, self.progress.apply)
        self._of_all = (*self._of_ends, *self._of_progress)
        self.watchers: list[Callable[[Recorded], None]] = []

    def apply(self, events: Sequence[Recorded]) -> None:
        """Take in the log's next events, a run's in their order; LogUnreadable for one that can't follow."""
        told = 0
        for stretch in stretches(events):
            self.take(stretch)
            shown = told + len(stretch.events)
            if stretch.run_id != LOG:
                for watch in self.watchers:
                    for recorded in events[told:shown]:
                        watch(recorded)
            told = shown

    def take(self, stretch: Stretch) -> None:
        """Take in the next events without telling anyone."""
        self._fold(stretch, self._of_progress if type(stretch.events[0]) in ASKINGS else self._of_all)

    def apply_end(self, recorded: Recorded) -> None:
        """Take in how a run began or ended, and nothing between: all that a start reads of finished runs."""
        self._fold(alone(recorded), self._of_ends)

    def take_unfinished(self, stretch: Stretch) -> None:
        """Take in the next events of an unfinished run whose beginning went into `apply_end`."""
        self._fold(stretch, self._of_progress)

    def _fold(self, stretch: Stretch, folds: Iterable[_Fold]) -> None:
        if stretch.run_id != LOG:
            try:
                for fold in folds:
                    fold(stretch)
            except IMPOSSIBLE as error:
                raise impossible(stretch) from error
        self.position = max(self.position, stretch.position)
