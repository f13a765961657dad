"""No example, poll or replayed event takes over 20 % more instructions than was accepted: `scripts/work`."""

import pytest
import work
from fault_shim import MissingTool

pytestmark = pytest.mark.xdist_group("work")  # so that all is counted once


@pytest.fixture(scope="module")
def counted() -> work.Ratios:
    """The work of each kind, and of an example with a quarter of its accepted work planted in it."""
    if (accepted := work.read_accepted().python) != work.this_python():
        pytest.skip(f"scripts/work.json holds for Python {accepted}, not for {work.this_python()}")
    try:
        return work.count_work(planted=round(0.25 * work.read_accepted().turns["example"]))
    except MissingTool as missing:
        pytest.skip(str(missing))


@pytest.mark.slow
@pytest.mark.timeout(work.SECONDS)
def test_the_work_has_not_grown(counted: work.Ratios) -> None:
    """An example, a poll and a replayed event take no more than was accepted and a fifth."""
    changes = work.compare(work.read_accepted().turns, counted)
    print(work.table(changes))
    assert {change.unit for change in changes} == {"example", "poll", "replayed_event"}
    assert not any(change.has_grown for change in changes), f"\n{work.table(changes)}\nscripts/work says more"


@pytest.mark.slow
@pytest.mark.timeout(work.SECONDS)
def test_planted_work_is_noticed(counted: work.Ratios) -> None:
    """A quarter more work in recording an example's event is growth, and is counted as that quarter."""
    accepted = work.read_accepted().turns["example"]
    (change,) = work.compare({"planted_example": counted["example"]}, counted)
    assert change.has_grown
    planted = change.share * counted["example"] / accepted
    assert planted == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("counted", "has_grown", "told"),
    [
        (121.0, True, "grown"),
        (119.0, False, "+19.0%"),
        (100.0, False, "+0.0%"),
        (81.0, False, "-19.0%"),
        (79.0, False, "accept it, so that it stays so"),
    ],
)
def test_a_fifth_more_is_growth_and_a_fifth_less_is_told(counted: float, has_grown: bool, told: str) -> None:
    """Of 100 accepted turns, 121 are growth; 79 are not, but the table asks to accept them."""
    (change,) = work.compare({"poll": 100.0}, {"poll": counted})
    assert change.has_grown is has_grown
    assert told in str(change)
