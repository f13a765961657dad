"""Model calls are bounded over the whole server and shared fairly between runs."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.execution.slots import CallSlots


async def settle() -> None:
    """Let everything happen that can happen."""
    for _ in range(5):
        await asyncio.sleep(0)


class Caller:
    """A call that waits for its slot, then holds it until it is told to end."""

    def __init__(self, slots: CallSlots, run_id: str) -> None:
        self.run_id = run_id
        self.holds = False
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._call(slots))

    async def _call(self, slots: CallSlots) -> None:
        await slots.acquire(self.run_id)
        self.holds = True
        try:
            await self._end.wait()
        finally:
            self.holds = False
            slots.release(self.run_id)

    async def end(self) -> None:
        """Give the slot back."""
        self._end.set()
        await settle()

    async def cancel(self) -> None:
        """Go away, waiting or not."""
        self.task.cancel()
        await settle()


async def callers(slots: CallSlots, *runs: str) -> list[Caller]:
    """Let calls of the named runs come one after the other."""
    made = []
    for run_id in runs:
        made.append(Caller(slots, run_id))
        await settle()
    return made


def holding(waiting: Sequence[Caller]) -> list[int]:
    """Tell which of them hold a slot."""
    return [place for place, caller in enumerate(waiting) if caller.holds]


async def leave(*made: Caller) -> None:
    """End all calls."""
    for caller in made:
        await caller.cancel()


async def test_no_more_calls_than_the_limit() -> None:
    """With three slots three calls go, in the order they came; the fourth goes when one of them ends."""
    made = await callers(CallSlots(3), "a", "a", "a", "a", "a")
    assert holding(made) == [0, 1, 2]

    await made[1].end()
    assert holding(made) == [0, 2, 3]
    await leave(*made)


async def test_a_free_slot_goes_to_the_run_with_the_fewest_calls() -> None:
    """A run that came late, and has no call in flight, is before one that waits with three."""
    made = await callers(CallSlots(3), "a", "a", "a", "a", "a", "b", "b")

    await made[0].end()
    assert holding(made) == [1, 2, 5]
    await made[1].end()  # now both have one call: they take turns, and b was the last to be given a slot
    assert holding(made) == [2, 3, 5]
    await made[2].end()
    assert holding(made) == [3, 5, 6]
    await leave(*made)


async def test_a_waiting_call_that_is_cancelled_frees_its_place() -> None:
    """A waiting call that goes away does not keep the next one from its slot."""
    made = await callers(CallSlots(1), "a", "a", "b")

    await made[1].cancel()
    await made[0].end()

    assert holding(made) == [2]
    await leave(*made)


async def test_a_call_that_is_cancelled_as_its_slot_comes_gives_it_back() -> None:
    """A slot that was on its way to a call that goes away at that moment is not lost."""
    first, second, third = made = await callers(CallSlots(1), "a", "b", "c")

    first._end.set()
    await asyncio.sleep(0)  # the slot is given to the second, which has not run since
    second.task.cancel()
    await settle()

    assert second.task.cancelled()
    assert third.holds
    await leave(*made)


@pytest.mark.parametrize(("limit", "runs"), [(1, "ab"), (2, "abc"), (3, "abcde")])
async def test_runs_that_never_pause_all_get_their_turns(limit: int, runs: str) -> None:
    """Where there are fewer slots than runs, each run gets its share of the calls, whichever came first."""
    slots = CallSlots(limit)
    calls: Counter[str] = Counter()

    async def work(run_id: str) -> None:
        while calls.total() < 600:
            await slots.acquire(run_id)
            calls[run_id] += 1
            await asyncio.sleep(0)
            slots.release(run_id)

    await asyncio.gather(*(work(run_id) for run_id in runs for _ in range(3)))

    share = calls.total() / len(runs)
    assert all(0.8 * share <= calls[run_id] <= 1.2 * share for run_id in runs), calls


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["call", "call", "end", "cancel"]), st.sampled_from("abc"), st.integers(0, 99)),
    max_size=40,
)


@given(limit=st.integers(1, 4), operations=OPERATIONS)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_and_goes(limit: int, operations: Sequence[tuple[str, str, int]]) -> None:
    """Never more than the limit, never a free slot while a call waits, and each free slot to the run with least."""
    asyncio.run(_come_and_go(limit, operations))


async def _come_and_go(limit: int, operations: Sequence[tuple[str, str, int]]) -> None:
    slots = CallSlots(limit)
    made: list[Caller] = []
    for kind, run_id, pick in operations:
        alive = [caller for caller in made if not caller.task.done()]
        before = [caller for caller in alive if caller.holds]
        if kind == "call":
            made += await callers(slots, run_id)
        elif alive:
            chosen = alive[pick % len(alive)]
            await (chosen.end() if kind == "end" and chosen.holds else chosen.cancel())
        alive = [caller for caller in made if not caller.task.done()]
        _check(limit, before, alive)
    await leave(*made)


def _check(limit: int, before: Sequence[Caller], alive: Sequence[Caller]) -> None:
    holders = [caller for caller in alive if caller.holds]
    waiting = [caller for caller in alive if not caller.holds]
    assert len(holders) == min(limit, len(alive))
    kept = Counter(caller.run_id for caller in holders if caller in before)
    for new in (caller for caller in holders if caller not in before):
        assert all(kept[new.run_id] <= kept[other.run_id] for other in waiting)
