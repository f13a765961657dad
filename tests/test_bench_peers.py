"""`./scripts/bench --peers` without the network: what it reads, what it prints, and matchspec's own part of it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.peers import environments, promptfoo, pydantic_evals
from benchmarks.peers.contestants import contestants
from benchmarks.peers.killing import Killed
from benchmarks.peers.rounds import Found, kill_all, measure
from benchmarks.peers.tables import Taken, killed_table, taken_table
from benchmarks.peers.work import Scores, Work, right_scores
from benchmarks.sizes import Case


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Eight examples, two at once, in a folder of their own."""
    return Work(tmp_path, Case(8, 2, 50), "http://127.0.0.1:1/v1")


def test_medians_stand_beside_matchspec_run_and_those_missing_say_why() -> None:
    """Each figure's median of the rounds: 3 s of CPU for 1,000 examples are 3 ms each, and twice those of matchspec."""
    found = {
        "matchspec run": [
            Taken(2.0, 1.5, 60.0, 600_000),
            Taken(4.0, 1.0, 40.0, 600_000),
            Taken(3.0, 2.0, 50.0, 600_000),
        ],
        "promptfoo": [Taken(30.0, 3.0, 400.0, 5_000_000)],
    }
    lines = list(taken_table(Case(1_000, 50, 50), found, {"Inspect AI": "pip failed"}))
    assert lines[0] == "**1,000 examples, 50 at once, 50 ms** (the model alone takes 1.00 s):"
    assert lines[-3:] == [
        "| matchspec run | 1 | 1 | 1.5 | 3.00 | 3 | 50 | 600 |",
        "| promptfoo | 2 | 10 | 3 | 30.00 | 30 | 400 | 5,000 |",
        "| Inspect AI | not measured: pip failed |  |  |  |  |  |  |",
    ]


def test_what_a_kill_took_away_is_told_round_by_round() -> None:
    """Answered but not stored is lost."""
    rounds = [Killed(1_003, 990, 13, 2_000, "resume"), Killed(1_001, 1_001, 0, 1_999, "resume")]
    lines = list(killed_table(Case(2_000, 32, 50), {"promptfoo": rounds}))
    assert lines[-1] == "| promptfoo | 1,003, 1,001 | 990, 1,001 | 13, 0 | 13, 0 | 2,000, 1,999 | resume |"


def test_promptfoo_counts_an_example_once_and_no_errors(work: Work) -> None:
    """Of four rows one repeats an example and one is an error (failure reason 2): two examples are left."""
    promptfoo.store(work).mkdir()
    rows = [(0, [True, True, True], 0), (1, [False, False, True], 1), (1, [False, False, True], 1), (2, [], 2)]
    with closing(sqlite3.connect(promptfoo.store(work) / "promptfoo.db")) as database, database:
        database.execute("CREATE TABLE eval_results (test_idx, grading_result, failure_reason)")
        for number, passed, reason in rows:
            result = json.dumps({"componentResults": [{"pass": one} for one in passed]})
            database.execute("INSERT INTO eval_results VALUES (?, ?, ?)", (number, result, reason))
    assert promptfoo.scores(work.folder, work) == Scores(answered=2, exact=1, contains=1, brief=2)


def test_a_killed_run_of_pydantic_evals_left_nothing(work: Work) -> None:
    """It writes its report at the end."""
    assert pydantic_evals.scores(work.folder, work) == Scores()
    assertions = {"EqualsExpected": {"value": False}, "ContainsExpected": {"value": True}, "Brief": {"value": True}}
    pydantic_evals.store(work).write_text(json.dumps({"cases": [{"assertions": assertions}]}))
    assert pydantic_evals.scores(work.folder, work) == Scores(answered=1, exact=0, contains=1, brief=1)


def test_a_peer_that_cannot_be_installed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pip said last is the reason, and the others go on; the next time it is tried anew."""
    pip = tmp_path / "pip"
    pip.write_text("#!/bin/sh\necho no route to the index >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environments, "_base_python", lambda: pip)
    missing: dict[str, str] = {}
    found = list(contestants({"matchspec run", "Inspect AI"}, missing))
    assert [one.name for one in found] == ["matchspec run"]
    assert missing == {"Inspect AI": "pip failed: no route to the index"}
    assert not list(tmp_path.rglob("ready"))


def test_a_reason_is_what_the_tool_said_of_errors() -> None:
    """npm's first lines have it and its last a path; no line of it ends a cell of a table."""
    said = "npm warn old\nnpm error code ETARGET\nnpm error none | found\n\nnpm error A complete log is in /tmp/x\n"
    assert environments.reason(said) == "npm error code ETARGET; npm error none / found"
    assert environments.reason("") == "it said nothing"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_both_ways_to_run_matchspec_are_measured_and_killed() -> None:
    """A run of each gives the scores it must; one that is killed ends whole, and loses only what was under way."""
    found, case = Found(), Case(160, 4, 50)
    both = list(contestants({"matchspec serve", "matchspec run"}, found.missing))
    measure(found, both, case, rounds=1)
    kill_all(found, both, case, rounds=1)
    assert not found.missing
    assert {name: len(rounds) for name, rounds in found.taken[case].items()} == {
        "matchspec serve": 1,
        "matchspec run": 1,
    }
    assert all(
        one.wall >= case.ideal and one.cpu and one.peak_mb and one.stored for (one,) in found.taken[case].values()
    )
    for (killed,) in found.killed.values():
        assert killed.final == right_scores(case.examples).answered
        assert killed.answered >= case.examples // 2
        assert 0 <= killed.lost <= case.concurrency
        assert killed.again == killed.lost
