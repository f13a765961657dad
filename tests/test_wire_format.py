"""The wire format of events: names and bodies written by hand, which every later version must read and write."""

import json

import pytest

from domain.codec import decode, encode, type_name
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
    PinnedBaseline,
    PinnedHarness,
    Resumed,
    Row,
    Started,
    Usage,
)

NAMES = {
    "log_created": LogCreated,
    "log_accepted": LogAccepted,
    "started": Started,
    "examples_pinned": ExamplesPinned,
    "example_answered": ExampleAnswered,
    "example_scored": ExampleScored,
    "resumed": Resumed,
    "cancel_requested": CancelRequested,
    "finished": Finished,
}
D1, D2 = "1f" * 32, "2e" * 32

LEAST: dict[str, tuple[str, Event]] = {
    "log_created": ('{"format":1,"log_id":"6c6f67"}', LogCreated(format=1, log_id="6c6f67")),
    "log_accepted": ('{"position":7,"hash":"' + D1 + '"}', LogAccepted(position=7, hash=D1)),
    "started": (
        '{"mode":"run","suite":null,"suites":["qa"],"tags":[],"concurrency":null,"plan":"' + D1 + '","harnesses":'
        '[{"suite":"qa","harness":"qa-v1"}],"matchspec":"0.1.0"}',
        Started(
            mode="run",
            suite=None,
            suites=["qa"],
            tags=[],
            concurrency=None,
            plan=D1,
            harnesses=[PinnedHarness(suite="qa", harness="qa-v1")],
            matchspec="0.1.0",
        ),
    ),
    "examples_pinned": ('{"harnesses":[]}', ExamplesPinned(harnesses=[])),
    "example_answered": (
        '{"suite":"qa","harness":"qa-v1","example":"ex-1","repeat":0,"row":0,"output":"Paris","latency_ms":1.5,'
        '"attempts":1}',
        ExampleAnswered(
            suite="qa",
            harness="qa-v1",
            example="ex-1",
            repeat=0,
            row=0,
            output="Paris",
            latency_ms=1.5,
            attempts=1,
        ),
    ),
    "example_scored": (
        '{"suite":"qa","harness":"qa-v1","example":"ex-1","repeat":0,"row":0,"output":"Paris","scores":{"contains":1},'
        '"passed":true,"latency_ms":1.5,"attempts":1}',
        ExampleScored(
            suite="qa",
            harness="qa-v1",
            example="ex-1",
            repeat=0,
            row=0,
            output="Paris",
            scores={"contains": 1.0},
            passed=True,
            latency_ms=1.5,
            attempts=1,
        ),
    ),
    "resumed": ('{"process":"p","left":3,"after":"crash"}', Resumed(process="p", left=3, after="crash")),
    "cancel_requested": ("{}", CancelRequested()),
    "finished": (
        '{"status":"error","rows":[{"name":"contains","threshold":0.5,"passed":false,"n":0,"suite":"qa",'
        '"harness":null}],"examples":0,"passed":0,"model_errors":0,"grader_errors":0,"duration_seconds":0.25}',
        Finished(
            status="error",
            rows=[Row(name="contains", threshold=0.5, passed=False, n=0, suite="qa", harness=None)],
            examples=0,
            passed=0,
            model_errors=0,
            grader_errors=0,
            duration_seconds=0.25,
        ),
    ),
}
"""Bodies with no more than each event must have."""

FULL: dict[str, tuple[str, Event]] = {
    "started": (
        '{"mode":"run","suite":"qa","suites":["qa"],"tags":["smoke","ml"],"concurrency":8,"plan":"' + D1 + '",'
        '"harnesses":[{"suite":"qa","harness":"qa-v1","manifest":"' + D2 + '","rows":5,"examples":3,'
        '"repeats":4}],"matchspec":"0.1.0","client":"127.0.0.1","user_agent":"curl/8.5","idempotency_key":"k",'
        '"request_digest":"rd","regrades":"run-1",'
        '"baseline":{"run_id":"run-2","scores":"' + D2 + '"},"warnings":["w"]}',
        Started(
            mode="run",
            suite="qa",
            suites=["qa"],
            tags=["smoke", "ml"],
            concurrency=8,
            plan=D1,
            harnesses=[PinnedHarness(suite="qa", harness="qa-v1", manifest=D2, rows=5, examples=3, repeats=4)],
            matchspec="0.1.0",
            client="127.0.0.1",
            user_agent="curl/8.5",
            idempotency_key="k",
            request_digest="rd",
            regrades="run-1",
            baseline=PinnedBaseline(run_id="run-2", scores=D2),
            warnings=["w"],
        ),
    ),
    "examples_pinned": (
        '{"harnesses":[{"suite":"qa","harness":"qa-v1","manifest":"' + D2 + '","rows":5,"examples":0}],'
        '"warnings":["w"]}',
        ExamplesPinned(
            harnesses=[PinnedHarness(suite="qa", harness="qa-v1", manifest=D2, rows=5, examples=0)], warnings=["w"]
        ),
    ),
    "example_answered": (
        '{"suite":"qa","harness":"qa-v1","example":"ex-2","repeat":1,"row":7,"output":"[secret KEY]",'
        '"latency_ms":1.5,"attempts":2,"usage":{"input_tokens":12,"output_tokens":3},"secrets":["KEY"]}',
        ExampleAnswered(
            suite="qa",
            harness="qa-v1",
            example="ex-2",
            repeat=1,
            row=7,
            output="[secret KEY]",
            latency_ms=1.5,
            attempts=2,
            usage=Usage(input_tokens=12, output_tokens=3),
            secrets=["KEY"],
        ),
    ),
    "example_scored": (
        '{"suite":"qa","harness":"qa-v1","example":"ex-2","repeat":1,"row":7,"output":null,"scores":{},'
        '"passed":false,"latency_ms":30000.0,"attempts":3,"usage":{"input_tokens":0,"output_tokens":5},'
        '"error":"timed out","errors":{"regex":"no"},"details":{"judge":{"reply":"8"}},"secrets":["KEY"]}',
        ExampleScored(
            suite="qa",
            harness="qa-v1",
            example="ex-2",
            repeat=1,
            row=7,
            output=None,
            scores={},
            passed=False,
            latency_ms=30000.0,
            attempts=3,
            usage=Usage(input_tokens=0, output_tokens=5),
            error="timed out",
            errors={"regex": "no"},
            details={"judge": {"reply": "8"}},
            secrets=["KEY"],
        ),
    ),
    "cancel_requested": (
        '{"client":"10.0.0.7","user_agent":"curl/8"}',
        CancelRequested(client="10.0.0.7", user_agent="curl/8"),
    ),
    "resumed": (
        '{"process":"p","left":3,"after":"stop","changed":["ask.py has changed"]}',
        Resumed(process="p", left=3, after="stop", changed=["ask.py has changed"]),
    ),
    "finished": (
        '{"status":"failed","rows":[{"name":"contains","score":0.75,"threshold":0.8,"passed":false,"n":4,'
        '"ci_lower":0.3,"ci_upper":0.95,"suite":"qa","harness":"qa-v1","pass_rate":0.5,"pass_at":0.4,"pass_at_k":[0.5,0.75],'
        '"pass_all_k":[0.5,0.25],"disagree":0.5}],"examples":5,"passed":3,"model_errors":1,"grader_errors":2,'
        '"duration_seconds":43.0,"verdict":"FAIL","error":"e","warnings":["w"],"informational":[{"name":"regex",'
        '"score":0.25,"n":4,"ci_lower":0.05,"ci_upper":0.7,"suite":"qa","harness":"weighted"}],'
        '"usage":{"input_tokens":100,"output_tokens":20},"cost":0.125}',
        Finished(
            status="failed",
            rows=[
                Row(
                    name="contains",
                    score=0.75,
                    threshold=0.8,
                    passed=False,
                    n=4,
                    ci_lower=0.3,
                    ci_upper=0.95,
                    suite="qa",
                    harness="qa-v1",
                    pass_rate=0.5,
                    pass_at=0.4,
                    pass_at_k=[0.5, 0.75],
                    pass_all_k=[0.5, 0.25],
                    disagree=0.5,
                )
            ],
            examples=5,
            passed=3,
            model_errors=1,
            grader_errors=2,
            duration_seconds=43.0,
            verdict="FAIL",
            error="e",
            warnings=["w"],
            informational=[
                Information(name="regex", score=0.25, n=4, ci_lower=0.05, ci_upper=0.7, suite="qa", harness="weighted")
            ],
            usage=Usage(input_tokens=100, output_tokens=20),
            cost=0.125,
        ),
    ),
}
"""Bodies with everything an event can have."""

GOLDEN = {f"{name}, least": (name, *one) for name, one in LEAST.items()} | {
    f"{name}, full": (name, *one) for name, one in FULL.items()
}


@pytest.mark.parametrize("golden", GOLDEN)
def test_a_body_of_this_format_is_read_for_ever(golden: str) -> None:
    """Fields may be added with a default; none of these is ever renamed, removed or given another meaning."""
    name, body, event = GOLDEN[golden]
    assert decode(name, body.encode()) == event


@pytest.mark.parametrize("golden", GOLDEN)
def test_an_event_is_written_with_these_names_and_no_others(golden: str) -> None:
    """The body's fields are those of the format; what is at its default is left out."""
    name, body, event = GOLDEN[golden]
    assert type_name(event) == name
    assert json.loads(encode(event)) == json.loads(body)


def test_the_names_of_events_are_fixed() -> None:
    """A log says `example_scored` for ever, whatever the class is called."""
    assert TYPES == NAMES
    assert LEAST.keys() == NAMES.keys()


def extended(value: object) -> object:
    """Add a field to every object of a body, as a newer version might."""
    match value:
        case dict():
            return {name: extended(part) for name, part in value.items()} | {"added_later": {"x": [1, None]}}
        case list():
            return [extended(part) for part in value]
        case _:
            return value


@pytest.mark.parametrize("golden", [golden for golden in GOLDEN if not golden.startswith("example_scored")])
def test_unknown_fields_are_ignored(golden: str) -> None:
    """A newer version may have added fields at any depth: an older one reads past them."""
    name, body, event = GOLDEN[golden]
    assert decode(name, json.dumps(extended(json.loads(body))).encode()) == event


def test_unknown_fields_of_a_scored_example_are_ignored() -> None:
    """Here only beside the others: `scores`, `errors` and `details` are keyed by the graders' names."""
    _, body, event = GOLDEN["example_scored, full"]
    assert decode("example_scored", json.dumps(json.loads(body) | {"added_later": {"x": 5}}).encode()) == event


def test_the_order_of_keys_is_free() -> None:
    """Another program may write them in its own."""
    for name, body, event in GOLDEN.values():
        assert decode(name, json.dumps(json.loads(body), sort_keys=True, indent=1).encode()) == event


def test_every_field_of_every_event_stands_in_a_body_above() -> None:
    """Whoever adds a field adds it to the full body of its event."""
    for name, event in NAMES.items():
        body = (FULL.get(name) or LEAST[name])[0]
        assert json.loads(body).keys() == set(event.__struct_fields__)


def test_a_score_whose_answer_stands_before_it_says_it_not_again() -> None:
    """Output, latency and attempts are left out then: they are in `example_answered`."""
    body = b'{"suite":"qa","harness":"qa-v1","example":"ex-1","repeat":0,"row":0,"scores":{"judge":0.8},"passed":true}'
    event = ExampleScored(
        suite="qa", harness="qa-v1", example="ex-1", repeat=0, row=0, scores={"judge": 0.8}, passed=True
    )
    assert decode("example_scored", body) == event
    assert json.loads(encode(event)) == json.loads(body)


def test_an_output_that_is_null_is_not_one_that_is_left_out() -> None:
    """Null: the model gave no answer."""
    _, _, event = GOLDEN["example_scored, full"]
    assert isinstance(event, ExampleScored)
    assert event.output is None
    assert b'"output":null' in encode(event)
