"""The JSON Schemas accept and refuse the same documents as matchspec, but for differences that are listed here."""

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from domain.rules import find_config_faults, find_example_faults, find_harness_faults
from domain.spec import Config, DatasetFile, Harness
from service.files import registered
from service.files.reading import read_typed, with_faults
from service.files.schema import DIALECT, KINDS, Kind, schema_of

if not importlib.util.find_spec("jsonschema"):
    pytest.skip("the package jsonschema is not installed: no schema is checked", allow_module_level=True)

from jsonschema import Draft202012Validator

SUITE = {"name": "s", "harnesses": ["h.yml"]}
HARNESS = {
    "version": 1,
    "name": "h",
    "dataset": "d.yml",
    "model": {"type": "echo"},
    "graders": [{"type": "exact_match"}],
}
ROW = {"id": "a", "input": "i", "expected": "e"}
HTTP = {"type": "http", "endpoint": "http://a/"}
OPENAI = {"type": "openai", "model": "gpt"}
JUDGE = {"endpoint": "http://a/", "model": "m"}
REGEX = {"pattern": "a"}
PYTHON = {"callable": "g.py:f"}


class Case(NamedTuple):
    """A document, and whether it is right."""

    kind: Kind
    document: object
    right: bool


def config(right: bool, **fields: object) -> Case:
    """A config that is right but for these fields."""
    return Case("config", {"version": 1, "suites": [SUITE]} | fields, right)


def one_suite(right: bool, **fields: object) -> Case:
    """A config with one suite that is right but for these fields."""
    return config(right, suites=[SUITE | fields])


def harness(right: bool, **fields: object) -> Case:
    """A harness file that is right but for these fields."""
    return Case("harness", HARNESS | fields, right)


def grader(right: bool, kind: str, **fields: object) -> Case:
    """A harness file with one grader."""
    return harness(right, graders=[{"type": kind} | fields])


def dataset(right: bool, *rows: object, **fields: object) -> Case:
    """A dataset file."""
    return Case("dataset", {"version": 1, "name": "d", "examples": list(rows)} | fields, right)


def row(right: bool, **fields: object) -> Case:
    """A dataset file with one example that is right but for these fields."""
    return dataset(right, ROW | fields)


CASES = [
    config(True),
    config(True, defaults={}, output={}, statistics={}),
    config(True, defaults={"concurrency": 8, "timeout_seconds": 0.5, "retries": 0, "retry_delay_ms": 3_600_000}),
    config(True, output={"dir": "out", "format": "junit", "retain_days": 7}),
    config(True, statistics={"confidence_level": 0.9, "min_sample_action": "fail", "max_error_rate": 1}),
    config(True, suites=[]),
    config(False, version=2),
    config(False, version="1"),
    config(False, suites={}),
    config(False, suits=[]),
    config(False, defaults=None),
    config(False, defaults={"concurrency": 0}),
    config(False, defaults={"concurrency": 1.5}),
    config(False, defaults={"retries": "2"}),
    config(False, defaults={"timeout_seconds": 0}),
    config(False, defaults={"retires": 2}),
    config(False, output={"dir": ""}),
    config(False, output={"format": "html"}),
    config(False, statistics={"confidence_level": 1}),
    config(False, statistics={"use_lower_bound": 1}),
    Case("config", {"version": 1}, False),
    Case("config", [], False),
    Case("config", None, False),
    one_suite(True, description="d", tags=["a"], thresholds={"overall": 0.8}, statistics={"min_sample_size": 3}),
    one_suite(True, harnesses=[], statistics={"use_lower_bound": None}),
    one_suite(False, name=""),
    one_suite(False, name="a" * 257),
    one_suite(False, name="a\n"),
    one_suite(False, name="a\u0085b"),
    one_suite(False, harnesses="h.yml"),
    one_suite(False, harnesses=[""]),
    one_suite(False, tags=[1]),
    one_suite(False, tags=None),
    one_suite(False, thresholds={"overall": 1.01}),
    one_suite(False, thresholds={"": 0.5}),
    one_suite(False, statistics=[]),
    harness(True),
    harness(True, concurrency=1, timeout_seconds=None, retries=100, retry_delay_ms=0, repeats=1000, description=""),
    harness(False, repeats=0),
    harness(False, repeats=None),
    harness(False, retries=101),
    harness(False, timeout_seconds=86_401),
    harness(False, graders=[]),
    harness(False, graders={"type": "exact_match"}),
    harness(False, dataset=""),
    harness(False, dataset=["d.yml"]),
    harness(True, dataset={"name": "d", "examples": [ROW]}),
    harness(False, dataset={"examples": [ROW]}),
    harness(False, dataset={"name": "d", "examples": [ROW], "version": 1}),
    harness(True, model=HTTP | {"method": "GET", "headers": {"X-A": "b"}, "adaptive": False, "proxy": None}),
    harness(True, model=HTTP | {"prices": {"input": 0, "output": 1.5}, "requests_per_minute": 0.5}),
    harness(False, model=HTTP | {"prices": {"input": 0}}),
    harness(False, model=HTTP | {"requests_per_minute": 0}),
    harness(False, model=HTTP | {"method": "get"}),
    harness(False, model=HTTP | {"headers": {"X-A": 1}}),
    harness(False, model=HTTP | {"model": "gpt"}),
    harness(False, model={"type": "http"}),
    harness(True, model=OPENAI | {"params": {"temperature": 0, "stop": [None, {"a": 1}]}, "system": ""}),
    harness(False, model=OPENAI | {"params": {"": 0}}),
    harness(False, model=OPENAI | {"endpoint": "http://a/"}),
    harness(True, model={"type": "command", "command": ["cat"], "input_via": "arg", "timeout_seconds": 1}),
    harness(False, model={"type": "command", "command": []}),
    harness(False, model={"type": "command", "command": "cat"}),
    harness(False, model={"type": "echo", "command": ["cat"]}),
    harness(False, model={"type": "ehco"}),
    harness(False, model={"type": 1}),
    harness(False, model={}),
    harness(False, model="echo"),
    grader(True, "exact_match", name="n", threshold=1, weight=0.5, pass_at=0, config={"case_sensitive": False}),
    grader(False, "exact_match", config={"pattern": "a"}),
    grader(False, "exact_match", weight=0),
    grader(False, "contains", threshold=-0.1),
    grader(False, "contains", pass_at="1"),
    grader(False, "contains", config=None),
    grader(True, "regex", config=REGEX | {"flags": ["i", "s"]}),
    grader(False, "regex", config=REGEX | {"flags": ["x"]}),
    grader(False, "regex", config={}),
    grader(False, "regex"),
    grader(True, "semantic_similarity"),
    grader(True, "semantic_similarity", config={"batch_size": 2048, "timeout_seconds": 0.1}),
    grader(False, "semantic_similarity", config={"batch_size": 0}),
    grader(True, "llm_judge", config=JUDGE | {"score_parser": "float_0_1", "prompt_template": "{{output}}"}),
    grader(False, "llm_judge", config=JUDGE | {"score_parser": "custom"}),
    grader(False, "llm_judge", config={"model": "m"}),
    grader(True, "python", config=PYTHON | {"words": ["a", {"b": None}]}),
    grader(False, "python"),
    grader(False, "python", callable="g.py:f"),
    grader(True, "word_count", name="n", threshold=0.5, config={"anything": [1, {"a": None}]}),
    grader(True, "word_count"),
    grader(False, "word_count", config=[]),
    grader(False, "word_count", callable="g.py:f"),
    grader(False, ""),
    harness(False, graders=[{"name": "n"}]),
    harness(False, graders=["exact_match"]),
    dataset(True, ROW),
    dataset(True, ROW, description="d"),
    dataset(False, ROW, name=None),
    dataset(False, ROW, version=True),
    dataset(False, "a"),
    row(True, tags=[], metadata={"any": [1, None, {"a": "b"}]}, expected=""),
    row(False, id=1),
    row(False, id=""),
    row(False, expected=None),
    row(False, input=["i"]),
    row(False, tags="t"),
    row(False, metadata=[]),
    row(False, output="o"),
]

# What matchspec refuses and a schema can't: each with the reason.
MORE_THAN_A_SCHEMA = [
    ("JSON Schema counts 5.0 as the integer 5", config(False, defaults={"retries": 5.0})),
    ("JSON Schema counts 1.0 as the constant 1", config(False, version=1.0)),
    ("whole numbers of metadata must fit in 64 bits, which editors can't count to", row(False, metadata={"n": 2**63})),
    ("names are compared with each other", config(False, suites=[SUITE, SUITE])),
    ("harness files are compared as paths", one_suite(False, harnesses=["h.yml", "./h.yml"])),
    ("names are compared with each other", harness(False, graders=[{"type": "contains"}, {"type": "contains"}])),
    ("`overall` is reserved as a grader's name, written or by its type", grader(False, "contains", name="overall")),
    ("all graders have a weight or none",
     harness(False, graders=[{"type": "contains", "weight": 1}, {"type": "exact_match"}])),
    ("examples' ids are compared with each other", dataset(False, ROW, ROW)),
    ("a dataset may be empty only for its type", dataset(False)),
    ("a dataset may be empty only for its type", harness(False, dataset={"name": "d", "examples": []})),
    ("an endpoint is a URL or a ${NAME}", harness(False, model=HTTP | {"endpoint": "a"})),
    ("a secret header holds a ${NAME}", harness(False, model=HTTP | {"headers": {"Cookie": "a"}})),
    ("a header's name has its own alphabet", harness(False, model=HTTP | {"headers": {"a b": "c"}})),
    ("a template is JSON that holds {{input}}", harness(False, model=HTTP | {"request_template": "{}"})),
    ("a path has a grammar", harness(False, model=HTTP | {"response_path": "a["})),
    ("a key is named, not written", harness(False, model=HTTP | {"api_key_env": "sk-1"})),
    ("matchspec sets some parameters itself", harness(False, model=OPENAI | {"params": {"stream": True}})),
    ("a program has a name", harness(False, model={"type": "command", "command": [" "]})),
    ("a pattern has a grammar", grader(False, "regex", config={"pattern": "("})),
    ("an endpoint needs a model", grader(False, "semantic_similarity", config={"embedding_endpoint": "http://a/"})),
    ("a judge must see the output", grader(False, "llm_judge", config=JUDGE | {"prompt_template": "a"})),
    ("a user's own grader has its own keys", grader(False, "python", config={})),
    ("only installed packages can tell their types", grader(False, "exact_mtach")),
]  # fmt: skip

FILES: dict[Kind, type[Config | Harness | DatasetFile]] = {"config": Config, "harness": Harness, "dataset": DatasetFile}


@pytest.fixture(autouse=True)
def word_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """One grader type is registered, `word_count`."""
    point = importlib.metadata.EntryPoint("word_count", "words:count", registered.GROUP)
    monkeypatch.setattr(registered, "entry_points", lambda group: [point] if group == registered.GROUP else [])


def is_valid(case: Case) -> bool:
    """What the schema says."""
    return bool(Draft202012Validator(schema_of(case.kind)).is_valid(case.document))


def is_taken(case: Case) -> bool:
    """What matchspec says of the same document, JSON being YAML."""
    content = json.dumps(case.document).encode()
    prepare: Callable[..., Any] = registered.spell_out_registered if case.kind == "harness" else lambda root: root
    reading = read_typed(content, "f.yml", FILES[case.kind], prepare)
    match reading.value:
        case Config() as value:
            faults = list(find_config_faults(value))
        case Harness() as value:
            faults = list(find_harness_faults(value))
        case DatasetFile() as value:
            faults = list(find_example_faults((one.id for one in value.examples), ("examples",)))
        case _:
            faults = []
    return reading.value is not None and not with_faults(reading, "f.yml", faults).mistakes


@pytest.mark.parametrize("case", CASES)
def test_schema_and_matchspec_say_the_same(case: Case) -> None:
    """Both take what is right, both refuse what is wrong."""
    assert (is_valid(case), is_taken(case)) == (case.right, case.right)


@pytest.mark.parametrize(("reason", "case"), MORE_THAN_A_SCHEMA)
def test_what_is_only_matchspec_to_refuse(reason: str, case: Case) -> None:
    """A schema takes these, for a reason; `matchspec validate` refuses them."""
    assert reason
    assert (is_valid(case), is_taken(case)) == (True, False)


def test_the_corpus_is_large_enough() -> None:
    """At least 60 documents, and of each kind right and wrong ones."""
    assert len(CASES) >= 60
    for kind in KINDS:
        assert {case.right for case in CASES if case.kind == kind} == {True, False}


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_of_draft_2020_12(kind: Kind) -> None:
    """It is valid itself, names its dialect, and can be written as JSON."""
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT == "https://json-schema.org/draft/2020-12/schema"
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema


def nodes(schema: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping of a schema, with its place."""
    if isinstance(schema, dict):
        yield path, schema
        for key, value in schema.items():
            yield from nodes(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from nodes(value, f"{path}/{index}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_mapping_is_closed_and_described(kind: Kind) -> None:
    """No struct allows unknown fields, each has a title and a description, and every reference leads somewhere."""
    schema = schema_of(kind)
    structs = [schema, *schema["$defs"].values()]
    for struct in structs:
        assert struct["additionalProperties"] is False, struct["title"]
        assert struct["title"]
        assert struct["description"]
        assert "  " not in struct["description"]
    places = {path for path, _ in nodes(schema)}
    assert {node["$ref"] for _, node in nodes(schema) if "$ref" in node} <= places


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_mean_the_same_in_every_language(kind: Kind) -> None:
    r"""No anchor but those of JavaScript: \Z is a letter there."""
    patterns = [node["pattern"] for _, node in nodes(schema_of(kind)) if isinstance(node.get("pattern"), str)]
    assert patterns
    for pattern in patterns:
        assert not re.search(r"\\[AZzG]", pattern)


def test_nothing_is_read_from_the_network() -> None:
    """A schema refers to itself only."""
    for kind in KINDS:
        references = [node["$ref"] for _, node in nodes(schema_of(kind)) if "$ref" in node]
        assert all(reference.startswith("#/$defs/") for reference in references)
