"""How a run is cut into shares, which several processes work on at the same time."""

import pytest
from given import given
from msgspec.structs import replace
from planned import harness, plan, suite
from run_events import pinned, scored, started

from domain.events import PinnedHarness
from domain.plan import Plan
from domain.share import Share, share_out

RUN = "run-20260315-143022-a3f7"


def planned(concurrency: int, *names: str, **fields: object) -> Plan:
    """A plan of harnesses that each ask so many examples at once."""
    harnesses = [replace(harness(name), concurrency=concurrency) for name in names or ("a",)]
    return replace(plan(suite("qa", *harnesses)), **fields)


@pytest.mark.parametrize(
    ("concurrency", "rows", "repeats", "calls"),
    [
        (1, 100, 1, [1]),
        (4, 100, 1, [4]),
        (10, 100, 1, [3, 3, 4]),
        (256, 1_000, 1, [4] * 64),
        (64, 2, 1, [1, 1]),  # no share has more calls than askings
        (64, 2, 100, [32, 32]),  # two rows can't be cut further, and the run may ask 64 at once
        (8, 1, 3, [3]),
    ],
)
def test_shares_add_up_to_the_concurrency(concurrency: int, rows: int, repeats: int, calls: list[int]) -> None:
    """Together they ask as many at once as the harness may; four each, unless there are too few rows for that."""
    run = given(started(pinned(rows=rows, repeats=repeats))).run
    assert [share.calls for share in share_out(RUN, run, planned(concurrency))] == calls


@pytest.mark.parametrize(("rows", "parts"), [(10, 3), (1_000, 64), (5, 5)])
def test_each_row_is_in_one_share(rows: int, parts: int) -> None:
    """The parts of a dataset follow one another, and leave none out."""
    ranges = [Share(RUN, None, part, parts, 4).rows(rows) for part in range(parts)]
    assert [row for one in ranges for row in one] == list(range(rows))


def test_harnesses_are_shared_out_side_by_side() -> None:
    """Each by its own concurrency; where the request bounds the run, together; names tell all shares apart."""
    run = given(started(pinned("a"), pinned("b"))).run
    shares = share_out(RUN, run, planned(8, "a", "b"))
    assert [(share.harness, share.part) for share in shares] == [(("qa", name), n) for name in "ab" for n in (0, 1)]
    assert len({share.name for share in shares}) == 4
    assert share_out(RUN, run, replace(planned(8, "a", "b"), concurrency=3)) == [Share(RUN, None, 0, 1, 3)]


def test_with_fail_fast_only_the_harness_whose_turn_it_is() -> None:
    """The first that is not scored yet, also where the request bounds the run; nothing once all are."""
    fast = planned(4, "a", "b", fail_fast=True)
    begun = started(pinned("a", rows=1), pinned("b", rows=1))
    assert [share.harness for share in share_out(RUN, given(begun).run, fast)] == [("qa", "a")]
    further = given(begun, scored(0, "a")).run
    assert [share.harness for share in share_out(RUN, further, fast)] == [("qa", "b")]
    assert [share.harness for share in share_out(RUN, further, replace(fast, concurrency=2))] == [("qa", "b")]
    assert share_out(RUN, given(begun, scored(0, "a"), scored(0, "b")).run, fast) == []


def test_what_is_not_pinned_is_one_share() -> None:
    """Pinning the examples of a run is one process's work."""
    run = given(started(PinnedHarness(suite="qa", harness="a"))).run
    assert share_out(RUN, run, planned(64)) == [Share(RUN, None, 0, 1, 1)]
