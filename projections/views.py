"""All views of the log, in one list."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from domain.events import LOG, ExampleAnswered, ExampleScored, Recorded
from domain.impossible import IMPOSSIBLE, impossible
from projections.idempotency import KeyedRuns
from projections.listing import Listing
from projections.progress import ProgressView
from projections.results import Results

_ASKED = frozenset({ExampleAnswered, ExampleScored})
"""Nearly all events: those that neither the listing nor the keys have anything of."""

_Fold = Callable[[Sequence[Recorded]], None]


class Views:
    """What readers are answered from. The same `apply` serves live and when the log is read again.

    Events are folded by the stretch: askings of one run that follow each other, and any other event by itself.
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

    def apply(self, events: Iterable[Recorded]) -> None:
        """Take in the log's next events, a run's in their order; LogUnreadable for one that can't follow."""
        for _, same in groupby(events, _stretch):
            stretch = list(same)
            self._fold(stretch, self._of_progress if type(stretch[0].event) in _ASKED else self._of_all)
            if stretch[0].run_id != LOG:
                for watch in self.watchers:
                    for recorded in stretch:
                        watch(recorded)

    def apply_end(self, recorded: Recorded) -> None:
        """Take in how a run began or ended, and nothing between: all that a start reads of finished runs."""
        self._fold([recorded], self._of_ends)

    def apply_unfinished(self, events: Iterable[Recorded]) -> None:
        """Take in the next events of an unfinished run whose beginning went into `apply_end`."""
        for _, stretch in groupby(events, _stretch):
            self._fold(list(stretch), self._of_progress)

    def _fold(self, stretch: Sequence[Recorded], folds: Sequence[_Fold]) -> None:
        if stretch[0].run_id != LOG:
            try:
                for fold in folds:
                    fold(stretch)
            except IMPOSSIBLE as error:
                raise impossible(stretch[0]) from error
        self.position = max(self.position, stretch[-1].position)


def _stretch(recorded: Recorded) -> str | int:
    """Give what the events of a stretch have in common: their run, or of an event by itself its position."""
    return recorded.run_id if type(recorded.event) in _ASKED else recorded.position
