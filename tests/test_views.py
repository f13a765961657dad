"""All views: what readers see is the same, live or rebuilt, wherever the program was stopped."""

from collections.abc import Iterator, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import logs

from domain.events import LOG, Finished, Recorded, Started, Status
from domain.stretch import stretches
from projections.results import Result
from projections.views import Views
from service.api import documents

STATUSES: list[Status | None] = [None, "running", "passed", "failed", "error", "cancelled"]
SUITES = [None, "qa", "more", "unknown"]


def live(log: Sequence[Recorded]) -> Views:
    """Views to which every event was applied as it came."""
    views = Views()
    for recorded in log:
        views.apply([recorded])
    return views


def rebuilt(log: Sequence[Recorded]) -> Views:
    """Views as a start makes them: the ends of all runs, then all events of the unfinished ones."""
    views = Views()
    for recorded in log:
        if isinstance(recorded.event, Started | Finished):
            views.apply_end(recorded)
    for run_id in views.listing.unfinished():
        for stretch in stretches(recorded for recorded in log if recorded.run_id == run_id):
            views.take_unfinished(stretch)
    return views


def result(views: Views, log: Sequence[Recorded], run_id: str) -> Result:
    """A run's result: the one in memory, else folded from the log, as a reader gets it."""
    known = views.results.get(run_id)
    if known:
        return known
    folded = Result()
    for stretch in stretches(recorded for recorded in log if recorded.run_id == run_id):
        folded.apply(stretch)
    return folded


def document(views: Views, log: Sequence[Recorded], run_id: str) -> object:
    """A run's document, and where the entries of its examples stand."""
    listed, outcome = views.listing.get(run_id), result(views, log, run_id)
    assert listed is not None
    places = [list(outcome.places(harness)) for harness in outcome.harnesses]
    if outcome.finished:
        return documents.finished(listed, outcome), places
    progress = views.progress.get(run_id)
    assert progress is not None
    return documents.running(listed, progress, outcome.warnings), documents.accepted(listed, outcome), places


def answers(views: Views, log: Sequence[Recorded]) -> Iterator[bytes]:
    """What every query answers, encoded."""
    for suite in SUITES:
        for status in STATUSES:
            for limit, offset in ((20, 0), (1, 1)):
                page = views.listing.page(suite, status, limit, offset)
                yield msgspec.json.encode(documents.listing(page, limit, offset))
    yield msgspec.json.encode([views.keyed.get("key-1"), views.keyed.get("key-2")])
    yield msgspec.json.encode([views.listing.unfinished(), views.listing.get("none"), views.progress.get("none")])
    for run_id in dict.fromkeys(recorded.run_id for recorded in log if recorded.run_id != LOG):
        yield msgspec.json.encode((document(views, log, run_id), views.progress.get(run_id)))


@settings(deadline=None, max_examples=150)
@given(log=logs(), data=st.data())
def test_live_views_equal_rebuilt_views(log: list[Recorded], data: st.DataObject) -> None:
    """Stopped anywhere, rebuilt as a start does, and gone on with the rest at once: all answers are the same bytes."""
    cut = data.draw(st.integers(1, len(log)), label="cut")
    views = rebuilt(log[:cut])
    assert list(answers(views, log[:cut])) == list(answers(live(log[:cut]), log[:cut]))
    views.apply(log[cut:])
    assert list(answers(views, log)) == list(answers(live(log), log))


@settings(deadline=None)
@given(log=logs())
def test_rebuilt_views_know_how_far_they_have_read(log: list[Recorded]) -> None:
    """After a fault the writer goes on behind this place: no run's event stands there, so none is applied twice."""
    views = rebuilt(log)
    assert views.position == live(log).position or len(log) == 1
    assert [recorded for recorded in log if recorded.position > views.position and recorded.run_id != LOG] == []


@settings(deadline=None)
@given(log=logs(), data=st.data())
def test_asking_changes_no_answer(log: list[Recorded], data: st.DataObject) -> None:
    """Queries may come at any time and in any number."""
    asked = Views()
    for recorded in log:
        asked.apply([recorded])
        if data.draw(st.booleans()):
            list(answers(asked, log[: recorded.position]))
    assert list(answers(asked, log)) == list(answers(live(log), log))
