"""The HTTP API to the letter: paths, fields, types, status codes and defaults, as `docs/api.md` has them."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from live import Document, end_of, in_process, run_through
from project import examples, suite, write_config, write_harness, write_project

from service.version import VERSION

RUN_ID = re.compile(r"run-\d{8}-\d{6}-[0-9a-f]{4}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
EXACT = {"type": "exact_match"}
SLEEP = {"type": "command", "command": ["sleep", "60"]}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service over one suite `qa` of four examples, two with the tag `odd`, one with `first`; all are right."""
    tagged = examples(4)
    tagged[0] |= {"tags": ["first"]}
    tagged[1] |= {"tags": ["odd"]}
    tagged[3] |= {"tags": ["odd"], "metadata": {"source": "hand"}}
    config = write_project(tmp_path, examples=tagged, suites=[suite("qa", "qa-v1", thresholds={"overall": 0.8})])
    async with in_process(config) as opened:
        yield opened


async def test_a_run_is_accepted_with_its_id_and_where_to_poll(client: httpx.AsyncClient) -> None:
    """`POST /run` answers 202 with run_id, status, suite, started_at and results_url, and nothing else."""
    answer = await client.post("/run", json={"suite": "qa"})
    accepted = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert list(accepted) == ["run_id", "status", "suite", "started_at", "results_url"]
    assert RUN_ID.fullmatch(accepted["run_id"])
    assert accepted["status"] == "running"
    assert accepted["suite"] == "qa"
    assert MOMENT.fullmatch(accepted["started_at"])
    assert accepted["results_url"] == f"/results/{accepted['run_id']}"
    day, second = accepted["run_id"].split("-")[1:3]
    assert re.sub(r"\D", "", accepted["started_at"]) == day + second


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({}, ["ex-0", "ex-1", "ex-2", "ex-3"]),
        ({"suite": None, "tags": None, "concurrency": None, "config": None}, ["ex-0", "ex-1", "ex-2", "ex-3"]),
        ({"suite": "qa", "tags": []}, ["ex-0", "ex-1", "ex-2", "ex-3"]),
        ({"tags": ["odd"]}, ["ex-1", "ex-3"]),
        ({"tags": ["odd", "first", "unused"]}, ["ex-0", "ex-1", "ex-3"]),
        ({"concurrency": 1}, ["ex-0", "ex-1", "ex-2", "ex-3"]),
        ({"config": "matchspec.yml"}, ["ex-0", "ex-1", "ex-2", "ex-3"]),
        ({"config": "./matchspec.yml", "suite": "qa"}, ["ex-0", "ex-1", "ex-2", "ex-3"]),
    ],
)
async def test_every_field_of_a_run_may_be_given_or_left_out(
    client: httpx.AsyncClient, body: Document, ids: list[str]
) -> None:
    """All fields of the body are optional; null is left out, `tags: []` is no filter, tags select by any of them."""
    finished = await run_through(client, **body)
    assert [example["id"] for example in finished["examples"]] == ids
    assert finished["suite"] == body.get("suite")


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"", {"Content-Type": "application/json"}),
        (b"", {"Content-Type": "text/plain"}),
        (b" \r\n", {}),
        (b"{}", {"Content-Type": "application/json"}),
        (b"{}", {"Content-Type": "application/json; charset=utf-8"}),
        (b"{}", {"Content-Type": "APPLICATION/JSON"}),
        (b' {"suite" : "qa"} \n', {"Content-Type": "application/json"}),
        ("{}", {"Content-Type": "application/json"}),
    ],
)
async def test_a_run_needs_no_body(client: httpx.AsyncClient, content: bytes, headers: dict[str, str]) -> None:
    """Without a body, or with an empty object, all suites run; JSON's media type may carry parameters."""
    answer = await client.post("/run", content=content, headers=headers)
    assert answer.status_code == 202


async def test_the_sample_request_of_the_contract_is_accepted(tmp_path: Path) -> None:
    """The sample body, with suite, tags, concurrency and config, starts a run of that suite."""
    rows = examples(2, tags=["ml"])
    config = write_project(tmp_path, examples=rows, suites=[suite("summarization", "qa-v1")])
    body = {"suite": "summarization", "tags": ["science", "ml"], "concurrency": 8, "config": "./matchspec.yml"}
    async with in_process(config) as client:
        finished = await run_through(client, **body)
    assert (finished["suite"], finished["verdict"], len(finished["examples"])) == ("summarization", "PASS", 2)


async def test_another_config_of_the_folder_can_be_run(tmp_path: Path) -> None:
    """`config` names a file relative to the server's config; its paths start in its own folder."""
    config = write_project(tmp_path)
    write_harness(tmp_path / "more", "other-v1", examples=examples(3))
    write_config(tmp_path / "more", [suite("other", "other-v1")])
    (tmp_path / "link.yml").symlink_to(tmp_path / "more" / "matchspec.yml")
    async with in_process(config) as client:
        for name in ("more/matchspec.yml", "./more/../more/matchspec.yml", "link.yml"):
            finished = await run_through(client, suite="other", config=name)
            assert (finished["status"], len(finished["examples"])) == ("passed", 3)
        assert (await client.post("/run", json={"suite": "other"})).status_code == 404


async def test_a_running_run_shows_its_progress(tmp_path: Path) -> None:
    """While it runs: run_id, status, suite, started_at and progress with total, completed and percent; no more."""
    wait = "test $INPUT = q0 || sleep 60; echo $INPUT"
    model = {"type": "command", "command": ["sh", "-c", wait], "input_via": "env"}
    config = write_project(tmp_path, examples=examples(3), model=model, harness={"concurrency": 1})
    async with in_process(config) as client:
        accepted = (await client.post("/run", json={"suite": "qa"})).json()
        document = await until_completed(client, accepted["results_url"], 1)
    assert set(document) == {"run_id", "status", "suite", "started_at", "progress"}
    assert document["status"] == "running"
    assert document["run_id"] == accepted["run_id"]
    assert document["started_at"] == accepted["started_at"]
    assert document["progress"] == {"total": 3, "completed": 1, "percent": 33.3}


async def until_completed(client: httpx.AsyncClient, results_url: str, count: int) -> Document:
    """The document of a running run, once so many examples are recorded."""
    async with asyncio.timeout(20):
        while True:
            document: Document = (await client.get(results_url)).json()
            if document["progress"]["completed"] >= count:
                return document
            await asyncio.sleep(0.01)


async def test_progress_begins_at_nought(tmp_path: Path) -> None:
    """Before the first answer, `completed` is 0 and `percent` 0, with the total known."""
    config = write_project(tmp_path, examples=examples(3), model=SLEEP)
    async with in_process(config) as client:
        accepted = (await client.post("/run")).json()
        document = (await client.get(accepted["results_url"])).json()
    assert document["progress"] == {"total": 3, "completed": 0, "percent": 0.0}


async def test_a_passed_run_has_the_shape_of_the_contract(client: httpx.AsyncClient) -> None:
    """A passed run: every field of the contract's sample with its type, and rows and examples likewise."""
    finished = await run_through(client, suite="qa")
    contract = ["run_id", "status", "suite", "started_at", "finished_at", "duration_seconds", "verdict"]
    assert [name for name in finished if name in contract] == contract
    assert set(finished) == {*contract, "grader_results", "examples", "model_errors", "grader_errors", "log"}
    assert (finished["status"], finished["verdict"]) == ("passed", "PASS")
    assert MOMENT.fullmatch(finished["started_at"])
    assert MOMENT.fullmatch(finished["finished_at"])
    assert isinstance(finished["duration_seconds"], int | float)
    assert (finished["model_errors"], finished["grader_errors"]) == (0, 0)
    [row] = finished["grader_results"]
    wilson = 4 / (4 + 1.959963984540054**2)  # the lower bound where all of n are right: n / (n + z²)
    assert row == {
        "name": "exact_match",
        "score": 1.0,
        "threshold": 0.8,
        "passed": True,
        "n": 4,
        "ci_lower": pytest.approx(wilson),
        "ci_upper": 1.0,
        "suite": "qa",
        "harness": None,
        "pass_rate": 1.0,
    }
    example = dict(finished["examples"][3])
    assert isinstance(example.pop("latency_ms"), int | float)
    assert example == {
        "id": "ex-3",
        "input": "q3",
        "expected": "q3",
        "output": "q3",
        "scores": {"exact_match": 1.0},
        "passed": True,
        "tags": ["odd"],
        "suite": "qa",
        "harness": "qa-v1",
        "attempts": 1,
        "metadata": {"source": "hand"},
    }
    assert finished["examples"][2]["tags"] == []
    assert "metadata" not in finished["examples"][2]


async def test_a_failed_run_has_the_same_shape(tmp_path: Path) -> None:
    """A failed run: status failed, verdict FAIL, the failing row `passed: false`; one of four right scores 0.25."""
    rows = examples(1) + [{"id": f"no-{n}", "input": "x", "expected": "y"} for n in range(3)]
    config = write_project(tmp_path, examples=rows, suites=[suite("qa", "qa-v1", thresholds={"overall": 0.5})])
    async with in_process(config) as client:
        finished = await run_through(client, suite="qa")
    assert (finished["status"], finished["verdict"]) == ("failed", "FAIL")
    [row] = finished["grader_results"]
    assert (row["score"], row["threshold"], row["passed"], row["n"]) == (0.25, 0.5, False, 4)
    assert [example["passed"] for example in finished["examples"]] == [True, False, False, False]
    assert finished["examples"][1]["scores"] == {"exact_match": 0.0}
    assert finished["examples"][1]["output"] == "x"
    assert "error" not in finished
    assert finished["model_errors"] == 0


async def test_a_run_that_ends_in_error_has_no_verdict(tmp_path: Path) -> None:
    """Where every model call failed: status error, `error` says why, no verdict; rows and examples are shown."""
    config = write_project(tmp_path, examples=examples(2), model={"type": "command", "command": ["false"]})
    async with in_process(config) as client:
        finished = await run_through(client, suite="qa")
    assert finished["status"] == "error"
    assert "verdict" not in finished
    assert isinstance(finished["error"], str)
    assert finished["error"]
    assert finished["model_errors"] == 2
    [row] = finished["grader_results"]
    assert (row["passed"], row["n"]) == (False, 0)
    assert row.keys().isdisjoint({"score", "ci_lower", "ci_upper"})
    for example in finished["examples"]:
        assert (example["output"], example["scores"], example["passed"]) == (None, {}, False)
        assert "exited with 1" in example["error"]
    assert MOMENT.fullmatch(finished["finished_at"])


async def test_model_errors_are_counted_and_warned_of(tmp_path: Path) -> None:
    """One call of four that fails: `model_errors` 1, n = 3, the example says why, a warning stands in the document."""
    command = ["sh", "-c", 'test "$INPUT" != q1 && echo "$INPUT"']
    model = {"type": "command", "command": command, "input_via": "env"}
    config = write_project(tmp_path, examples=examples(4), model=model)
    async with in_process(config) as client:
        finished = await run_through(client, suite="qa")
    assert (finished["status"], finished["verdict"], finished["model_errors"]) == ("passed", "PASS", 1)
    assert finished["grader_results"][0]["n"] == 3
    assert [example["output"] for example in finished["examples"]] == ["q0", None, "q2", "q3"]
    assert finished["warnings"]


async def test_all_suites_run_in_one_run(tmp_path: Path) -> None:
    """With no suite named, `suite` is null and `suites` has the names; rows and examples say suite and harness.

    Their order is that of suites, harnesses and dataset, whatever ended first; two suites may share a harness.
    """
    own = [EXACT | {"threshold": 0.5}]
    slow = {"type": "command", "command": ["sh", "-c", "sleep 0.3; cat"]}
    write_harness(tmp_path, "shared", examples=examples(2), graders=own)
    write_harness(tmp_path, "zebra", examples=examples(1), graders=own, model=slow)
    config = write_config(tmp_path, [suite("later", "zebra", "shared"), suite("again", "shared")])
    async with in_process(config) as client:
        accepted = (await client.post("/run")).json()
        finished = await end_of(client, accepted["results_url"])
        listed = (await client.get("/results")).json()["runs"][0]
    for document in (accepted, finished, listed):
        assert document["suite"] is None
        assert document["suites"] == ["later", "again"]
    assert [(row["suite"], row["harness"], row["n"]) for row in finished["grader_results"]] == [
        ("later", "zebra", 1),
        ("later", "shared", 2),
        ("again", "shared", 2),
    ]
    assert [(one["suite"], one["harness"], one["id"]) for one in finished["examples"]] == [
        ("later", "zebra", "ex-0"),
        ("later", "shared", "ex-0"),
        ("later", "shared", "ex-1"),
        ("again", "shared", "ex-0"),
        ("again", "shared", "ex-1"),
    ]


async def test_suites_without_an_example_for_the_tags_are_named_in_warnings(tmp_path: Path) -> None:
    """With all suites, what has no example for the tags is left out and named; where nothing is left: 400."""
    write_harness(tmp_path, "tagged", examples=examples(2, tags=["smoke"]))
    write_harness(tmp_path, "plain", examples=examples(2))
    config = write_config(tmp_path, [suite("both", "tagged", "plain"), suite("none", "plain")])
    async with in_process(config) as client:
        accepted = (await client.post("/run", json={"tags": ["smoke"]})).json()
        finished = await end_of(client, accepted["results_url"])
        refusals = [
            await client.post("/run", json={"tags": ["other"]}),
            await client.post("/run", json={"suite": "none", "tags": ["smoke"]}),
        ]
        total = (await client.get("/results")).json()["total"]
    assert accepted["suites"] == ["both"]
    assert {one["harness"] for one in finished["examples"]} == {"tagged"}
    said = " / ".join(finished["warnings"])
    assert "'none'" in said
    assert "'plain'" in said
    assert [refusal.status_code for refusal in refusals] == [400, 400]
    assert total == 1


async def test_a_named_suite_shows_no_list_of_suites(client: httpx.AsyncClient) -> None:
    """`suites` applies only where all suites run."""
    finished = await run_through(client, suite="qa")
    assert "suites" not in finished
    assert "suites" not in (await client.get("/results")).json()["runs"][0]


@pytest.mark.slow
async def test_the_first_get_after_a_202_is_never_404(client: httpx.AsyncClient) -> None:
    """In 200 runs, one after another and at the same time, what a 202 named is there at once."""

    async def start_and_look() -> tuple[int, str]:
        accepted = (await client.post("/run", json={"tags": ["first"]})).json()
        first = await client.get(accepted["results_url"])
        return first.status_code, accepted["run_id"]

    seen = [await start_and_look() for _ in range(100)]
    seen += await asyncio.gather(*(start_and_look() for _ in range(100)))
    assert {status for status, _ in seen} == {200}
    assert len({run_id for _, run_id in seen}) == 200
    for _, run_id in seen:
        await end_of(client, f"/results/{run_id}")
    assert (await client.get("/results", params={"status": "passed"})).json()["total"] == 200


async def test_times_are_whole_seconds_and_durations_three_decimals(client: httpx.AsyncClient) -> None:
    """`finished_at` minus `started_at` is the duration to the second; the duration has at most three decimals."""
    finished = await run_through(client)
    duration = finished["duration_seconds"]
    assert 0 <= duration < 30
    assert round(duration, 3) == duration


async def test_health_needs_nothing(tmp_path: Path) -> None:
    """`GET /health` is 200 with status ok and the version."""
    async with in_process(write_project(tmp_path)) as client:
        answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": VERSION}
    assert answer.headers["Content-Type"] == "application/json"


async def test_suites_are_listed_as_configured(tmp_path: Path) -> None:
    """`GET /suites` has name, harnesses and thresholds of each suite, in the order of the file."""
    write_harness(tmp_path, "v2", examples=examples(1))
    write_harness(tmp_path, "v1", examples=examples(1))
    suites = [
        suite("summarization", "v2", thresholds={"overall": 0.8}),
        suite("qa", "v1", "v2", thresholds={"overall": 0.85, "exact_match": 0.5}),
        suite("bare", "v1"),
    ]
    async with in_process(write_config(tmp_path, suites)) as client:
        answer = await client.get("/suites")
    assert answer.status_code == 200
    assert answer.json() == {
        "suites": [
            {"name": "summarization", "harnesses": ["v2"], "thresholds": {"overall": 0.8}},
            {"name": "qa", "harnesses": ["v1", "v2"], "thresholds": {"overall": 0.85, "exact_match": 0.5}},
            {"name": "bare", "harnesses": ["v1"], "thresholds": {}},
        ]
    }


async def test_an_edit_of_the_config_needs_no_restart(tmp_path: Path) -> None:
    """A suite added to the file is listed and can be run at once."""
    config = write_project(tmp_path)
    async with in_process(config) as client:
        assert (await client.post("/run", json={"suite": "new"})).status_code == 404
        write_config(tmp_path, [suite("qa", "qa-v1"), suite("new", "qa-v1")])
        listed = (await client.get("/suites")).json()
        finished = await run_through(client, suite="new")
    assert [one["name"] for one in listed["suites"]] == ["qa", "new"]
    assert "config_error" not in listed
    assert finished["status"] == "passed"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/run", {"POST", "OPTIONS"}),
        ("/results", {"GET", "HEAD", "OPTIONS"}),
        ("/results/run-20260315-143022-a3f7", {"GET", "HEAD", "OPTIONS"}),
        ("/suites", {"GET", "HEAD", "OPTIONS"}),
        ("/health", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_wrong_method_is_405_and_says_which_are_right(
    client: httpx.AsyncClient, path: str, allowed: set[str]
) -> None:
    """A known path with another method: 405 with Allow, as a problem document; OPTIONS tells the same."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "NONSENSE"} - allowed:
        refused = await client.request(method, path)
        assert refused.status_code == 405, method
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert set(re.split(r",\s*", refused.headers["Allow"])) == allowed
    told = await client.options(path)
    assert told.status_code in (200, 204)
    assert set(re.split(r",\s*", told.headers["Allow"])) == allowed


@pytest.mark.parametrize(
    "path", ["/nothing", "/assets", "/run/x", "/results/x/y", "/suites/qa", "/Health", "/health/x", "/schema", "/page"]
)
async def test_an_unknown_path_is_404(client: httpx.AsyncClient, path: str) -> None:
    """A path that is none of the API's, whatever the method: 404 as a problem document, nothing started."""
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = await client.request(method, path)
        assert answer.status_code == 404, method
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= answer.json().keys()


@pytest.mark.parametrize(
    "run_id",
    [
        "run-20260315-143022-a3f7",
        "log",
        "RUN-20260315-143022-A3F7",
        "x" * 4_000,
        "%00",
        "..%2f..",
        "%ff",
        "ä",
        "' OR 1",
    ],
)
async def test_an_unknown_run_is_404(client: httpx.AsyncClient, run_id: str) -> None:
    """An id that no run has, the log's own stream too: 404 as a problem document."""
    answer = await client.get(f"/results/{run_id}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


async def test_head_answers_as_get_without_a_body(client: httpx.AsyncClient) -> None:
    """HEAD has the status and the type of GET."""
    finished = await run_through(client)
    for path in (
        "/health",
        "/suites",
        "/results",
        f"/results/{finished['run_id']}",
        f"/results/{finished['run_id']}?at=2",
        f"/results/{finished['run_id']}/log",
        "/results/none",
        "/results?limit=0",
    ):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.headers["Content-Type"]) == (got.status_code, got.headers["Content-Type"])
