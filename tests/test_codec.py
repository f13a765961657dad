"""Events to bytes and back: nothing is lost, and what can't be read is told."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from domain.codec import decode, encode, type_name
from domain.errors import LogUnreadable
from domain.events import (
    TYPES,
    CancelRequested,
    Event,
    ExampleAnswered,
    ExampleScored,
    ExamplesPinned,
    Finished,
    Information,
    LogAccepted,
    LogCreated,
    PinnedHarness,
    Resumed,
    Row,
    Started,
    Usage,
)


def test_an_unknown_type_stops_the_program_with_a_sentence() -> None:
    """It names the type and says what helps: an upgrade."""
    with pytest.raises(LogUnreadable, match=r"'example_cached'.*newer matchspec.*upgrade"):
        decode("example_cached", b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"process":"p","left":"3","after":"crash"}',
        b'{"process":"p","left":3,"after":"flood"}',
        b'{"process":"p","after":"stop"}',
        b'{"process":"\xff","left":3,"after":"stop"}',
        b'{"process":"p","left":3,"after":"stop","x":' + b"[" * 100_000,
    ],
    ids=["empty", "cut", "null", "list", "type", "choice", "missing", "not UTF-8", "deep"],
)
def test_a_body_that_can_not_be_read_is_told(body: bytes) -> None:
    """The error names the event's type; nothing else escapes."""
    with pytest.raises(LogUnreadable, match="'resumed' event that can't be read: "):
        decode("resumed", body)


TEXT = st.text(max_size=20)
TEXTS = st.lists(TEXT, max_size=3)
COUNT = st.integers(0, 2**53)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SHARE = st.floats(0, 1)
PINNED = st.builds(
    PinnedHarness,
    suite=TEXT,
    harness=TEXT,
    manifest=st.none() | TEXT,
    rows=st.none() | COUNT,
    examples=st.none() | COUNT,
    repeats=COUNT,
)
SHARES = st.none() | st.lists(SHARE, max_size=3)
USAGE = st.builds(Usage, input_tokens=COUNT, output_tokens=COUNT)
JSON = st.recursive(
    st.none() | st.booleans() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=5
)
INFORMATION = st.builds(
    Information,
    name=TEXT,
    score=st.none() | SHARE,
    n=COUNT,
    ci_lower=st.none() | SHARE,
    ci_upper=st.none() | SHARE,
    suite=TEXT,
    harness=TEXT,
)
ROW = st.builds(
    Row,
    name=TEXT,
    score=st.none() | SHARE,
    threshold=SHARE,
    passed=st.booleans(),
    n=COUNT,
    ci_lower=st.none() | SHARE,
    ci_upper=st.none() | SHARE,
    suite=TEXT,
    harness=st.none() | TEXT,
    pass_rate=st.none() | SHARE,
    pass_at=st.none() | SHARE,
    pass_at_k=SHARES,
    pass_all_k=SHARES,
    disagree=st.none() | SHARE,
)
EVENTS: dict[type[Event], st.SearchStrategy[Event]] = {
    LogCreated: st.builds(LogCreated, format=COUNT, log_id=TEXT),
    LogAccepted: st.builds(LogAccepted, position=COUNT, hash=TEXT),
    Started: st.builds(
        Started,
        mode=st.sampled_from(["run", "regrade"]),
        suite=st.none() | TEXT,
        suites=TEXTS,
        tags=TEXTS,
        concurrency=st.none() | COUNT,
        plan=TEXT,
        harnesses=st.lists(PINNED, max_size=3),
        matchspec=TEXT,
        client=st.none() | TEXT,
        user_agent=st.none() | TEXT,
        idempotency_key=st.none() | TEXT,
        regrades=st.none() | TEXT,
        warnings=TEXTS,
    ),
    CancelRequested: st.builds(CancelRequested, client=st.none() | TEXT, user_agent=st.none() | TEXT),
    ExamplesPinned: st.builds(ExamplesPinned, harnesses=st.lists(PINNED, max_size=3), warnings=TEXTS),
    ExampleAnswered: st.builds(
        ExampleAnswered,
        suite=TEXT,
        harness=TEXT,
        example=TEXT,
        repeat=COUNT,
        row=COUNT,
        output=TEXT,
        latency_ms=NUMBER,
        attempts=COUNT,
        usage=st.none() | USAGE,
        secrets=TEXTS,
    ),
    ExampleScored: st.builds(
        ExampleScored,
        suite=TEXT,
        harness=TEXT,
        example=TEXT,
        repeat=COUNT,
        row=COUNT,
        output=st.none() | TEXT | st.just(UNSET),
        scores=st.dictionaries(TEXT, SHARE, max_size=3),
        passed=st.booleans(),
        latency_ms=NUMBER | st.just(UNSET),
        attempts=COUNT | st.just(UNSET),
        usage=st.none() | USAGE,
        error=st.none() | TEXT,
        errors=st.dictionaries(TEXT, TEXT, max_size=3),
        details=st.dictionaries(TEXT, JSON, max_size=3),
        secrets=TEXTS,
    ),
    Resumed: st.builds(Resumed, process=TEXT, left=COUNT, after=st.sampled_from(["crash", "stop"]), changed=TEXTS),
    Finished: st.builds(
        Finished,
        status=st.sampled_from(["passed", "failed", "error", "cancelled"]),
        rows=st.lists(ROW, max_size=3),
        examples=COUNT,
        passed=COUNT,
        model_errors=COUNT,
        grader_errors=COUNT,
        duration_seconds=NUMBER,
        verdict=st.sampled_from([None, "PASS", "FAIL"]),
        error=st.none() | TEXT,
        warnings=TEXTS,
        informational=st.lists(INFORMATION, max_size=3),
        usage=st.none() | USAGE,
        cost=st.none() | NUMBER,
    ),
}


@settings(deadline=None, max_examples=200)
@given(event=st.one_of(*EVENTS.values()))
def test_any_event_comes_back_as_it_was(event: Event) -> None:
    """Every field of every type, texts of any script included, in a body that any JSON reader reads."""
    body = encode(event)
    assert decode(type_name(event), body) == event
    assert isinstance(json.loads(body), dict)


def test_every_event_comes_back() -> None:
    """Whoever adds an event adds it above."""
    assert EVENTS.keys() == set(TYPES.values())
