"""The plan: which setting wins, what is kept, and that it comes back from its bytes."""

from typing import get_args

import msgspec
import pytest
from planned import contains, exact, harness, plan, regex, suite

from domain.events import PinnedHarness
from domain.grader_spec import (
    ContainsConfig,
    ContainsGrader,
    ExactMatchConfig,
    ExactMatchGrader,
    Grader,
    LlmJudgeConfig,
    LlmJudgeGrader,
    PythonGrader,
    RegexConfig,
    RegexGrader,
    RegisteredGrader,
    SemanticSimilarityConfig,
    SemanticSimilarityGrader,
)
from domain.model_spec import CommandModel, EchoModel, HttpModel, Model, NoopModel, OpenAIModel, Prices
from domain.plan import (
    HarnessSource,
    Plan,
    decode_plan,
    encode_plan,
    name_left_out,
    plan_harness,
    plan_suite,
    resolve_statistics,
    threshold_of,
    without_left_out,
)
from domain.spec import Defaults, Harness, Statistics, Suite, SuiteStatistics

DEFAULTS = Defaults(concurrency=2, timeout_seconds=11, retries=3, retry_delay_ms=40)
OWN = {"concurrency": 8, "timeout_seconds": 1.5, "retries": 1, "retry_delay_ms": 500}


def source(**settings: object) -> HarnessSource:
    """A harness file with these settings of its own."""
    fields = {"version": 1, "name": "a", "dataset": "d.jsonl", "model": {"type": "echo"}} | settings
    spec = msgspec.convert(fields | {"graders": [{"type": "exact_match"}]}, Harness)
    return HarnessSource("evals/a.yml", "evals/d.jsonl", spec, {"ask.py": "ab"})


def settings_of(of: HarnessSource, defaults: Defaults) -> dict[str, object]:
    """The four execution settings as they were resolved."""
    planned = plan_harness(of, defaults)
    return {name: getattr(planned, name) for name in OWN}


def test_a_harness_without_settings_takes_the_config_s_defaults() -> None:
    """All four."""
    assert settings_of(source(), DEFAULTS) == {
        "concurrency": 2,
        "timeout_seconds": 11,
        "retries": 3,
        "retry_delay_ms": 40,
    }


def test_a_config_without_defaults_has_those_of_the_contract() -> None:
    """4 at once, 30 seconds, no retry, 250 ms."""
    assert settings_of(source(), Defaults()) == {
        "concurrency": 4,
        "timeout_seconds": 30,
        "retries": 0,
        "retry_delay_ms": 250,
    }


@pytest.mark.parametrize("name", OWN)
def test_a_harness_s_own_setting_wins_alone(name: str) -> None:
    """One setting of its own leaves the others to the defaults."""
    expected = settings_of(source(), DEFAULTS) | {name: OWN[name]}
    assert settings_of(source(**{name: OWN[name]}), DEFAULTS) == expected


@pytest.mark.parametrize("name", ["retries", "retry_delay_ms"])
def test_a_zero_of_its_own_wins_too(name: str) -> None:
    """0 is a setting, not its absence."""
    assert settings_of(source(**{name: 0}), DEFAULTS)[name] == 0


def test_the_plan_says_where_a_harness_came_from() -> None:
    """Its file, its dataset, and the digests of its scripts."""
    planned = plan_harness(source(), DEFAULTS)
    assert (planned.name, planned.file, planned.dataset) == ("a", "evals/a.yml", "evals/d.jsonl")
    assert planned.code == {"ask.py": "ab"}


GLOBAL = Statistics(
    confidence_level=0.9, use_lower_bound=True, min_sample_size=30, min_sample_action="fail", max_error_rate=0.1
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidence_level", 0.99),
        ("use_lower_bound", False),
        ("min_sample_size", 0),
        ("min_sample_action", "warn"),
        ("max_error_rate", 0.0),
    ],
)
def test_a_suite_s_statistics_win_field_by_field(name: str, value: object) -> None:
    """What the suite says replaces the config's, `false` and 0 too; the other fields stay."""
    resolved = resolve_statistics(GLOBAL, msgspec.convert({name: value}, SuiteStatistics))
    assert msgspec.to_builtins(resolved) == msgspec.to_builtins(GLOBAL) | {name: value}


def test_a_suite_without_statistics_takes_the_config_s() -> None:
    """All of them; and a config without any has those of the contract."""
    assert resolve_statistics(GLOBAL, SuiteStatistics()) == GLOBAL
    assert msgspec.to_builtins(Statistics()) == {
        "confidence_level": 0.95,
        "use_lower_bound": False,
        "min_sample_size": 0,
        "min_sample_action": "warn",
        "max_error_rate": 0.5,
    }


def test_every_field_of_the_statistics_can_be_a_suite_s_own() -> None:
    """Whoever adds one adds it to both."""
    assert SuiteStatistics.__struct_fields__ == Statistics.__struct_fields__


def test_a_suite_is_planned_with_its_harnesses_in_order() -> None:
    """Its tags, thresholds and resolved statistics with it."""
    written = Suite(
        name="qa",
        harnesses=["b.yml", "a.yml"],
        tags=["smoke"],
        thresholds={"overall": 0.8},
        statistics=SuiteStatistics(min_sample_size=5),
    )
    planned = plan_suite(written, [source(name="b"), source(name="a")], DEFAULTS, GLOBAL)
    assert (planned.name, planned.tags, planned.thresholds) == ("qa", ["smoke"], {"overall": 0.8})
    assert [one.name for one in planned.harnesses] == ["b", "a"]
    assert planned.statistics == msgspec.structs.replace(GLOBAL, min_sample_size=5)


@pytest.mark.parametrize(
    ("own", "thresholds", "expected"),
    [
        (0.1, {"exact_match": 0.2, "overall": 0.3}, 0.1),
        (0.0, {"exact_match": 0.2, "overall": 0.3}, 0.0),
        (None, {"exact_match": 0.2, "overall": 0.3}, 0.2),
        (None, {"exact_match": 0.0, "overall": 0.3}, 0.0),
        (None, {"contains": 0.2, "overall": 0.3}, 0.3),
        (None, {"contains": 0.2}, 1.0),
        (None, {}, 1.0),
    ],
)
def test_the_first_threshold_that_exists_holds(
    own: float | None, thresholds: dict[str, float], expected: float
) -> None:
    """The harness file's, the suite's under the grader's name, the suite's overall, 1."""
    assert threshold_of(exact(own), suite("qa", harness("a"), thresholds=thresholds)) == expected


def test_a_threshold_belongs_to_the_grader_s_own_name() -> None:
    """A grader with a name is not found under its type."""
    of = suite("qa", harness("a"), thresholds={"exact_match": 0.2, "same": 0.4})
    assert threshold_of(exact(name="same"), of) == 0.4


MODELS: list[Model] = [
    EchoModel(),
    NoopModel(),
    CommandModel(command=["python", "ask.py"], input_via="env", timeout_seconds=3),
    HttpModel(
        endpoint="https://api.example.com/${PATH_PART}",
        method="PUT",
        headers={"X-Trace": "${TRACE}"},
        api_key_env="KEY",
        request_template='{"q": "{{input}}"}',
        response_path="choices[0].text",
        proxy="http://${PROXY}:3128",
        requests_per_minute=0.5,
        adaptive=False,
        prices=Prices(input=0.15, output=0.6),
    ),
    OpenAIModel(model="m", base_url="http://localhost/v1", system="größe", params={"temperature": 0, "stop": ["x"]}),
]
GRADERS: list[Grader] = [
    ExactMatchGrader(name="strict", threshold=0.25, config=ExactMatchConfig(trim_whitespace=False)),
    ContainsGrader(config=ContainsConfig(case_sensitive=False)),
    RegexGrader(threshold=0.0, config=RegexConfig(pattern="größe {{expected}}", flags=["i", "s"])),
    SemanticSimilarityGrader(
        weight=0.25,
        pass_at=0.8,
        config=SemanticSimilarityConfig(
            embedding_endpoint="http://e/${X}", model="e", api_key_env="KEY", batch_size=7, timeout_seconds=3
        ),
    ),
    LlmJudgeGrader(
        config=LlmJudgeConfig(
            endpoint="http://j",
            model="j",
            api_key_env="KEY",
            prompt_template="{{output}}",
            score_parser="float_0_1",
            timeout_seconds=3,
        )
    ),
    PythonGrader(name="own", config={"callable": "g.py:f", "deep": {"x": [1, None, 0.5]}}),
    RegisteredGrader(entry_point="nearest_colour", config={"size": 3}),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(type(model).__name__))
def test_a_plan_comes_back_from_its_bytes(model: Model) -> None:
    """Every model, every grader, every setting."""
    written = Plan(
        config="evals/matchspec.yml",
        suites=[
            suite(
                "qa",
                harness("a", *GRADERS, model=model, repeats=5),
                thresholds={"overall": 0.1 + 0.2},
                statistics=GLOBAL,
            ),
            plan_suite(Suite(name="more", harnesses=["a.yml"], tags=["x"]), [source(**OWN)], DEFAULTS, GLOBAL),
        ],
        tags=["smoke", "größe"],
        concurrency=7,
    )
    assert decode_plan(encode_plan(written)) == written


def test_every_model_and_every_grader_is_tried() -> None:
    """Whoever adds one adds it above."""
    assert {type(model) for model in MODELS} == set(get_args(Model))
    assert {type(grader) for grader in GRADERS} == set(get_args(Grader))


def test_a_variable_is_pinned_by_its_name() -> None:
    """`${NAME}` stands in the plan as it is written; no value can be in it."""
    content = encode_plan(plan(suite("qa", harness("a", model=MODELS[3]))))
    assert b"https://api.example.com/${PATH_PART}" in content
    assert b"${TRACE}" in content


def test_the_same_plan_has_the_same_bytes() -> None:
    """It is stored once however many runs use it."""
    one = plan(suite("qa", harness("a", exact(), contains(), regex())))
    other = plan(suite("qa", harness("a", exact(), contains(), regex())))
    assert encode_plan(one) == encode_plan(other)


TWO = plan(suite("qa", harness("a"), harness("b")), suite("more", harness("b")))


def counted(suite_name: str, name: str, examples: int | None) -> PinnedHarness:
    """A harness with so many examples in the run; None where it is not pinned yet."""
    return PinnedHarness(suite=suite_name, harness=name, examples=examples)


@pytest.mark.parametrize(
    ("counts", "kept", "told"),
    [
        ((3, 2, 1), {"qa": ["a", "b"], "more": ["b"]}, []),
        ((3, 0, 1), {"qa": ["a"], "more": ["b"]}, [("'b'", "'qa'")]),
        ((3, 2, 0), {"qa": ["a", "b"]}, [("'more'", "")]),
        ((0, 0, 1), {"more": ["b"]}, [("'qa'", "")]),
        ((0, None, 0), {"qa": ["b"]}, [("'more'", ""), ("'a'", "'qa'")]),
    ],
)
def test_what_has_no_example_is_left_out_and_named(
    counts: tuple[int | None, ...], kept: dict[str, list[str]], told: list[tuple[str, str]]
) -> None:
    """A suite without any is named as a whole; what is not pinned yet stays."""
    keys = [("qa", "a"), ("qa", "b"), ("more", "b")]
    pinned = [counted(*key, count) for key, count in zip(keys, counts, strict=True)]
    left = without_left_out(TWO, pinned)
    assert {one.name: [asked.name for asked in one.harnesses] for one in left.suites} == kept
    warnings = name_left_out(pinned)
    assert len(warnings) == len(told)
    for warning, names in zip(warnings, told, strict=True):
        assert all(name in warning for name in names)


def test_a_harness_is_found_by_both_its_names() -> None:
    """The same harness in two suites is two; a pair that is not there is a KeyError."""
    found_suite, found = TWO.harness("more", "b")
    assert (found_suite.name, found.name) == ("more", "b")
    with pytest.raises(KeyError):
        TWO.harness("more", "a")
