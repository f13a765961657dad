"""`/openapi.json` says the truth: every route and method, every status and problem, every field."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from doc_pages import API, table_under
from jsonschema import Draft202012Validator
from live import in_process, run_through
from project import examples, suite, write_project
from routes import Route, routes

from projections import entries
from service.api.app import create_app
from service.api.examples import ExampleDocument, RepeatDocument
from service.api.openapi import describe
from service.api.operations import OPERATIONS
from service.api.problems import problem_type
from service.execution.starting import RunRequest

Document = dict[str, Any]
KEY = "Corr3ct-horse.battery~staple"


def described(*, keyed: bool = False, guarded: bool = False) -> Document:
    """The description of a server with a key, of one that refuses other sites, or of an open one."""
    document: Document = msgspec.json.decode(describe(keyed=keyed, guarded=guarded))
    return document


def operations(document: Document) -> dict[Route, Document]:
    """Its operations by method and path."""
    paths = document["paths"].items()
    return {Route(method.upper(), path): one for path, methods in paths for method, one in methods.items()}


def test_the_operations_are_the_routes_of_the_app() -> None:
    """No route or method of the application is left out, and none is told that is not there."""
    assert sorted(operations(described())) == routes()


def test_every_operation_has_a_name_of_its_own() -> None:
    """Clients are generated from these."""
    names = [one["operationId"] for one in operations(described()).values()]
    assert len(set(names)) == len(names)
    assert {link.operation for one in OPERATIONS for link in one.links} <= set(names)


def statuses(one: Document) -> set[int]:
    """What an operation may be answered."""
    return {int(status) for status in one["responses"]}


def test_with_a_key_all_but_the_open_routes_may_be_401() -> None:
    """The bearer token is asked for by default, and not on `/health`, `/ready` and the web page."""
    document = described(keyed=True)
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    assert document["security"] == [{"bearer": []}]
    for route, one in operations(document).items():
        is_open = route.path in ("/health", "/ready", "/", "/assets/{file}")
        assert (one.get("security") == []) == is_open
        assert (401 in statuses(one)) == (not is_open)
        assert 403 not in statuses(one)


@pytest.mark.parametrize("guarded", [True, False])
def test_without_a_key_none_is_asked_for(guarded: bool) -> None:
    """No security scheme and no 401; 403 where other sites are refused."""
    document = described(guarded=guarded)
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
    for one in operations(document).values():
        assert "security" not in one
        assert 401 not in statuses(one)
        assert (403 in statuses(one)) == guarded


def test_every_refusal_is_a_problem_document() -> None:
    """Whatever is not 2xx or 304 has the media type of problems and the types that may come with its status."""
    for route, one in operations(described(keyed=True)).items():
        for status, answer in one["responses"].items():
            if route.method != "HEAD" and not status.startswith(("2", "304")):
                (content,) = answer["content"].items()
                assert content[0] == "application/problem+json"
                whole, limits = content[1]["schema"]["allOf"]
                assert whole == {"$ref": "#/components/schemas/Problem"}
                assert limits["properties"]["status"] == {"const": int(status)}
                assert limits["properties"]["type"]["enum"]


def test_the_refusals_of_a_run_are_those_of_the_page() -> None:
    """The table under POST /run in docs/api.md, and what any route may answer."""
    answers = operations(described(keyed=True))[Route("POST", "/run")]["responses"]
    told = {
        (status, kind)
        for status, answer in answers.items()
        if status != "202"
        for kind in answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["type"]["enum"]
    }
    page = {(row[0], problem_type(row[1])) for row in table_under(API, "| status | problem `type` ends in | when |")}
    general = {"401": "unauthorized", "431": "request-header-fields-too-large", "503": "log-unavailable"}
    assert told == page | {(status, problem_type(kind)) for status, kind in general.items()}
    assert answers["429"]["headers"].keys() == answers["503"]["headers"].keys() == {"Retry-After"}
    assert answers["401"]["headers"].keys() == {"WWW-Authenticate"}
    assert answers["202"]["headers"].keys() == {"Location"}


def test_a_head_is_a_get_without_contents() -> None:
    """The same parameters and statuses."""
    told = operations(described(keyed=True))
    for route, one in told.items():
        if route.method == "GET":
            head = told[Route("HEAD", route.path)]
            assert head["parameters"] == one["parameters"]
            assert statuses(head) == statuses(one)
            assert not any("content" in answer for answer in head["responses"].values())


def test_the_body_of_a_run_has_the_fields_of_the_code_and_no_other() -> None:
    """All are optional, and a field that is not told is refused."""
    told = described()["components"]["schemas"]["RunRequest"]
    assert list(told["properties"]) == list(RunRequest.__struct_fields__)
    assert told["additionalProperties"] is False
    assert not told.get("required")
    validator = Draft202012Validator(told)
    good: list[Document] = [{}, {"suite": None, "tags": ["a"], "concurrency": 8, "config": "./m.yml"}]
    bad: list[object] = [[], {"suit": "a"}, {"suite": 1}, {"tags": [""]}, {"tags": ["a\n"]}, {"concurrency": 0}]
    assert all(validator.is_valid(body) for body in good)
    assert not any(validator.is_valid(body) for body in bad)


def test_the_entries_told_are_those_that_are_sent() -> None:
    """An example has the fields of its entry, asked once or several times; what both have is always there."""
    once, often = (set(kind.__struct_fields__) for kind in (entries._Entry, entries._RepeatedEntry))
    asked = entries._Asked.__struct_fields__
    assert set(ExampleDocument.__struct_fields__) == once | often
    assert RepeatDocument.__struct_fields__ == asked
    schemas = described()["components"]["schemas"]
    assert set(schemas["ExampleDocument"]["required"]) == (once & often) - {"metadata"}


async def test_answers_are_as_told(tmp_path: Path) -> None:
    """Each document of a run, asked once and with repeats, and of the listings is valid by its schema."""
    rows = examples(3, tags=["x"], metadata={"a": [1, {"b": None}]})
    for repeats in (1, 3):
        folder = tmp_path / str(repeats)
        suites = [suite("qa", "qa-v1", thresholds={"overall": 0.5})]
        config = write_project(folder, examples=rows, suites=suites, harness={"repeats": repeats})
        async with in_process(config) as client:
            valid(await client.post("/run"), "POST", "/run")
            finished = await run_through(client, suite="qa")
            for path in ("/results", "/suites", "/health", "/openapi.json"):
                valid(await client.get(path), "GET", path)
            valid(await client.get(f"/results/{finished['run_id']}"), "GET", "/results/{run_id}")
            valid(await client.get("/results/run-20260315-143022-a3f7"), "GET", "/results/{run_id}")
            valid(await client.post("/run", json={"suite": "none"}), "POST", "/run")
            valid(await client.post("/run", json={"suit": "qa"}), "POST", "/run")
        assert len(finished["examples"][0].get("repeats", [])) == (repeats if repeats > 1 else 0)


async def test_tags_are_told_where_they_are_sent(tmp_path: Path) -> None:
    """An `ETag` comes with a document, now or as it stood, examples, a report, listing, suites, and with 304."""
    told = operations(described())
    async with in_process(write_project(tmp_path)) as client:
        finished = await run_through(client, suite="qa")
        run, of_run = "/results/{run_id}", f"/results/{finished['run_id']}"
        for template, path in (
            (run, of_run),
            (run, f"{of_run}?at=1"),
            (f"{run}/examples", f"{of_run}/examples"),
            (f"{run}/report", f"{of_run}/report"),
            ("/results", "/results"),
            ("/suites", "/suites"),
        ):
            first = await client.get(path)
            second = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
            assert (first.status_code, second.status_code) == (200, 304)
            answers = told[Route("GET", template)]["responses"]
            assert [answers[status]["headers"]["ETag"]["required"] for status in ("200", "304")] == [True, True]


def valid(answer: httpx.Response, method: str, path: str) -> None:
    """An answer has a status, a media type and a document that its operation tells."""
    document = described()
    told = operations(document)[Route(method, path)]["responses"][str(answer.status_code)]
    schema = told["content"][answer.headers["Content-Type"]].get("schema", {})
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())


async def test_the_description_is_served_to_who_has_the_key(tmp_path: Path) -> None:
    """It is that of the server that gives it, and no open route."""
    async with in_process(write_project(tmp_path)) as client:
        assert (await client.get("/openapi.json")).json() == described()
    for key, names in ((KEY, None), (None, ["localhost"])):
        app = create_app(None, key=key, local_names=names)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            if key:
                assert (await client.get("/openapi.json")).status_code == 401
            answer = await client.get("/openapi.json", headers={"Authorization": f"Bearer {KEY}"})
        assert answer.json() == described(keyed=bool(key), guarded=not key)
        assert json.loads(answer.content)["openapi"] == "3.1.0"
