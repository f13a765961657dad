"""`Idempotency-Key` by itself: what a key may be, which requests are the same, which run a key has."""

import hashlib

import pytest
from given import HASH, START
from run_events import finished, pinned, started

from domain.errors import InvalidRequest
from domain.events import Event
from domain.idempotency import read_key, request_digest
from domain.stretch import Stretch
from projections.idempotency import KeyedRun, KeyedRuns
from service.execution.starting import RunRequest

SAME = {
    "a-1": "a-1",
    '"a-1"': "a-1",
    "8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    '"8e03978e-40d5-43e8-bc93-6894a57f9324"': "8e03978e-40d5-43e8-bc93-6894a57f9324",
    "!": "!",
    "~": "~",
    "a,b;c=d": "a,b;c=d",
    "'a'": "'a'",
    'a"': 'a"',
    'a"b': 'a"b',
    "a\\b": "a\\b",
    r'"a\"b\\c"': r'a"b\c',
    "x" * 255: "x" * 255,
    f'"{"x" * 255}"': "x" * 255,
}

REFUSED = [
    "",
    " ",
    '"',
    '""',
    '"a',
    '"a"b"',
    '"a";b=c',
    r'"a\b"',
    '"a b"',
    "a b",
    "a\tb",
    "a\x00",
    "a\x7f",
    "ä",
    '"ä"',
    "a\xa0",
    "x" * 256,
    f'"{"x" * 256}"',
]


@pytest.mark.parametrize(("sent", "key"), SAME.items())
def test_a_key_is_visible_ascii_quoted_or_not(sent: str, key: str) -> None:
    """1 to 255 visible characters; quotes around them, with what they escape, are taken off."""
    assert read_key(sent) == key


@pytest.mark.parametrize("sent", REFUSED)
def test_what_is_no_key_is_refused(sent: str) -> None:
    """Empty, too long, with spaces, control characters or other letters, or badly quoted."""
    with pytest.raises(InvalidRequest, match="Idempotency-Key: must be 1 to 255 visible ASCII characters"):
        read_key(sent)


@pytest.mark.parametrize(
    ("request_", "canonical"),
    [
        (RunRequest(), b"{}"),
        (RunRequest(tags=[]), b'{"tags":[]}'),
        (RunRequest(tags=["b", "a"], suite="qa"), b'{"suite":"qa","tags":["b","a"]}'),
        (RunRequest(config="./m.yml", concurrency=8), b'{"concurrency":8,"config":"./m.yml"}'),
        (RunRequest(suite="crème"), '{"suite":"crème"}'.encode()),
    ],
)
def test_the_digest_is_of_the_sorted_fields_that_are_given(request_: RunRequest, canonical: bytes) -> None:
    """As docs/log-format.md has it; so a later field that a request leaves out changes no old digest."""
    assert request_digest(request_) == hashlib.sha256(canonical).hexdigest()


def keyed(*events: tuple[str, Event]) -> KeyedRuns:
    """The view of a log of these events."""
    view = KeyedRuns()
    for position, (run_id, event) in enumerate(events, 2):
        view.apply(Stretch(run_id, 1, position, [event], START, HASH))
    return view


def test_a_key_has_the_run_that_was_started_with_it_for_ever() -> None:
    """Of several starts each key has its own run, also when that is over; a start without a key has none."""
    first = started(pinned(), idempotency_key="a", request_digest="11")
    second = started(pinned(), idempotency_key="b", request_digest="11")
    view = keyed(("run-1", first), ("run-2", started(pinned())), ("run-3", second), ("run-1", finished()))
    assert view.get("a") == KeyedRun("run-1", "11")
    assert view.get("b") == KeyedRun("run-3", "11")
    assert view.get("c") is None


def test_of_two_runs_with_a_key_the_first_counts() -> None:
    """A log put together from others may have two; the answer must not change with the second."""
    one = started(pinned(), idempotency_key="a", request_digest="11")
    other = started(pinned(), idempotency_key="a", request_digest="22")
    assert keyed(("run-1", one), ("run-2", other)).get("a") == KeyedRun("run-1", "11")
