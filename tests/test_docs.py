"""The documentation says what the code does: fields, routes, types, options, links."""

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
from doc_pages import (
    API,
    FILES,
    LOG_FORMAT,
    OPERATIONS,
    PAGES,
    README,
    ROOT,
    VERDICT,
    anchors,
    block,
    blocks,
    links,
    marked_tables,
    table_under,
    write_files,
)
from msgspec import NODEFAULT, Raw, Struct, UnsetType, inspect, json

from domain import chain, codec, events, grader_spec, model_spec, spec
from domain.errors import InvalidFiles
from domain.written import Written
from projections.listing import ListedRun
from projections.progress import Progress
from service.api import documents
from service.api.app import ROUTES
from service.api.problems import KINDS, http_problem, problem_type
from service.cli.log_level import LEVELS
from service.cli.main import main
from service.files.config import read_config
from service.files.datasets import read_examples
from service.files.wanted import wanted

# What a client may meet of plain HTTP: the guard's and the connection's refusals, paths and methods that are not there.
PLAIN_STATUSES = (400, 401, 403, 404, 405, 408, 413, 417, 431, 503)
PLURALS = {
    "a name": "names",
    "text, not empty": "texts",
    "text": "texts",
    "a mapping": "mappings",
    "a mapping with a `type`": "mappings with a `type`",
    "one of: i, m, s": ": i, m, s",
}


def struct(path: str) -> inspect.StructType:
    """What msgspec knows of the struct at a dotted path."""
    module, _, name = path.rpartition(".")
    info = inspect.type_info(getattr(import_module(module), name))
    assert isinstance(info, inspect.StructType)
    return info


def documented_structs(page: Path) -> list[str]:
    """The structs whose fields a page lists."""
    return [mark for mark in marked_tables(page) if "." in mark]


def shared_fields(path: str) -> set[str]:
    """The fields that a struct has from a base which has a table of its own."""
    bases = struct(path).cls.__mro__[1:]
    told = [f"{base.__module__}.{base.__name__}" for base in bases]
    return {field.name for base in set(told) & set(documented_structs(FILES)) for field in struct(base).fields}


def must_be(info: inspect.Type) -> str:
    """What docs/files.md says of a type that a user writes."""
    match info:
        case inspect.Metadata(type=inner):
            return must_be(inner)
        case inspect.UnionType(types=types):
            options = [option for option in types if not isinstance(option, inspect.NoneType)]
            tagged = len(options) > 1 and all(isinstance(option, inspect.StructType) for option in options)
            return "a mapping with a `type`" if tagged else " or ".join(map(must_be, options))
        case inspect.ListType(item_type=item, min_length=least):
            return f"a list of {PLURALS[must_be(item)]}".replace(" :", ":") + (", not empty" if least else "")
        case inspect.StrType(pattern=str()):
            return "a name"
        case inspect.StrType(min_length=1):
            return "text, not empty"
        case _:
            return wanted(info)


def default_of(field: inspect.Field) -> str:
    """What docs/files.md says of a field's default."""
    if field.default_factory is not NODEFAULT:
        made = field.default_factory()
        return "none" if isinstance(made, Struct) else json.encode(made).decode()
    if field.default is NODEFAULT:
        return "required"
    if field.default in (None, "") or isinstance(field.default, Struct):
        return "none"
    return field.default if isinstance(field.default, str) else json.encode(field.default).decode()


def event_default(field: inspect.Field) -> str:
    """What docs/log-format.md says of a field's default."""
    made = field.default if field.default_factory is NODEFAULT else field.default_factory()
    if made is NODEFAULT and not field.required:
        return "answered"
    return "required" if made is NODEFAULT else json.encode(made).decode()


def json_type(info: inspect.Type) -> str:
    """What JSON calls a type."""
    match info:
        case inspect.Metadata(type=inner):
            return json_type(inner)
        case inspect.UnionType(types=types):
            named = [json_type(one) for one in types if getattr(one, "cls", None) is not UnsetType]
            return " or ".join(dict.fromkeys(sorted(named, key=lambda name: name == "null")))
        case _:
            return JSON_TYPES[type(info)]


JSON_TYPES: dict[type, str] = {
    inspect.StrType: "string",
    inspect.LiteralType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.ListType: "array",
    inspect.StructType: "object",
    inspect.DictType: "object",
    inspect.NoneType: "null",
}


def is_raw(info: inspect.Type) -> bool:
    """Whether a field is passed on undecoded, so that its type says nothing."""
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    return any(getattr(option, "cls", None) is Raw or isinstance(option, inspect.RawType) for option in options)


@pytest.mark.parametrize("path", documented_structs(FILES))
def test_tables_of_files_give_every_field_with_type_and_default(path: str) -> None:
    """docs/files.md lists the fields of what a user writes in the order of the code, with limits and defaults."""
    shared = shared_fields(path)
    fields = [field for field in struct(path).fields if field.name not in shared]
    expected = [[field.name, must_be(field.type), default_of(field)] for field in fields]
    assert [row[:3] for row in marked_tables(FILES)[path]] == expected


def test_everything_a_user_writes_has_a_table() -> None:
    """No struct is left out but those without fields, and graders: they have a name, a config and what all have."""
    told = {path.rpartition(".")[2] for path in documented_structs(FILES)}
    kinds = [kind for module in (spec, model_spec, grader_spec) for kind in vars(module).values()]
    written = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Written)}
    graders = {kind for kind in written if issubclass(kind, grader_spec.GraderFields)}
    assert {kind.__name__ for kind in written - graders} - told == {"Written", "EchoModel", "NoopModel"}
    for grader in graders - {grader_spec.GraderFields, grader_spec.RegisteredGrader}:
        own = set(grader.__struct_fields__) - set(grader_spec.GraderFields.__struct_fields__)
        assert own == {"config"}


def test_every_grader_type_is_told() -> None:
    """docs/files.md lists the types in the order of the code; `registered` is the one that no user writes."""
    union = inspect.type_info(grader_spec.Grader)
    assert isinstance(union, inspect.UnionType)
    types = [kind.tag for kind in union.types if isinstance(kind, inspect.StructType)]
    types.remove("registered")
    assert [row[0] for row in table_under(FILES, "| type | scores |")] == types


@pytest.mark.parametrize("path", documented_structs(LOG_FORMAT))
def test_tables_of_events_give_every_field_with_type_and_default(path: str) -> None:
    """docs/log-format.md lists the fields of every event in the order of the code."""
    expected = [[field.name, json_type(field.type), event_default(field)] for field in struct(path).fields]
    assert [row[:3] for row in marked_tables(LOG_FORMAT)[path]] == expected


def test_every_event_type_has_a_section() -> None:
    """The sections under "Types" are the types that the code knows, and each has the table of its own fields."""
    types = LOG_FORMAT.read_text().partition("\n## Types\n")[2].partition("\n## ")[0]
    sections = re.findall(r"^### (\w+)\n.*?<!-- fields: domain\.events\.(\w+) -->", types, re.MULTILINE | re.DOTALL)
    assert dict(sections) == {name: kind.__name__ for name, kind in events.TYPES.items()}


@pytest.mark.parametrize("path", documented_structs(API))
def test_tables_of_documents_give_every_field(path: str) -> None:
    """docs/api.md lists the fields of every document in the order in which they are sent, with their types."""
    told = [row[:2] for row in marked_tables(API)[path]]
    fields = struct(path).fields
    assert [name for name, _ in told] == [field.encode_name for field in fields]
    typed = [[field.encode_name, json_type(field.type)] for field in fields if not is_raw(field.type)]
    assert [row for row in told if row in typed] == typed


def test_every_document_of_the_api_has_a_table() -> None:
    """No struct of service/api/documents.py is left out."""
    kinds = [kind for kind in vars(documents).values() if isinstance(kind, type) and issubclass(kind, Struct)]
    own = {f"{kind.__module__}.{kind.__name__}" for kind in kinds if kind.__module__ == documents.__name__}
    assert own <= set(documented_structs(API))


def test_the_routes_are_those_of_the_app() -> None:
    """docs/api.md lists every route, and its sections are the routes."""
    routes = [(handler, path.replace(":str", "")) for handler in ROUTES for path in handler.paths]
    told = [row[0] for row in table_under(API, "| route | does | answers |")]
    assert told == [f"{'GET' if 'GET' in handler.http_methods else 'POST'} {path}" for handler, path in routes]
    assert set(told) <= set(re.findall(r"^## (.+)$", API.read_text(), re.MULTILINE))


def test_the_problem_types_are_those_of_the_code() -> None:
    """docs/api.md lists every `type` with its status, and the tables of single routes name only such."""
    told = {row[0]: int(row[1][:3]) for row in table_under(API, "| `type` | status |")}
    plain = {http_problem(status, "").type: status for status in PLAIN_STATUSES}
    own = {problem_type(name): int(status) for status, name, _ in KINDS.values()}
    assert told == own | plain
    of_routes = re.findall(r"^\| (\d{3}) \| `([\w-]+)` \| ", API.read_text(), re.MULTILINE)
    assert len(of_routes) > len(table_under(API, "| status | problem `type` ends in | when |"))
    assert of_routes == [(status, name) for status, name in of_routes if told[problem_type(name)] == int(status)]


def test_the_options_of_serve_are_those_of_the_command() -> None:
    """docs/operations.md lists every option with its default."""
    command = main.commands["serve"]
    options = [option for option in command.params if isinstance(option, click.Option)]
    expected = [(option.opts, option.to_info_dict()["default"]) for option in options]
    told = [(re.findall(r"-[\w-]+", row[0]), row[1]) for row in marked_tables(OPERATIONS)["options"]]
    assert told == [(names, "none" if default in (None, ()) else str(default)) for names, default in expected]


def test_the_log_levels_are_those_of_the_code() -> None:
    """docs/files.md names them in the order of the code."""
    levels = next(row[1] for row in table_under(FILES, "| variable | meaning |") if row[0] == "MATCHSPEC_LOG_LEVEL")
    assert [level for level in LEVELS if f"`{level}`" in levels] == list(LEVELS)


@pytest.mark.parametrize("page", [README, FILES, VERDICT], ids=lambda page: page.stem)
def test_the_files_on_a_page_have_no_mistake(page: Path, tmp_path: Path) -> None:
    """Config, harness files and datasets shown on a page are read as they stand."""
    config = write_files(page, tmp_path)
    files = read_config(config)
    for _, harnesses in files.suites():
        assert all(list(read_examples(harness)) for harness in harnesses)


def test_the_other_datasets_shown_have_no_mistake(tmp_path: Path) -> None:
    """The JSON Lines, CSV and inline forms of docs/files.md are read as they stand."""
    config = write_files(FILES, tmp_path)
    config.write_text(
        "version: 1\nsuites: [{name: a, harnesses: [inline.yml]}, {name: b, harnesses: [evals/capitals/harness.yml]}]\n"
    )
    harness = tmp_path / "evals/capitals/harness.yml"
    harness.write_text(harness.read_text().replace("./dataset.yml", "./dataset.jsonl"))
    read = [[one.id for one in read_examples(harness)] for _, (harness,) in read_config(config).suites()]
    assert read == [["hello"], ["france", "peru"]]
    harness.write_text(harness.read_text().replace("./dataset.jsonl", "./dataset.csv"))
    _, (_, (from_csv,)) = read_config(config).suites()
    assert [(one.id, one.input, one.tags) for one in read_examples(from_csv)] == [
        ("france", "What is the capital of France?", ("smoke", "europe")),
        ("peru", "In one word, what is the capital of Peru?", ("smoke",)),
    ]


def test_the_mistakes_shown_are_those_told(tmp_path: Path) -> None:
    """The two wrong files of docs/files.md get exactly the lines that stand below them."""
    config = write_files(FILES, tmp_path, under="bad/")
    with pytest.raises(InvalidFiles) as refused:
        read_config(config)
    (shown,) = [one.text for one in blocks(FILES) if one.text.startswith("matchspec: ")]
    lines = [line.removeprefix("  ✗ ") for line in shown.splitlines()[1:]]
    assert lines == [str(mistake) for mistake in refused.value.mistakes]
    assert shown.startswith(f"matchspec: {len(lines)} mistakes in the configuration\n")


def test_the_running_document_is_what_is_sent() -> None:
    """The document that docs/api.md shows of a running run has the shape and the order of the real one."""
    at = "2026-03-15T14:30:22.123456Z"
    listed = ListedRun(
        run_id="run-20260315-143022-a3f7", suite="summarization", suites=["summarization"], started_at=at
    )
    sent = json.encode(documents.running(listed, Progress(completed=47, percent=39.2, total=120), []))
    assert json.format(sent, indent=2).decode() + "\n" == block(API, "running")


def test_the_test_vector_holds() -> None:
    """The two events of docs/log-format.md have the hashes that stand there, and their bodies can be read."""
    table = {row[0]: row[1:] for row in table_under(LOG_FORMAT, "| | event 1 | event 2 |")}
    bodies = [block(LOG_FORMAT, name).rstrip("\n").encode() for name in ("body-1", "body-2")]
    assert [len(body) for body in bodies] == [56, 189]
    previous = chain.START
    for place, body in enumerate(bodies):
        cells = {name: values[place] for name, values in table.items()}
        leaf = chain.leaf(int(cells["version"]), cells["run_id"], cells["type"], cells["at"], body)
        previous = chain.link(previous, int(cells["position"]), leaf)
        assert (leaf.hex(), previous.hex()) == (cells["leaf"], cells["hash"])
        codec.decode(cells["type"], body)


def test_the_schema_shown_is_the_schema() -> None:
    """Every statement of docs/log-format.md stands in the schema of its database as it is."""
    schemas = [(ROOT / f"service/log/{name}/schema.sql").read_text() for name in ("sqlite", "postgres")]
    shown = [one.text for one in blocks(LOG_FORMAT) if one.language == "sql"]
    assert len(shown) == 4
    for text in shown:
        schema = schemas["matchspec." in text]
        assert all(statement in schema for statement in text.split("\n\n"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link between pages names a file that is there, and a heading in it."""
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link
