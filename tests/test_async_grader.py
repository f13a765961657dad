"""An async grader of a user's own: several gradings at once, none of which pays for another."""

import asyncio
import time

from user_grading import at_once, opened, outcome


async def test_async_gradings_go_side_by_side() -> None:
    """Twenty that wait half a second each end in far less than ten seconds."""
    began = time.monotonic()

    assert await at_once(opened("sleeper"), *["0.5"] * 20) == [0.5] * 20
    assert time.monotonic() - began < 4


async def test_a_crash_of_one_async_grading_harms_no_other() -> None:
    """Those under way are asked again, one by one, and the culprit alone is an error."""
    scores = await at_once(opened("sleeper"), "0.2", "0.3", "die", "0.1", "fail", "0.2")

    assert scores[2] == "the grader's process was killed by SIGKILL"
    assert str(scores[4]).startswith("ValueError: no such word")
    assert [scores[n] for n in (0, 1, 3, 5)] == [0.5] * 4


async def test_an_async_grading_out_of_time_harms_no_other() -> None:
    """The others that the kill interrupts are asked again."""
    grader = opened("sleeper", timeout_seconds=1)
    slow = asyncio.create_task(outcome(grader, "60"))
    await asyncio.sleep(0.7)
    others = await asyncio.gather(*(outcome(grader, "0.6") for _ in range(3)))
    await grader.close()

    assert await slow == "no score within 1 s; the grader's process was killed"
    assert others == [0.5, 0.5, 0.5]
