"""Which runs there are: newest first, filtered, in pages."""

import pytest
from given import HASH, START
from run_events import finished, pinned, scored, started

from domain.events import Event, Status
from domain.stretch import Stretch
from projections.listing import ListedRun, Listing

END = "2026-03-15T14:31:05.000000Z"


@pytest.fixture
def listing() -> Listing:
    """Five runs in the order they began, ended in another, and one that goes on."""
    listing = Listing()
    qa, more = started(pinned("a")), started(pinned("a", suite="more"), suite="more")
    both = started(pinned("a"), pinned("a", suite="more"), suite=None)
    facts: list[tuple[str, Event]] = [
        ("run-1", qa),
        ("run-2", more),
        ("run-3", both),
        ("run-2", scored(0)),
        ("run-4", qa),
        ("run-4", finished(status="error", error="no")),
        ("run-1", finished(status="passed", verdict="PASS")),
        ("run-5", both),
        ("run-2", finished(status="failed", verdict="FAIL")),
    ]
    for position, (run_id, event) in enumerate(facts, 2):
        at = END if event.__class__.__name__ == "Finished" else START
        listing.apply(Stretch(run_id, 1, position, [event], at, HASH))
    return listing


def listed(listing: Listing, suite: str | None = None, status: Status | None = None) -> list[str]:
    """The names of all runs that match."""
    return [run.run_id for run in listing.page(suite, status, 100, 0).runs]


def test_the_run_that_began_last_comes_first(listing: Listing) -> None:
    """Whatever ended when: the order is the log's."""
    assert listed(listing) == ["run-5", "run-4", "run-3", "run-2", "run-1"]


@pytest.mark.parametrize(
    ("suite", "status", "expected"),
    [
        ("qa", None, ["run-5", "run-4", "run-3", "run-1"]),
        ("more", None, ["run-5", "run-3", "run-2"]),
        ("unknown", None, []),
        (None, "running", ["run-5", "run-3"]),
        (None, "passed", ["run-1"]),
        (None, "failed", ["run-2"]),
        (None, "error", ["run-4"]),
        ("qa", "running", ["run-5", "run-3"]),
        ("more", "error", []),
    ],
)
def test_a_suite_matches_any_run_that_includes_it_and_a_status_what_it_is_now(
    listing: Listing, suite: str | None, status: Status | None, expected: list[str]
) -> None:
    """Runs of all suites are found under each of them."""
    assert listed(listing, suite, status) == expected
    assert listing.count(suite, status) == len(expected)


@pytest.mark.parametrize(
    ("limit", "offset", "expected"),
    [
        (2, 0, ["run-5", "run-4"]),
        (2, 2, ["run-3", "run-2"]),
        (2, 4, ["run-1"]),
        (2, 5, []),
        (2, 10**30, []),
        (100, 0, ["run-5", "run-4", "run-3", "run-2", "run-1"]),
    ],
)
def test_a_page_is_cut_from_all_that_match_and_tells_their_number(
    listing: Listing, limit: int, offset: int, expected: list[str]
) -> None:
    """`total` does not depend on the page."""
    page = listing.page(None, None, limit, offset)
    assert ([run.run_id for run in page.runs], page.total) == (expected, 5)
    assert listing.page("more", None, limit, offset).total == 3


def test_a_page_is_cut_from_those_that_a_filter_leaves(listing: Listing) -> None:
    """Of run-5, run-4, run-3 and run-1 of suite qa, and of those that run."""
    cases: list[tuple[str, Status | None, int, list[str], int]] = [
        ("qa", None, 1, ["run-4", "run-3"], 4),
        ("qa", None, 3, ["run-1"], 4),
        ("qa", "running", 1, ["run-3"], 2),
    ]
    for suite, status, offset, expected, total in cases:
        page = listing.page(suite, status, 2, offset)
        assert ([run.run_id for run in page.runs], page.total) == (expected, total)


def test_a_run_is_listed_as_it_stands(listing: Listing) -> None:
    """What has not happened yet is null; `suite` is null when all suites run."""
    assert listing.get("run-2") == ListedRun("run-2", "more", ["more"], START, "failed", END, "FAIL")
    assert listing.get("run-3") == ListedRun("run-3", None, ["qa", "more"], START, "running", None, None)
    assert listing.get("run-4") == ListedRun("run-4", "qa", ["qa"], START, "error", END, None)
    assert listing.get("run-9") is None


def test_unfinished_runs_are_given_oldest_first(listing: Listing) -> None:
    """That is the order in which they are taken up again."""
    assert listing.unfinished() == ["run-3", "run-5"]
