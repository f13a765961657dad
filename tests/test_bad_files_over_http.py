"""Files that go bad under a running server: `POST /run` says what is wrong and where, and nothing starts."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from live import check_problem, in_process, run_through, serving

CONFIG = """\
version: 1
defaults: {concurrency: 2}
suites:
  - name: qa
    harnesses: [./evals/yaml.yml, ./evals/rows.yml]
    thresholds:
      overall: 0.5
      exact: 0.4
"""
YAML_HARNESS = """\
version: 1
name: from-yaml
dataset: ./dataset.yml
model:
  type: echo
graders:
  - type: exact_match
    name: exact
    threshold: 0.5
concurrency: 2
"""
ROWS_HARNESS = """\
version: 1
name: from-rows
dataset: ./rows.jsonl
model: {type: echo}
graders:
  - {type: contains}
"""
DATASET = """\
version: 1
name: questions
examples:
  - id: one
    input: a
    expected: a
  - id: two
    input: b
    expected: b
    tags: [smoke]
"""
ROWS = """\
{"id": "r1", "input": "a", "expected": "a"}
{"id": "r2", "input": "b", "expected": "b"}

{"id": "r3", "input": "c", "expected": "c"}
"""
FILES = {
    "matchspec.yml": CONFIG,
    "evals/yaml.yml": YAML_HARNESS,
    "evals/rows.yml": ROWS_HARNESS,
    "evals/dataset.yml": DATASET,
    "evals/rows.jsonl": ROWS,
}
SUITE, HARNESS, OTHER, YAML, JSONL = FILES


class Slip(NamedTuple):
    """One mistake made in one file: `old` becomes `new`. It is told with line and field, and with this word."""

    file: str
    old: str
    new: str
    line: int | None
    field: str | None
    word: str


SLIPS = [
    # YAML and JSON errors: there is no field to name
    Slip(SUITE, "suites:", "suites: [", 4, None, "YAML"),
    Slip(SUITE, "      exact: 0.4", "     exact: 0.4", 8, None, "YAML"),
    Slip(HARNESS, "model:\n  type: echo", "model:\n\ttype: echo", 5, None, "YAML"),
    Slip(HARNESS, "name: from-yaml", 'name: "from-yaml', None, None, "YAML"),
    Slip(YAML, "input: b", "input: b: c", 8, None, "YAML"),
    Slip(YAML, "input: b", "input: *b", 8, "examples[1].input", "alias"),
    Slip(JSONL, '"input": "b",', '"input": "b"', 2, None, "JSON"),
    Slip(JSONL, '{"id": "r3", "input": "c", "expected": "c"}', '{"id": "r3"', 4, None, "JSON"),
    Slip(JSONL, '{"id": "r3", "input": "c", "expected": "c"}', "r3,c,c", 4, None, "JSON"),
    # the same key twice
    Slip(SUITE, "      exact: 0.4", "      overall: 0.4", 8, "suites[0].thresholds.overall", "line 7"),
    Slip(HARNESS, "concurrency: 2", "name: other", 10, "name", "line 2"),
    Slip(YAML, "    tags: [smoke]", "    input: b", 10, "examples[1].input", "line 8"),
    # unknown fields
    Slip(SUITE, "    thresholds:", "    threshold:", 6, "suites[0].threshold", "'thresholds'"),
    Slip(SUITE, "defaults: {concurrency: 2}", "defaults: {concurency: 2}", 2, "defaults.concurency", "'concurrency'"),
    Slip(HARNESS, "concurrency: 2", "retry: 2", 10, "retry", "'retries'"),
    Slip(HARNESS, "    threshold: 0.5", "    treshold: 0.5", 9, "graders[0].treshold", "'threshold'"),
    Slip(YAML, "    tags:", "    tag:", 10, "examples[1].tag", "'tags'"),
    Slip(JSONL, '{"id": "r2",', '{"id": "r2", "tag": "x",', 2, "tag", "'tags'"),
    # ids that are there twice
    Slip(YAML, "id: two", "id: one", 7, "examples[1].id", "line 4"),
    Slip(JSONL, '"r3"', '"r1"', 4, "id", "line 1"),
    # unknown types
    Slip(HARNESS, "type: exact_match", "type: exact_macth", 7, "graders[0].type", "'exact_match'"),
    Slip(OTHER, "{type: contains}", "{type: bleu}", 6, "graders[0].type", "contains"),
    Slip(HARNESS, "type: echo", "type: ehco", 5, "model.type", "'echo'"),
    # thresholds
    Slip(SUITE, "overall: 0.5", "overall: 1.2", 7, "suites[0].thresholds.overall", "1.2"),
    Slip(SUITE, "exact: 0.4", "exact: -0.1", 8, "suites[0].thresholds.exact", "-0.1"),
    Slip(SUITE, "exact: 0.4", "exakt: 0.4", 8, "suites[0].thresholds.exakt", "'exact'"),
    Slip(HARNESS, "threshold: 0.5", "threshold: 1.2", 9, "graders[0].threshold", "1.2"),
    Slip(HARNESS, "threshold: 0.5", "threshold: high", 9, "graders[0].threshold", "high"),
    # values
    Slip(SUITE, "version: 1", "version: 2", 1, "version", "1"),
    Slip(SUITE, "{concurrency: 2}", "{concurrency: 0}", 2, "defaults.concurrency", "0"),
    Slip(YAML, "expected: b", "expected: 12", 9, "examples[1].expected", "quote"),
    Slip(YAML, "expected: b", "expected: yes", 9, "examples[1].expected", "quote"),
    Slip(JSONL, '"expected": "b"', '"expected": 12', 2, "expected", "quote"),
    Slip(JSONL, '"id": "r2"', '"id": ""', 2, "id", "empty"),
    Slip(HARNESS, "dataset: ./dataset.yml", "dataset: ./dataste.yml", 3, "dataset", "no such file"),
    Slip(SUITE, "./evals/rows.yml", "./evals/rosw.yml", 5, "suites[0].harnesses[1]", "no such file"),
    # environment variables
    Slip(
        HARNESS,
        "  type: echo",
        "  type: http\n  endpoint: http://127.0.0.1:9/${NO_SUCH_PATH}",
        6,
        "model.endpoint",
        "NO_SUCH_PATH",
    ),
    Slip(
        HARNESS,
        "  type: echo",
        "  type: http\n  endpoint: http://127.0.0.1:9\n  headers:\n    X-Team: ${NO_SUCH_TEAM}",
        8,
        "model.headers.X-Team",
        "NO_SUCH_TEAM",
    ),
    Slip(
        HARNESS,
        "  type: echo",
        "  type: http\n  endpoint: http://127.0.0.1:9\n  api_key_env: NO_SUCH_KEY",
        7,
        "model.api_key_env",
        "NO_SUCH_KEY",
    ),
]


def write_good(folder: Path) -> Path:
    """Write files without a mistake; gives the config's path."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return folder / SUITE


def make(slip: Slip, folder: Path) -> None:
    """Make the mistake in its file."""
    content = FILES[slip.file]
    assert content.count(slip.old) == 1
    (folder / slip.file).write_text(content.replace(slip.old, slip.new))


def refused(answer: httpx.Response) -> list[dict[str, object]]:
    """The mistakes of a refusal, which is a whole problem document."""
    assert answer.status_code == 400, answer.text
    check_problem(answer)
    mistakes: list[dict[str, object]] = answer.json()["errors"]
    return mistakes


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service that was started on good files."""
    async with in_process(write_good(tmp_path)) as opened:
        yield opened


def test_the_good_files_hold_what_the_table_changes() -> None:
    """Every mistake is made at exactly one place."""
    for slip in SLIPS:
        assert FILES[slip.file].count(slip.old) == 1, slip


@pytest.mark.parametrize("slip", SLIPS, ids=[f"{slip.file}-{slip.new[:50]}" for slip in SLIPS])
async def test_a_mistake_is_told_with_file_line_and_field(
    client: httpx.AsyncClient, tmp_path: Path, slip: Slip
) -> None:
    """400 with file, line and field of the mistake in `errors` and in the sentence; nothing starts."""
    make(slip, tmp_path)
    answer = await client.post("/run", json={"suite": "qa"})
    mistakes = refused(answer)
    assert len(mistakes) == 1
    [mistake] = mistakes
    assert mistake["file"] == slip.file
    assert mistake.get("field") == slip.field
    assert slip.word in str(mistake["message"])
    if slip.line is None:
        assert isinstance(mistake["line"], int)
    else:
        assert mistake["line"] == slip.line
    detail = answer.json()["detail"]
    assert slip.file in detail
    assert f"line {mistake['line']}" in detail
    assert (await client.get("/results")).json()["total"] == 0


async def test_the_mistakes_of_all_files_are_told_at_once(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """Mistakes in the config and in both harness files stand in one answer."""
    (tmp_path / SUITE).write_text(CONFIG.replace("overall: 0.5", "overall: 1.2").replace("version: 1", "version: 3"))
    (tmp_path / HARNESS).write_text(YAML_HARNESS.replace("threshold: 0.5", "threshold: 2"))
    (tmp_path / OTHER).write_text(ROWS_HARNESS.replace("contains", "container"))
    told = {(one["file"], one["line"], one["field"]) for one in refused(await client.post("/run"))}
    assert told == {
        (SUITE, 1, "version"),
        (SUITE, 7, "suites[0].thresholds.overall"),
        (HARNESS, 9, "graders[0].threshold"),
        (OTHER, 6, "graders[0].type"),
    }


async def test_a_missing_file_is_told(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """A config, harness or dataset that is gone: 400 that names it."""
    for name in (JSONL, OTHER, SUITE):
        (tmp_path / name).unlink()
        assert name in str(refused(await client.post("/run")))
    assert (await client.get("/results")).json()["total"] == 0


async def test_a_variable_that_is_set_is_no_mistake(tmp_path: Path) -> None:
    """The variable is looked up in the server's environment; an empty one is not set."""
    config = write_good(tmp_path)
    named = "  type: http\n  endpoint: http://127.0.0.1:9\n  headers:\n    X-Team: ${TEAM_NAME}"
    (tmp_path / HARNESS).write_text(YAML_HARNESS.replace("  type: echo", named))
    for value, status in (("blue", 202), ("", 400)):
        async with in_process(config, environment={"TEAM_NAME": value}) as client:
            assert (await client.post("/run")).status_code == status


@pytest.mark.parametrize("slip", [SLIPS[0], SLIPS[3], SLIPS[12], SLIPS[20], SLIPS[23]], ids=lambda slip: slip.new[:30])
async def test_a_config_that_breaks_later_keeps_what_was(client: httpx.AsyncClient, tmp_path: Path, slip: Slip) -> None:
    """Results are still served, `/suites` shows the last good suites and `config_error`; a repair needs no restart."""
    finished = await run_through(client)
    suites = (await client.get("/suites")).json()
    make(slip, tmp_path)
    refused(await client.post("/run"))
    broken = await client.get("/suites")
    assert broken.status_code == 200
    assert broken.json()["suites"] == suites["suites"]
    assert slip.file in broken.json()["config_error"]
    assert f"line {slip.line}" in broken.json()["config_error"] or slip.line is None
    assert (await client.get(f"/results/{finished['run_id']}")).json() == finished
    assert (await client.get("/results")).json()["total"] == 1
    assert (await client.get("/health")).status_code == 200
    write_good(tmp_path)
    assert (await client.get("/suites")).json() == suites
    assert (await run_through(client))["status"] == "passed"


async def test_the_last_good_suites_are_those_of_the_last_run_too(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """A suite that was added and run is among the last good ones, though nobody asked for the list before it broke."""
    added = CONFIG + "  - name: extra\n    harnesses: [./evals/rows.yml]\n"
    (tmp_path / SUITE).write_text(added)
    await run_through(client, suite="extra")
    (tmp_path / SUITE).write_text("suites: [")
    names = [suite["name"] for suite in (await client.get("/suites")).json()["suites"]]
    assert names == ["qa", "extra"]


async def test_a_broken_dataset_leaves_the_other_suites_alone(tmp_path: Path) -> None:
    """A dataset of another suite may be broken: the suite that does not need it runs."""
    config = write_good(tmp_path)
    config.write_text(CONFIG.replace(", ./evals/rows.yml", "") + "  - name: rows\n    harnesses: [./evals/rows.yml]\n")
    (tmp_path / JSONL).write_text("nonsense\n")
    async with in_process(config) as client:
        assert (await run_through(client, suite="qa"))["status"] == "passed"
        refused(await client.post("/run", json={"suite": "rows"}))
        refused(await client.post("/run"))
        assert (await client.get("/results")).json()["total"] == 1


async def test_very_many_mistakes_of_a_dataset_are_counted(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """Of 5,000 broken rows the first hundred are listed, and how many more there are is told."""
    (tmp_path / JSONL).write_text("nonsense\n" * 5_000)
    mistakes = refused(await client.post("/run"))
    assert [mistake.get("line") for mistake in mistakes[:100]] == list(range(1, 101))
    assert len(mistakes) == 101
    assert "4900" in str(mistakes[100]["message"]).replace(",", "")


@pytest.mark.slow
def test_a_real_server_survives_every_mistake(tmp_path: Path) -> None:
    """Over the wire, one server and all mistakes one after another: 400 each time, then the repaired files run."""
    with serving(write_good(tmp_path)) as live, live.client() as client:
        for slip in SLIPS:
            write_good(tmp_path)
            make(slip, tmp_path)
            [mistake] = refused(client.post("/run"))
            assert (mistake["file"], mistake.get("field")) == (slip.file, slip.field)
            assert client.get("/suites").status_code == 200
        assert client.get("/results").json()["total"] == 0
        write_good(tmp_path)
        assert client.post("/run").status_code == 202
