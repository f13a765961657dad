"""`POST /results/{id}/regrade`: recorded outputs held to today's graders and thresholds; the model is not asked."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import EXACT, Fields, examples, suite, write_config, write_dataset, write_harness, write_project
from running import HTTP, Client, Document, FakeModel, logged, serving
from services import SHORT, Services, judge

from service.execution import queue

CONTAINS: Fields = {"type": "contains"}
GRADER = "def own(config):\n    return lambda input, expected, output, metadata: {score}\n"
OWN: Fields = {"type": "python", "name": "own", "config": {"callable": "grade.py:own"}}


async def mostly_right(text: str) -> str | httpx.Response:
    """Answer `q0`, `q3`, ... rightly, `q1`, `q4`, ... with more words, and fail on `q2`, `q5`, ..."""
    match int(text[1:]) % 3:
        case 0:
            return text
        case 1:
            return f"it is {text}"
        case _:
            return httpx.Response(500)


async def regrade(client: Client, run_id: str) -> Document:
    """The document of a new run that grades an old one's outputs, once it is over."""
    response = await client.http.post(f"/results/{run_id}/regrade")
    assert response.status_code == 202, response.text
    return await client.over(response.json()["run_id"])


async def refused(client: Client, run_id: str, **request: object) -> tuple[int, str, str]:
    """Status, kind and detail of a refusal, which records nothing."""
    before = (await client.http.get("/results")).json()["total"]
    response = await client.http.post(f"/results/{run_id}/regrade", **request)  # type: ignore[arg-type]
    assert (await client.http.get("/results")).json()["total"] == before
    problem = response.json()
    return response.status_code, problem["type"].rpartition(":")[2], problem["detail"]


def outcome(document: Document) -> Document:
    """A document without its id, its times, what it is a regrade of, and its place in the log."""
    left = {"run_id", "regrades", "duration_seconds", "log"}
    return {name: value for name, value in document.items() if name not in left and not name.endswith("_at")}


def nine(folder: Path, graders: Sequence[Fields] = (EXACT,), threshold: float = 0.9, **fields: object) -> Path:
    """Nine examples of one suite, of which `mostly_right` answers three, adds words to three, and fails on three."""
    one = suite("qa", "qa-v1", thresholds={"overall": threshold})
    return write_project(
        folder, examples=examples(9), model=HTTP, graders=graders, suites=[one], harness={"concurrency": 2} | fields
    )


async def test_todays_graders_and_thresholds_flip_the_verdict(tmp_path: Path) -> None:
    """The same outputs under a laxer grader pass; model errors stay; the model is not asked; the old run stays."""
    model = FakeModel(mostly_right)
    config = nine(tmp_path)
    async with serving(config, model) as client:
        old = await client.run(suite="qa")
        asked = list(model.asked)
        nine(tmp_path, [CONTAINS], 0.95)
        new = await regrade(client, old["run_id"])
        again = await client.get(old["run_id"])
        listed = (await client.http.get("/results")).json()["runs"]

    assert (old["verdict"], old["grader_results"][0]["score"]) == ("FAIL", 0.5)
    (row,) = new["grader_results"]
    assert (row["name"], row["score"], row["threshold"], row["n"]) == ("contains", 1.0, 0.95, 6)
    assert (new["verdict"], new["model_errors"], new["suite"]) == ("PASS", 3, "qa")
    assert (new["regrades"], listed[0]["regrades"], "regrades" in listed[1]) == (old["run_id"], old["run_id"], False)
    assert (model.asked, again) == (asked, old)
    for before, after in zip(old["examples"], new["examples"], strict=True):
        kept = ("id", "input", "expected", "output", "latency_ms", "attempts", "error")
        assert {name: before.get(name) for name in kept} == {name: after.get(name) for name in kept}


async def test_the_events_of_a_regrade_stand_alone(tmp_path: Path) -> None:
    """`started` names mode and old run, every example is scored with its output, and the plan has no prices."""
    config = nine(tmp_path)
    async with serving(config, FakeModel(mostly_right)) as client:
        old = await client.run(suite="qa", tags=[], concurrency=3)
        new = await regrade(client, old["run_id"])

    before, after = ([event for event in logged(config) if event.run_id == one["run_id"]] for one in (old, new))
    assert [event.type for event in after] == ["started", *["example_scored"] * 9, "finished"]
    assert (after[0].body["mode"], after[0].body["regrades"]) == ("regrade", old["run_id"])
    assert (after[0].body["concurrency"], after[0].body["harnesses"]) == (None, before[0].body["harnesses"])
    by_row = [
        sorted((e.body for e in one if e.type == "example_scored"), key=lambda b: b["row"]) for one in (before, after)
    ]
    assert by_row[0] == by_row[1]


@pytest.mark.parametrize("gone", [False, True], ids=["changed", "deleted"])
async def test_the_dataset_file_does_not_matter(tmp_path: Path, gone: bool) -> None:
    """The examples are those that were pinned, whatever has become of the file."""
    config = nine(tmp_path)
    dataset = tmp_path / "evals" / "qa-v1" / "dataset.jsonl"
    async with serving(config, FakeModel(mostly_right)) as client:
        old = await client.run()
        if gone:
            dataset.unlink()
        else:
            write_dataset(dataset, examples(2, expected="another"))
        new = await regrade(client, old["run_id"])

    assert outcome(new) == outcome(old)


async def test_a_regrade_of_a_regrade(tmp_path: Path) -> None:
    """It names the run whose outputs it took, and comes to the same."""
    config = nine(tmp_path)
    async with serving(config, FakeModel(mostly_right)) as client:
        first = await client.run()
        second = await regrade(client, first["run_id"])
        third = await regrade(client, second["run_id"])

    assert third["regrades"] == second["run_id"]
    assert outcome(third) == outcome(second) == outcome(first)


async def test_tags_select_as_they_did(tmp_path: Path) -> None:
    """The request's and the suite's tags of the old run hold, though the suite has others now."""
    others = [{"id": f"x-{n}", "input": "q1", "expected": "q1"} for n in range(2)]
    mixed: list[Fields] = [*examples(3, tags=["smoke"]), *others]
    config = write_project(tmp_path, examples=mixed, model=HTTP, suites=[suite("qa", "qa-v1", tags=["smoke"])])
    async with serving(config, FakeModel()) as client:
        old = await client.run(suite="qa", tags=["smoke", "other"])
        write_config(tmp_path, [suite("qa", "qa-v1", tags=["nothing"])])
        new = await regrade(client, old["run_id"])

    assert [one["id"] for one in new["examples"]] == ["ex-0", "ex-1", "ex-2"]
    assert "warnings" not in new
    assert logged(config, "started")[1].body["tags"] == ["smoke", "other"]


async def test_repeats_are_those_of_the_old_run(tmp_path: Path) -> None:
    """Each repeat keeps its own output, though the harness file has no repeats now."""
    model = FakeModel()

    async def sometimes(text: str) -> str:
        return text if model.asked.count(text) % 2 else "no idea"

    model.answer = sometimes
    config = nine(tmp_path, repeats=3)
    async with serving(config, model) as client:
        old = await client.run()
        nine(tmp_path, threshold=0.6)
        new = await regrade(client, old["run_id"])

    outputs = [[one["output"] for one in entry["repeats"]] for entry in old["examples"]]
    assert outputs[0] == ["q0", "no idea", "q0"]
    assert [[one["output"] for one in entry["repeats"]] for entry in new["examples"]] == outputs
    assert (old["verdict"], new["verdict"]) == ("FAIL", "PASS")
    assert new["grader_results"][0]["score"] == pytest.approx(2 / 3)


async def test_weights_are_todays(tmp_path: Path) -> None:
    """A harness that has weights now is judged by its weighted mean: 0.25 * 1 + 0.75 * 1/2."""
    config = nine(tmp_path, [EXACT, CONTAINS])
    async with serving(config, FakeModel(mostly_right)) as client:
        old = await client.run()
        nine(tmp_path, [{**CONTAINS, "weight": 1}, {**EXACT, "weight": 3}], 0.6)
        new = await regrade(client, old["run_id"])

    (row,) = new["grader_results"]
    assert (row["name"], row["score"], row["passed"], row["n"]) == ("overall", 0.625, True, 6)


def two_suites(folder: Path) -> Path:
    """Suites x (harnesses one and two) and y (two); two examples each, which all pass."""
    for name in ("one", "two"):
        write_harness(folder, name, examples=examples(2), model=HTTP)
    return write_config(folder, [suite("x", "one", "two"), suite("y", "two")])


async def test_what_is_gone_is_left_out_with_a_warning(tmp_path: Path) -> None:
    """A harness and a suite that the configuration has no more, and a harness that is new in it."""
    config = two_suites(tmp_path)
    async with serving(config, FakeModel()) as client:
        old = await client.run()
        write_harness(tmp_path, "new", examples=examples(1), model=HTTP)
        write_config(tmp_path, [suite("x", "new", "two")])
        new = await regrade(client, old["run_id"])

    assert new["warnings"] == [
        "suite 'y' is left out: today's files have it no more",
        "harness 'one' of suite 'x' is left out: today's files have it no more",
        f"harness 'new' of suite 'x' is left out: {old['run_id']} did not ask it",
    ]
    assert (new["suite"], new["suites"], new["verdict"]) == (None, ["x"], "PASS")
    assert [(one["suite"], one["harness"]) for one in new["examples"]] == [("x", "two")] * 2


async def test_a_suite_asked_for_that_is_gone(tmp_path: Path) -> None:
    """404 where the old run was of this suite; 400 where all ran and none is left."""
    config = two_suites(tmp_path)
    async with serving(config, FakeModel()) as client:
        named, everything = await client.run(suite="y"), await client.run()
        write_config(tmp_path, [suite("z", "one")])
        status, kind, detail = await refused(client, named["run_id"])
        assert (status, kind) == (404, "suite-not-found")
        assert f"suite 'y' of {named['run_id']} is not in matchspec.yml any more" in detail
        status, kind, detail = await refused(client, everything["run_id"])
        assert (status, kind) == (400, "no-examples")
        assert "suite 'x' is left out: today's files have it no more" in detail


async def test_a_run_that_is_not_over(tmp_path: Path) -> None:
    """409, and the run goes on undisturbed."""
    go_on = asyncio.Event()

    async def wait(text: str) -> str:
        await go_on.wait()
        return text

    async with serving(nine(tmp_path), FakeModel(wait)) as client:
        run_id = await client.start()
        assert (await refused(client, run_id))[:2] == (409, "run-not-over")
        go_on.set()
        assert (await client.over(run_id))["verdict"] == "PASS"


@pytest.mark.parametrize("run_id", ["run-20260315-143022-a3f7", "log", "%00", "%F0%9F%A6%80"])
async def test_a_run_that_there_is_not(tmp_path: Path, run_id: str) -> None:
    """404; the log's own stream is no run."""
    async with serving(nine(tmp_path)) as client:
        assert (await refused(client, run_id))[:2] == (404, "run-not-found")


async def test_a_body_has_nothing_to_say(tmp_path: Path) -> None:
    """Nothing and `{}` are accepted; any field, another kind of JSON or another content type are not."""
    async with serving(nine(tmp_path), FakeModel(mostly_right)) as client:
        run_id = (await client.run())["run_id"]
        accepted = await client.http.post(f"/results/{run_id}/regrade", json={})
        assert accepted.status_code == 202
        document = accepted.json()
        assert document | {"started_at": ""} == {
            "run_id": document["run_id"],
            "status": "running",
            "suite": None,
            "started_at": "",
            "suites": ["qa"],
            "regrades": run_id,
            "results_url": f"/results/{document['run_id']}",
        }
        assert accepted.headers["location"] == document["results_url"]
        await client.over(document["run_id"])
        assert (await refused(client, run_id, json={"suite": "qa"}))[:2] == (400, "invalid-request")
        assert (await refused(client, run_id, json=[]))[:2] == (400, "invalid-request")
        assert (await refused(client, run_id, content="x", headers={"content-type": "text/plain"}))[0] == 415


async def test_mistakes_of_todays_files_are_told(tmp_path: Path) -> None:
    """A configuration that is broken, one that is gone, and a variable that a new grader lacks: 400."""
    config = nine(tmp_path)
    other = config.with_name("other.yml")
    shutil.copy(config, other)
    async with serving(config, FakeModel()) as client:
        own, elsewhere = await client.run(), await client.run(config="other.yml")
        nine(tmp_path, [judge(api_key_env="JUDGE_KEY")])
        status, kind, detail = await refused(client, own["run_id"])
        assert (status, kind) == (400, "invalid-config")
        assert "the environment variable JUDGE_KEY is not set" in detail
        config.write_text("suites: [")
        assert (await refused(client, own["run_id"]))[:2] == (400, "invalid-config")
        nine(tmp_path)
        assert (await regrade(client, elsewhere["run_id"]))["verdict"] == "PASS"
        other.unlink()
        status, kind, detail = await refused(client, elsewhere["run_id"])
        assert (status, kind) == (400, "config-not-allowed")
        assert f"the configuration of {elsewhere['run_id']}, other.yml, is no readable file" in detail


async def test_what_the_model_needs_is_not_needed(tmp_path: Path) -> None:
    """Neither the model's key nor its price: the answers are there, with their tokens."""
    keyed = HTTP | {"api_key_env": "MODEL_KEY", "response_path": "text", "prices": {"input": 1, "output": 2}}

    async def answer(text: str) -> httpx.Response:
        return httpx.Response(200, json={"text": text, "usage": {"prompt_tokens": 3, "completion_tokens": 4}})

    config = write_project(tmp_path, examples=examples(2), model=keyed)
    async with serving(config, FakeModel(answer), environment={"MODEL_KEY": "sk-12345678"}) as client:
        old = await client.run()
    async with serving(config) as client:
        new = await regrade(client, old["run_id"])

    assert (old["usage"], new["usage"]) == ({"input_tokens": 6, "output_tokens": 8},) * 2
    assert ("cost" in old, "cost" in new, new["verdict"]) == (True, False, "PASS")


async def test_a_secret_stays_replaced(tmp_path: Path) -> None:
    """The output is graded as it was recorded, and the example says what was replaced."""

    async def tell(_text: str) -> str:
        return "the key is sk-12345678"

    config = write_project(tmp_path, examples=examples(1), model=HTTP | {"api_key_env": "MODEL_KEY"})
    async with serving(config, FakeModel(tell), environment={"MODEL_KEY": "sk-12345678"}) as client:
        old = await client.run()
    async with serving(config) as client:
        (entry,) = (await regrade(client, old["run_id"]))["examples"]

    assert (entry["output"], entry["secrets"]) == ("the key is [secret MODEL_KEY]", ["MODEL_KEY"])


async def test_a_judge_grades_what_was_recorded(tmp_path: Path) -> None:
    """Answers without an event of their own get one before the judge is asked; the judge is paid, the model is not."""
    config, services = nine(tmp_path), Services(mostly_right)
    async with serving(config, services) as client:
        old = await client.run()
        asked = len(services.asked)
        nine(tmp_path, [judge(**SHORT)])
        new = await regrade(client, old["run_id"])
        newer = await regrade(client, new["run_id"])

    assert len(services.asked) == asked
    prompts = [prompt for n in (0, 3, 6) for prompt in (f"q{n}|q{n}", f"q{n + 1}|it is q{n + 1}")]
    assert sorted(services.judged) == sorted(prompts * 2)
    kinds = [event.type for event in logged(config) if event.run_id == new["run_id"]]
    assert (kinds.count("example_answered"), kinds.count("example_scored")) == (6, 9)
    assert (new["verdict"], new["model_errors"]) == ("PASS", 3)
    assert outcome(newer) == outcome(new)


async def test_a_graders_code_is_todays(tmp_path: Path) -> None:
    """A grader of the user's is run as its file is now, from where the harness file is now."""
    config = nine(tmp_path, [OWN])
    (tmp_path / "evals" / "qa-v1" / "grade.py").write_text(GRADER.format(score=0.25))
    async with serving(config) as client:
        old = await client.run()
        shutil.move(tmp_path / "evals" / "qa-v1", tmp_path / "moved")
        write_config(tmp_path, [{"name": "qa", "harnesses": ["moved/harness.yml"]}])
        (tmp_path / "moved" / "grade.py").write_text(GRADER.format(score=1.0))
        new = await regrade(client, old["run_id"])

    assert (old["grader_results"][0]["score"], new["grader_results"][0]["score"]) == (0.25, 1.0)
    assert "warnings" not in new


async def test_a_run_that_ended_early_is_graded_as_far_as_it_came(tmp_path: Path) -> None:
    """Of a run that was given up, the examples with all their repeats take part; the others are counted."""
    model = FakeModel()

    async def three_and_a_half(text: str) -> str:
        if len(model.asked) > 7:
            raise RuntimeError("a fault")
        return text

    model.answer = three_and_a_half
    config = nine(tmp_path, repeats=2, concurrency=1)
    async with serving(config, model) as client:
        old = await client.run()
        new = await regrade(client, old["run_id"])

    assert (old["status"], len(model.asked)) == ("error", 8)
    assert [one["id"] for one in new["examples"]] == ["ex-0", "ex-1", "ex-2"]
    text = f"6 of 9 examples of harness 'qa-v1' of suite 'qa' are left out: {old['run_id']} did not record them"
    assert (new["warnings"], new["verdict"]) == ([text], "PASS")
    assert new["grader_results"][0]["n"] == 3
    assert logged(config, "started")[1].body["harnesses"][0] | {"manifest": ""} == {
        "suite": "qa",
        "harness": "qa-v1",
        "manifest": "",
        "rows": 9,
        "examples": 3,
        "repeats": 2,
    }


async def test_a_run_without_any_answer_has_nothing_to_grade(tmp_path: Path) -> None:
    """One that ended before its first example: 400, with the reason."""
    config = nine(tmp_path)

    async def fail(_text: str) -> str:
        raise RuntimeError("a fault")

    async with serving(config, FakeModel(fail)) as client:
        old = await client.run()
        status, kind, detail = await refused(client, old["run_id"])

    assert (status, kind) == (400, "no-examples")
    assert "recorded no answer for any of its examples" in detail


async def test_a_full_queue_refuses(tmp_path: Path) -> None:
    """429, as for any run."""
    go_on = asyncio.Event()

    async def wait(text: str) -> str:
        await go_on.wait()
        return text

    model = FakeModel()
    limits = queue.Limits(active_runs=1, waiting_runs=0)
    async with serving(nine(tmp_path), model, limits=limits) as client:
        old = await client.run()
        model.answer = wait
        run_id = await client.start()
        assert (await refused(client, old["run_id"]))[:2] == (429, "too-many-runs")
        go_on.set()
        await client.over(run_id)


@st.composite
def projects(draw: st.DrawFn) -> dict[str, Any]:
    """Ways to set up the same nine examples: graders, marks, weights, repeats, thresholds, statistics."""
    weights = draw(st.sampled_from([{}, {"weight": 1}, {"weight": 3}]))
    marks = draw(st.sampled_from([{}, {"pass_at": 0.5}, {"threshold": 0.4}]))
    graders = [{**EXACT, **weights, **marks}, {**CONTAINS, **weights}, {**judge(**SHORT), **weights}]
    statistics = {"use_lower_bound": draw(st.booleans()), "max_error_rate": draw(st.sampled_from([0.1, 0.5]))}
    return {
        "graders": graders[: draw(st.integers(1, 3))],
        "harness": {"repeats": draw(st.integers(1, 3)), "concurrency": 4},
        "suites": [suite("qa", "qa-v1", thresholds={"overall": draw(st.sampled_from([0.2, 0.5, 0.9]))})],
        "statistics": statistics,
    }


@given(projects())
@settings(max_examples=200 if os.environ.get("MATCHSPEC_TEST_LONG") else 12, deadline=None)
def test_unchanged_files_give_the_same(project: dict[str, Any]) -> None:
    """The same document but for id and times, down to the intervals; also where a judge grades too."""

    async def both(config: Path) -> None:
        async with serving(config, Services(mostly_right)) as client:
            old = await client.run()
            assert outcome(await regrade(client, old["run_id"])) == outcome(old)

    with TemporaryDirectory() as folder:
        asyncio.run(both(write_project(Path(folder), examples=examples(9), model=HTTP, **project)))
