"""A limit of time that many calls share."""

import asyncio

import pytest

from service.execution.deadline import Deadline

SHORT = 0.05


async def test_what_ends_in_time_is_left_alone() -> None:
    """A block that ends before its time gives what it gives, an error too, and is never cut off later."""
    deadline = Deadline(SHORT)
    with deadline:
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="its own"), deadline:
        raise ValueError("its own")

    await asyncio.sleep(3 * SHORT)


async def test_what_takes_longer_is_cut_off() -> None:
    """A block that hangs is left with TimeoutError once its time is over, not before; the task goes on."""
    loop = asyncio.get_running_loop()
    deadline, began = Deadline(SHORT), loop.time()
    for times in (1, 2):
        with pytest.raises(TimeoutError), deadline:
            await asyncio.Event().wait()
        assert loop.time() - began >= times * SHORT
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_block_has_the_whole_time() -> None:
    """Of blocks that began one after another each is cut off by itself, and those that ended in between are not."""
    deadline, ends = Deadline(0.2), asyncio.Event()

    async def hang() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError), deadline:
            await asyncio.Event().wait()
        return asyncio.get_running_loop().time() - began

    async def end() -> float:
        with deadline:
            await ends.wait()
        return 0.0

    tasks: list[asyncio.Task[float]] = []
    for call in (hang, end, hang, end, hang):
        tasks.append(asyncio.create_task(call()))
        await asyncio.sleep(0.03)
    ends.set()
    first, second, third, fourth, fifth = await asyncio.gather(*tasks)

    assert (second, fourth) == (0.0, 0.0)
    assert all(0.2 <= took < 5 for took in (first, third, fifth))


async def test_a_task_that_is_cancelled_is_cancelled() -> None:
    """Who cancels a task in a block gets that, and no TimeoutError; also while it is being cut off."""

    async def hang(deadline: Deadline) -> None:
        with deadline:
            await asyncio.Event().wait()

    async def be_cancelled_when_late() -> None:
        with Deadline(SHORT):
            try:
                await asyncio.Event().wait()
            finally:
                both.cancel()

    before, both = asyncio.create_task(hang(Deadline(60))), asyncio.create_task(be_cancelled_when_late())
    await asyncio.sleep(0)
    before.cancel()

    for task in (before, both):
        with pytest.raises(asyncio.CancelledError):
            await task
