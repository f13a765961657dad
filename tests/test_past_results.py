"""`GET /results/{id}?at=N`: a run as it stood after its event N, whenever one asks."""

import asyncio
import json
import os
import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import check_problem
from project import Fields, examples, suite, write_config, write_harness, write_project
from running import HTTP, Client, Document, FakeModel, log_of, serving

from domain.events import Recorded
from service.api import documents
from service.execution import queue, starting

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))
GRADERS: list[list[Fields]] = [
    [{"type": "exact_match"}],
    [{"type": "exact_match", "threshold": 0.5}, {"type": "contains", "pass_at": 0.5}],
    [{"type": "exact_match", "weight": 3}, {"type": "contains", "weight": 1, "threshold": 0.2}],
]


class Project(NamedTuple):
    """A generated run: what each of its harnesses has, how often it is stopped, and a seed for its model."""

    harnesses: list[tuple[int, int, int]]
    stops: int
    pinned_late: bool
    seed: int


PROJECTS = st.builds(
    Project,
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=3),
    st.integers(0, 1),
    st.booleans(),
    st.integers(0, 1 << 32),
)


def write(folder: Path, project: Project) -> Path:
    """Two suites, of which the second has the first harness once more, and only the examples with a tag."""
    names = [f"h{number}" for number in range(len(project.harnesses))]
    for name, (count, repeats, graders) in zip(names, project.harnesses, strict=True):
        rows = [row | {"tags": ["größe"] if place == 0 else []} for place, row in enumerate(examples(count))]
        write_harness(folder, name, examples=rows, model=HTTP, graders=GRADERS[graders], repeats=repeats)
    return write_config(folder, [suite("one", *names, thresholds={"overall": 0.6}), suite("two", "h0", tags=["größe"])])


class Watched:
    """Notes what the live server showed after each event, which it shows here one by one."""

    def __init__(self) -> None:
        self.shown: dict[int, bytes] = {}

    def watch(self, client: Client) -> None:
        """Look on from now."""
        views = client.service.views
        apply = views.apply

        def note(recorded: Recorded) -> None:
            listed, result = views.listing.get(recorded.run_id), views.results.get(recorded.run_id)
            progress = views.progress.get(recorded.run_id)
            if listed and result and progress:
                self.shown[recorded.version] = msgspec.json.encode(documents.running(listed, progress, result.warnings))

        def apply_singly(events: Iterable[Recorded]) -> None:
            for recorded in events:
                apply([recorded])
                note(recorded)

        views.apply = apply_singly  # type: ignore[method-assign]


async def live_through(config: Path, project: Project, watched: Watched) -> tuple[str, list[bytes], bytes]:
    """Run to the end, with stops; gives the run's id, its document after each event, and as it is now."""
    chance = random.Random(project.seed)
    begins = asyncio.Event()

    async def answer(text: str) -> str | httpx.Response:
        begins.set()
        await asyncio.sleep(chance.random() / 500)
        replies: list[str | httpx.Response] = [text, text, f"not {text}", "no idea", httpx.Response(500)]
        return chance.choice(replies)

    run_id = ""
    for _ in range(project.stops):
        async with serving(config, FakeModel(answer)) as client:
            watched.watch(client)
            run_id = run_id or await client.start()
            await begins.wait()
    async with serving(config, FakeModel(answer)) as client:
        watched.watch(client)
        run_id = run_id or await client.start()
        await client.over(run_id)
        last = len((await client.http.get(f"/results/{run_id}/log")).content.splitlines())
        past = [(await client.http.get(f"/results/{run_id}?at={n}")).raise_for_status() for n in range(1, last + 1)]
        now = await client.http.get(f"/results/{run_id}")
        assert kind_of(await client.http.get(f"/results/{run_id}?at={last + 1}")) == "event-not-found"
        assert kind_of(await client.http.get(f"/results/{run_id}?at=1.0")) == "invalid-request"
    return run_id, [one.content for one in past], now.content


def kind_of(refusal: httpx.Response) -> str:
    """The end of a problem's type."""
    check_problem(refusal)
    return str(refusal.json()["type"]).rpartition(":")[2]


def bodies_of(config: Path, run_id: str) -> list[tuple[str, Document]]:
    """Type and body of a run's events."""
    query = "SELECT type, body FROM events WHERE run_id = ? ORDER BY version"
    with closing(sqlite3.connect(log_of(config))) as database:
        return [(kind, json.loads(body)) for kind, body in database.execute(query, (run_id,))]


def means(events: list[tuple[str, Document]]) -> dict[tuple[str, str, str], list[float]]:
    """By suite, harness and grader, each example's mean over its scored repeats."""
    scores: dict[tuple[str, str, str], dict[int, list[float]]] = {}
    for kind, body in events:
        if kind == "example_scored":
            for grader, score in body["scores"].items():
                of_grader = scores.setdefault((body["suite"], body["harness"], grader), {})
                of_grader.setdefault(body["row"], []).append(score)
    return {key: [sum(one) / len(one) for one in of_rows.values()] for key, of_rows in scores.items()}


def check_rows(document: Document, events: list[tuple[str, Document]]) -> None:
    """Each row of one grader without a mark has the mean and number of what was scored by then."""
    found = means(events)
    for row in document["grader_results"]:
        if row["name"] == "overall" or "pass_at" in row:
            continue
        scores = [
            score
            for (one, harness, grader), of_rows in found.items()
            if (one, grader) == (row["suite"], row["name"]) and row["harness"] in (harness, None)
            if row["harness"] or pooled(document, one, harness, grader)
            for score in of_rows
        ]
        assert row["n"] == len(scores)
        assert row.get("score") == (pytest.approx(sum(scores) / len(scores)) if scores else None)


def pooled(document: Document, one: str, harness: str, grader: str) -> bool:
    """Tell whether a harness's grader has no line of its own."""
    own = [*document["grader_results"], *document.get("informational", [])]
    return not any((row["suite"], row["harness"], row["name"]) == (one, harness, grader) for row in own)


@contextmanager
def hurried(pinned_late: bool) -> Iterator[None]:
    """Stops end at once; datasets are pinned by the run itself, if wanted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "GRACE_SECONDS", 0)
        patch.setattr(starting, "CHECKED_ROWS", 0 if pinned_late else 100_000)
        yield


@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=100 if LONG else 15)
@given(project=PROJECTS)
def test_after_every_event_the_document_is_what_was_shown_then(project: Project) -> None:
    """Every field that the live server showed is the same; rows and examples are those of the events up to there."""
    watched = Watched()
    with TemporaryDirectory() as folder, hurried(project.pinned_late):
        config = write(Path(folder), project)
        run_id, past, now = asyncio.run(live_through(config, project, watched))
        events = bodies_of(config, run_id)

    assert past[-1] == now
    assert sorted(watched.shown) == list(range(1, len(past)))
    for version, content in enumerate(past[:-1], 1):
        document, shown = json.loads(content), json.loads(watched.shown[version])
        assert {name: document.get(name) for name in shown} == shown
        assert set(document) - set(shown) >= {"grader_results", "model_errors", "grader_errors", "examples"}
        recorded = [body for kind, body in events[:version] if kind == "example_scored"]
        askings = [asking for one in document["examples"] for asking in one.get("repeats", [one])]
        assert len(askings) == len(recorded)
        assert {(one["suite"], one["harness"], one["id"]) for one in document["examples"]} == {
            (body["suite"], body["harness"], body["example"]) for body in recorded
        }
        assert document["model_errors"] == sum("error" in body for body in recorded)
        check_rows(document, events[:version])


async def test_rows_so_far_by_hand(tmp_path: Path) -> None:
    """Of four examples right, wrong, failed, right, asked in this order, each event adds what it says."""
    answers = {"q0": "q0", "q1": "no", "q3": "q3"}

    async def answer(text: str) -> str | httpx.Response:
        return answers[text] if text in answers else httpx.Response(500)

    one = suite("qa", "qa-v1", thresholds={"overall": 0.6})
    harness = {"concurrency": 1}
    config = write_project(tmp_path, examples=examples(4), model=HTTP, harness=harness, suites=[one])
    async with serving(config, FakeModel(answer)) as client:
        run_id = (await client.run())["run_id"]
        past = [(await client.http.get(f"/results/{run_id}?at={n}")).json() for n in range(1, 7)]
        head = await client.http.head(f"/results/{run_id}?at=3")

    assert (head.status_code, head.content) == (200, b"")
    assert [one["status"] for one in past] == ["running"] * 5 + ["passed"]
    assert [one.get("progress", {}).get("completed") for one in past] == [0, 1, 2, 3, 4, None]
    rows = [one["grader_results"][0] for one in past]
    assert [(row["n"], row.get("score"), row["passed"]) for row in rows] == [
        (0, None, False),
        (1, 1.0, True),
        (2, 0.5, False),
        (2, 0.5, False),
        (3, pytest.approx(2 / 3), True),
        (3, pytest.approx(2 / 3), True),
    ]
    assert [one["model_errors"] for one in past] == [0, 0, 0, 1, 1, 1]
    assert [[example["id"] for example in one["examples"]] for one in past] == [
        [f"ex-{n}" for n in range(count)] for count in (0, 1, 2, 3, 4, 4)
    ]


async def test_what_is_no_event_is_refused(tmp_path: Path) -> None:
    """Beyond the run's events 404, not a number 400, and an unknown run is that."""
    async with serving(write_project(tmp_path)) as client:
        run_id = (await client.run())["run_id"]
        kinds = {
            at: kind_of(await client.http.get(f"/results/{run_id}?at={at}"))
            for at in ("0", "-1", "4", "99999999999999999999", "x", "1.5", "")
        }
        unknown = await client.http.get("/results/run-20260315-143022-a3f7?at=1")
        first = await client.http.get(f"/results/{run_id}?at=1")
    assert kinds == {
        **dict.fromkeys(("0", "-1", "4", "99999999999999999999"), "event-not-found"),
        **dict.fromkeys(("x", "1.5", ""), "invalid-request"),
    }
    assert kind_of(unknown) == "run-not-found"
    assert first.json()["progress"] == {"completed": 0, "percent": 0.0, "total": 1}
