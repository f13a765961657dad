"""One asking of an example: attempts, their deadlines, and the waits between them."""

import asyncio
from collections.abc import Sequence

import pytest
from permitted import free_permits, permits_of

from domain.errors import ModelError
from service.execution.attempts import Answer, Patience, Service
from service.execution.slots import CallSlots
from service.models.ask import Reply

REFUSED = ModelError("connection refused", retry=True)
BROKEN = ModelError("the path is missing", retry=False)
HANGS = TimeoutError("this call never ends")


class Model:
    """Answers with what is in its list, one entry a call: a text, an error, or a call that hangs."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def ask(self, _text: str) -> Reply:
        """Take one call."""
        self.calls += 1
        answer = self.answers.pop(0)
        if answer is HANGS:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return Reply(str(answer))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, in seconds; they take no time."""
    seconds: list[float] = []

    async def wait(delay: float) -> None:
        seconds.append(delay)

    monkeypatch.setattr(asyncio, "sleep", wait)
    return seconds


async def ask(model: Model, *, retries: int = 0, delay: int = 250, within: float = 30) -> Answer:
    """Ask with so much patience and no limit of the server."""
    return await Service(model.ask, Patience(within, retries, delay), free_permits()).answer("hi", "run")


def told(answer: Answer) -> tuple[str | None, str | None, int]:
    """The output, the error's message, and the number of attempts."""
    return (
        answer.reply.output if answer.reply else None,
        answer.error.message if answer.error else None,
        answer.attempts,
    )


async def test_the_first_answer_is_taken(waits: list[float]) -> None:
    """An answer needs one attempt, whatever retries are allowed."""
    answer = await ask(Model("fine"), retries=3)

    assert told(answer) == ("fine", None, 1)
    assert waits == []


async def test_the_waits_double(waits: list[float]) -> None:
    """Before retry N it waits retry_delay_ms * 2^(N-1): 500, 1,000, 2,000 and 4,000 ms."""
    answer = await ask(Model(REFUSED, REFUSED, REFUSED, REFUSED, "fine"), retries=4, delay=500)

    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert told(answer) == ("fine", None, 5)


@pytest.mark.parametrize("retries", [0, 1, 5])
async def test_after_the_last_attempt_the_error_is_the_answer(waits: list[float], retries: int) -> None:
    """`retries` are further attempts: with N of them a model that never answers is asked N + 1 times."""
    model = Model(*[REFUSED] * 10)

    answer = await ask(model, retries=retries)

    assert told(answer) == (None, "connection refused", retries + 1)
    assert model.calls == retries + 1
    assert len(waits) == retries


async def test_the_last_error_is_told(waits: list[float]) -> None:
    """Of several failures the last one is recorded."""
    answer = await ask(Model(REFUSED, ModelError("502", retry=True)), retries=1)

    assert told(answer) == (None, "502", 2)


async def test_an_error_that_no_retry_helps_is_final(waits: list[float]) -> None:
    """A missing path is the same the next time: it is not asked again, also behind a retried error."""
    first, second = Model(BROKEN, "fine"), Model(REFUSED, BROKEN, "fine")

    assert told(await ask(first, retries=5)) == (None, "the path is missing", 1)
    assert (await ask(second, retries=5)).attempts == 2
    assert (first.calls, second.calls, waits) == (1, 2, [0.25])


async def test_the_timeout_is_of_one_attempt() -> None:
    """Each attempt has the whole timeout; a timeout is retried and told with its length."""
    model = Model(HANGS, HANGS, "fine")
    async with asyncio.timeout(5):
        answer = await ask(model, retries=2, delay=0, within=0.05)
        timed_out = await ask(Model(HANGS), within=0.05)

    assert told(answer) == ("fine", None, 3)
    assert told(timed_out) == (None, "no answer within 0.05 s", 1)
    assert 50 <= timed_out.latency_ms < 1000


async def test_the_latency_is_that_of_the_last_attempt() -> None:
    """A slow failure before a quick answer, and the wait between them, are not part of the latency."""
    answer = await ask(Model(HANGS, "fine"), retries=1, delay=100, within=0.1)

    assert answer.attempts == 2
    assert 0 <= answer.latency_ms < 90


async def test_a_slot_is_held_around_an_attempt_and_not_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's slot is taken for each attempt, and given back before the wait for the next."""
    story: list[tuple[str, int]] = []
    slots = CallSlots(5)

    async def tell(_text: str) -> Reply:
        story.append(("ask", slots.used))
        if len(story) == 1:
            raise REFUSED
        return Reply("fine")

    async def sleep(_seconds: float) -> None:
        story.append(("wait", slots.used))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await Service(tell, Patience(30, 1, 250), permits_of(slots)).answer("hi", "run")

    assert [*story, ("over", slots.used)] == [("ask", 1), ("wait", 0), ("ask", 1), ("over", 0)]


@pytest.mark.parametrize("answers", [[HANGS], [REFUSED, HANGS]], ids=["in the first call", "in a later one"])
async def test_an_asking_that_is_cancelled_ends(answers: Sequence[Exception]) -> None:
    """Cancelling is no model error: it goes through at once."""
    asking = asyncio.create_task(ask(Model(*answers), retries=5, delay=0))
    await asyncio.sleep(0.02)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
