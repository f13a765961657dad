"""Shares that a process takes and can't work on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from postgres import new_database

from domain.errors import LogUnavailable
from domain.share import Outcome, Share
from service.sharing.engine import Engine, Taken

SHARE = Share("run-20260315-143022-a3f7", None, 1, 1, 4)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """An engine in a database of its own, where one share waits."""
    opened = await Engine.open(new_database())
    await opened.hand_out_again([SHARE])
    yield opened
    await opened.stop()
    await opened.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LogUnavailable("connection reset"), []),
        (ZeroDivisionError(), [f"a share of run {SHARE.run_id} could not be worked on; it is given back"]),
    ],
    ids=["the log is away", "a fault of the program"],
)
@pytest.mark.timeout(60)
async def test_a_share_that_fails_is_taken_again(
    engine: Engine, caplog: pytest.LogCaptureFixture, error: Exception, told: list[str]
) -> None:
    """Whatever went wrong; with a traceback only where it is not that the log is away, which is told elsewhere."""
    taken: list[Share] = []
    again = asyncio.Event()

    async def take(one: Taken) -> Outcome:
        taken.append(one.share)
        if len(taken) == 1:
            raise error
        again.set()
        return None

    engine.begin(take, lambda _share: None, calls=4)
    async with asyncio.timeout(30):
        await again.wait()

    assert taken == [SHARE, SHARE]
    assert [record.getMessage() for record in caplog.records if record.name == "matchspec.work"] == told
