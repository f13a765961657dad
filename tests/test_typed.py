"""A tree -> a value of a type, and what is told where that can't be."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.grader_spec import ExactMatchGrader, RegexConfig, RegexGrader
from domain.model_spec import EchoModel, HttpModel
from domain.spec import Config, DatasetFile, Harness, InlineDataset, InlineExample
from service.files.reading import read_typed
from service.files.tree import from_json
from service.files.typed import convert
from service.files.yaml_tree import parse_yaml

HARNESS = "version: 1\nname: h\ndataset: d.yml\nmodel: {type: echo}\ngraders: [{type: exact_match}]\n"
TYPES = "contains, exact_match, llm_judge, python, regex, semantic_similarity"
EXAMPLE = "id: a\ninput: i\nexpected: e\n"


def told(text: str, wanted: type) -> list[str]:
    """List what is told about a YAML file called f.yml."""
    parsed = parse_yaml(text.encode(), "f.yml")
    assert parsed.root is not None
    assert parsed.mistakes == []
    return [str(mistake) for mistake in convert(parsed.root, wanted, "f.yml").mistakes]


def test_a_whole_harness_becomes_its_value() -> None:
    """Every kind of field arrives: defaults, unions by type and by shape, lists, mappings."""
    text = """
version: 1
name: qa
dataset: {name: inline, examples: [{id: a, input: "1", expected: x, tags: [t], metadata: {n: 1}}]}
model: {type: http, endpoint: "http://localhost/", headers: {X-A: b}}
graders:
  - {type: exact_match, threshold: 1}
  - {type: regex, name: r, config: {pattern: a+, flags: [i, m]}}
timeout_seconds: 5
"""
    parsed = parse_yaml(text.encode(), "f.yml")
    assert parsed.root is not None
    example = InlineExample(id="a", input="1", expected="x", tags=["t"], metadata={"n": 1})
    converted = convert(parsed.root, Harness)
    assert converted.mistakes == []
    assert converted.value == Harness(
        version=1,
        name="qa",
        dataset=InlineDataset(name="inline", examples=[example]),
        model=HttpModel(endpoint="http://localhost/", headers={"X-A": "b"}),
        graders=[
            ExactMatchGrader(threshold=1.0),
            RegexGrader(name="r", config=RegexConfig(pattern="a+", flags=["i", "m"])),
        ],
        timeout_seconds=5.0,
    )


def test_a_whole_number_becomes_a_float_where_one_is_wanted() -> None:
    """`timeout_seconds: 5` is the float 5.0."""
    value = convert(from_json({"version": 1, "suites": [], "defaults": {"timeout_seconds": 5}}), Config).value
    assert value is not None
    assert type(value.defaults.timeout_seconds) is float


def test_it_takes_what_msgspec_takes() -> None:
    """JSON that msgspec converts gives the same value here."""
    written = {
        "version": 1,
        "name": "h",
        "dataset": "d.jsonl",
        "model": {"type": "echo"},
        "graders": [{"type": "contains", "config": {"case_sensitive": False}}],
        "retries": 2,
        "concurrency": None,
    }
    converted = convert(from_json(written), Harness)
    assert converted.mistakes == []
    assert converted.value is not None
    assert converted.value == msgspec.convert(written, Harness)
    assert isinstance(converted.value.model, EchoModel)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("expected: 42", 'line 3, expected: must be text, found the number 42; quote it: "42"'),
        ("expected: 0.10", 'line 3, expected: must be text, found the number 0.10; quote it: "0.10"'),
        ("expected: no", 'line 3, expected: must be text, found the boolean no; quote it: "no"'),
        ("expected: 012", 'line 3, expected: must be text, found the number 012; quote it: "012"'),
        ("expected: 2024-01-01", 'line 3, expected: must be text, found the date 2024-01-01; quote it: "2024-01-01"'),
        ("expected:", "line 3, expected: must be text, found nothing; give a value or leave the field out"),
        ("expected: [a]", "line 3, expected: must be text, found a list"),
        ("expected: {a: b}", "line 3, expected: must be text, found a mapping"),
        ("expected: e\ntags: t", "line 4, tags: must be a list, found the text 't'"),
        ("expected: e\ntags: [t, 1]", 'line 4, tags[1]: must be text, found the number 1; quote it: "1"'),
        ("expected: e\ntags: ['']", "line 4, tags[0]: must not be empty, found an empty text"),
        ("expected: e\nmetadata: 5", "line 4, metadata: must be a mapping, found the number 5"),
        (
            "expected: e\nmetadata:\n  n: 9223372036854775808",
            "line 5, metadata.n: must fit in 64 bits, found the number 9223372036854775808; quote it",
        ),
        ("expectd: e\nexpected: e", "line 3, expectd: unknown field 'expectd' (did you mean 'expected'?)"),
        ("expected: e\nzzz: 1", "line 4, zzz: unknown field 'zzz' (one of: expected, id, input, metadata, tags)"),
        ("tags: []", "line 1, expected: missing; it must be text"),
    ],
)
def test_a_mistake_in_an_example_is_told_with_its_cure(line: str, message: str) -> None:
    """What is found, what is wanted and what to do stand in one line."""
    assert told(f"id: a\ninput: i\n{line}\n", InlineExample) == [f"f.yml, {message}"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("concurrency: 0", "concurrency: must be a whole number from 1 to 100000, found the number 0"),
        ("concurrency: 1.0", "concurrency: must be a whole number from 1 to 100000, found the number 1.0"),
        (
            'concurrency: "4"',
            "concurrency: must be a whole number from 1 to 100000, found the text '4'; write it without quotes",
        ),
        (
            "concurrency: 010",
            "concurrency: must be a whole number from 1 to 100000, found the number 010; write a plain decimal number",
        ),
        (
            "retries: 1_0",
            "retries: must be a whole number from 0 to 100, found the number 1_0; write a plain decimal number",
        ),
        (
            "timeout_seconds: 1:30",
            "timeout_seconds: must be a number above 0 and at most 86400, found the number 1:30; "
            "write a plain decimal number",
        ),
        (
            "timeout_seconds: .nan",
            "timeout_seconds: must be a number above 0 and at most 86400, found the number .nan; "
            "write a plain decimal number",
        ),
        ("timeout_seconds: 0", "timeout_seconds: must be a number above 0 and at most 86400, found the number 0"),
        (
            "timeout_seconds: no",
            "timeout_seconds: must be a number above 0 and at most 86400, found the boolean no",
        ),
        ("description: 5", 'description: must be text, found the number 5; quote it: "5"'),
        ("repeats: 0", "repeats: must be a whole number from 1 to 1000, found the number 0"),
    ],
)
def test_a_mistake_in_a_setting_tells_the_range(line: str, message: str) -> None:
    """Numbers are plain, finite and within their limits."""
    assert told(f"{HARNESS}{line}\n", Harness) == [f"f.yml, line 6, {message}"]


@pytest.mark.parametrize(
    ("graders", "message"),
    [
        ("[]", "graders: must hold at least one item"),
        ("[5]", "graders[0]: must be a mapping with a 'type', found the number 5"),
        ("[{name: a}]", f"graders[0].type: missing (one of: {TYPES})"),
        ("[{type: 1}]", f"graders[0].type: must be text, found the number 1 (one of: {TYPES})"),
        ("[{type: exact_mtch}]", "graders[0].type: unknown type 'exact_mtch' (did you mean 'exact_match'?)"),
        ("[{type: zzz}]", f"graders[0].type: unknown type 'zzz' (one of: {TYPES})"),
        ("[{type: llm_judge}]", "graders[0].config: missing; it must be a mapping"),
        (
            "[{type: contains, weight: 0}]",
            "graders[0].weight: must be a number above 0 and at most 1000000, found the number 0",
        ),
        ("[{type: contains, pass_at: 2}]", "graders[0].pass_at: must be a number from 0 to 1, found the number 2"),
        (
            "[{type: contains, threshold: 1.2}]",
            "graders[0].threshold: must be a number from 0 to 1, found the number 1.2",
        ),
        (
            "[{type: contains, treshold: 1}]",
            "graders[0].treshold: unknown field 'treshold' (did you mean 'threshold'?)",
        ),
        ("[{type: regex}]", "graders[0].config: missing; it must be a mapping"),
        ("[{type: regex, config: {}}]", "graders[0].config.pattern: missing; it must be text"),
        ("[{type: regex, config: {pattern: ''}}]", "graders[0].config.pattern: must not be empty, found an empty text"),
        (
            "[{type: regex, config: {pattern: a, flags: [x]}}]",
            "graders[0].config.flags[0]: must be one of: i, m, s, found the text 'x'",
        ),
    ],
)
def test_a_mistake_in_a_grader_tells_what_is_allowed(graders: str, message: str) -> None:
    """Types, names of fields and limits are told with what is possible."""
    text = f"version: 1\nname: h\ndataset: d.yml\nmodel: {{type: echo}}\ngraders: {graders}\n"
    assert told(text, Harness) == [f"f.yml, line 5, {message}"]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("proxy: 1", 'proxy: must be text, found the number 1; quote it: "1"'),
        (
            "requests_per_minute: 0",
            "requests_per_minute: must be a number above 0 and at most 1000000, found the number 0",
        ),
        ("adaptive: 1", "adaptive: must be true or false, found the number 1"),
        ("prices: 1", "prices: must be a mapping, found the number 1"),
        ("prices: {input: 1}", "prices.output: missing; it must be a number from 0 to 1000000"),
    ],
)
def test_a_mistake_in_a_remote_model_tells_what_is_allowed(field: str, message: str) -> None:
    """`http` and `openai` have the same fields for pace, way and price."""
    http = HARNESS.replace("type: echo", f"type: http, endpoint: 'http://a', {field}")
    openai = HARNESS.replace("type: echo", f"type: openai, model: m, {field}")
    assert told(http, Harness) == told(openai, Harness) == [f"f.yml, line 4, model.{message}"]


def test_a_model_of_openai_needs_its_name() -> None:
    """All else of it has a default."""
    assert told(HARNESS.replace("type: echo", "type: openai"), Harness) == [
        "f.yml, line 4, model.model: missing; it must be text"
    ]


def test_a_field_that_takes_two_shapes_names_both() -> None:
    """A dataset is text or a mapping."""
    assert told(HARNESS.replace("d.yml", "[a]"), Harness) == [
        "f.yml, line 3, dataset: must be text or a mapping, found a list"
    ]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("output: {format: jsn}", "output.format: must be one of: json, junit, markdown, found the text 'jsn'"),
        (
            'statistics: {use_lower_bound: "true"}',
            "statistics.use_lower_bound: must be true or false, found the text 'true'; write it without quotes",
        ),
        (
            "statistics: {confidence_level: 1}",
            "statistics.confidence_level: must be a number above 0 and below 1, found the number 1",
        ),
        ("statistics:", "statistics: must be a mapping, found nothing; give a value or leave the field out"),
        ("defaults: [1]", "defaults: must be a mapping, found a list"),
    ],
)
def test_a_mistake_in_the_config_is_told(block: str, message: str) -> None:
    """Blocks of matchspec.yml are checked field by field."""
    mistakes = told(f"version: 1\nsuites: []\n{block}\n", Config)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"f.yml, line 3, {message}")


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("2", "found the number 2"),
        ('"1"', "found the text '1'; write it without quotes"),
        ("true", "found the boolean true"),
    ],
)
def test_only_version_1_is_known(version: str, hint: str) -> None:
    """Another version, a text and a boolean are not 1."""
    assert told(f"version: {version}\nsuites: []\n", Config) == [f"f.yml, line 1, version: must be 1, {hint}"]


def test_every_mistake_is_told_at_once() -> None:
    """A file with many mistakes is not a guessing game."""
    text = """version: 2
suites:
  - nam: a
    harnesses: x
    thresholds: {overall: 2, b: no}
  - 5
outptu: {}
"""
    assert [mistake.split(": ")[0] for mistake in told(text, Config)] == [
        "f.yml, line 7, outptu",
        "f.yml, line 1, version",
        "f.yml, line 3, suites[0].nam",
        "f.yml, line 3, suites[0].name",
        "f.yml, line 4, suites[0].harnesses",
        "f.yml, line 5, suites[0].thresholds.overall",
        "f.yml, line 5, suites[0].thresholds.b",
        "f.yml, line 6, suites[1]",
    ]


def test_metadata_keeps_any_value() -> None:
    """JSON values stay what they are; what only YAML knows stays as it is written."""
    text = f"{EXAMPLE}metadata: {{a: [1, -2.5, null, yes, {{b: c}}], zip: 01234, day: 2024-01-01, big: .inf}}\n"
    parsed = parse_yaml(text.encode(), "f.yml")
    assert parsed.root is not None
    value = convert(parsed.root, InlineExample).value
    assert value is not None
    assert value.metadata == {
        "a": [1, -2.5, None, True, {"b": "c"}],
        "zip": "01234",
        "day": "2024-01-01",
        "big": ".inf",
    }


@pytest.mark.parametrize("name", ["a\tb", "line\n", "\x7f", "\x85"])
def test_a_name_holds_no_control_characters(name: str) -> None:
    """Tabs, line ends (at the end too), DEL and C1 are refused in an id."""
    row = {"id": name, "input": "", "expected": ""}
    (mistake,) = convert(from_json(row, 7), InlineExample, "d.jsonl").mistakes
    assert str(mistake).startswith("d.jsonl, line 7, id: must not hold control characters, found the text '")


def test_a_name_has_at_most_256_characters() -> None:
    """256 are taken, 257 are not."""
    assert convert(from_json({"id": "é" * 256, "input": "", "expected": ""}), InlineExample).value is not None
    (mistake,) = convert(from_json({"id": "é" * 257, "input": "", "expected": ""}), InlineExample).mistakes
    assert mistake.message == f"must be at most 256 characters long, found the text '{'é' * 60}...'"


def test_what_was_told_as_broken_yaml_is_not_told_again() -> None:
    """A field whose value is an alias has one mistake, not two."""
    parsed = parse_yaml(b"version: 1\nname: *x\nexamples: []\n", "f.yml")
    assert parsed.root is not None
    assert len(parsed.mistakes) == 1
    assert convert(parsed.root, DatasetFile) == (None, [], None)


def test_json_nested_too_deep_is_refused() -> None:
    """64 levels are taken, 65 are not."""
    value: list[object] = []
    for _ in range(63):
        value = [value]
    from_json(value)
    with pytest.raises(RecursionError):
        from_json([value])


def test_a_number_too_large_for_a_float_is_refused() -> None:
    """400 digits are no timeout."""
    (mistake,) = told(f"{HARNESS}timeout_seconds: {'9' * 350}\n", Harness)
    assert "timeout_seconds: must be a number above 0 and at most 86400" in mistake


@given(st.text("ab:-[]{}#&*!|>'\"?%, \n\t0.~", max_size=60))
def test_any_text_gives_a_value_or_a_mistake(text: str) -> None:
    """Nothing a user writes is refused without a reason, or ends in another error."""
    reading = read_typed(text.encode(), "f.yml", Config)
    assert (reading.value is None) == bool(reading.mistakes)
