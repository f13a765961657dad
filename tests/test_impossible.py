"""Logs whose chain is right and whose events no run could have: they are told in a sentence, never by a traceback."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from calling import call
from facts import AT
from made_logs import db_of
from running import serving
from tampering import count, insert, past_the_triggers, rechain

from domain.errors import LogUnreadable

NEW_RUN = "run-20260315-143022-0000"


def old_run(folder: Path) -> str:
    """The run that was over first."""
    with closing(sqlite3.connect(db_of(folder))) as log:
        query = "SELECT run_id FROM events WHERE type = 'finished' ORDER BY position LIMIT 1"
        ((run_id,),) = log.execute(query).fetchall()
    return str(run_id)


def append(folder: Path, run_id: str, name: str, at: str = AT) -> str:
    """Put the first event of a type behind the end of the log, in any run; gives how it is named in messages."""
    with past_the_triggers(db_of(folder)) as log:
        query = "SELECT body FROM events WHERE type = ? ORDER BY position LIMIT 1"
        ((body,),) = log.execute(query, (name,)).fetchall()
        ((version,),) = log.execute("SELECT ifnull(max(version), 0) + 1 FROM events WHERE run_id = ?", (run_id,))
        position = count(log) + 1
        insert(log, (position, run_id, version, name, at, body, b"", b""))
        rechain(log, position)
    return f"event {version} of {run_id} ({name}) can't follow what is before it"


def change_rows(folder: Path, run_id: str) -> str:
    """Let a score of a run be of a row that no dataset has."""
    with past_the_triggers(db_of(folder)) as log:
        query = "SELECT position, version, body FROM events WHERE run_id = ? AND type = 'example_scored' LIMIT 1"
        position, version, body = log.execute(query, (run_id,)).fetchone()
        body = re.sub(rb'"row":\d+', b'"row":1000000', body)
        log.execute("UPDATE events SET body = ? WHERE position = ?", (body, position))
        rechain(log, position)
    (db_of(folder).with_name("matchspec.db.checkpoint")).unlink()
    return f"event {version} of {run_id} (example_scored) can't follow what is before it"


async def refused_start(folder: Path) -> str:
    """What a start says that is refused."""
    with pytest.raises(LogUnreadable) as refused:
        async with serving(folder / "matchspec.yml"):
            pass
    return str(refused.value)


@pytest.mark.parametrize(("again", "name"), [(True, "finished"), (True, "started"), (False, "finished")])
async def test_a_start_that_meets_an_impossible_end_is_refused(folder: Path, again: bool, name: str) -> None:
    """A second end or start of a run, and the end of a run that never started; the other commands exit with 3."""
    run_id = old_run(folder)
    said = append(folder, run_id if again else NEW_RUN, name)

    assert (await refused_start(folder)).startswith(said)
    for arguments in (["report"], ["report", run_id], ["export", run_id]):
        called = await asyncio.to_thread(call, folder, *arguments)
        assert (called.code, said in called.stderr) == (3, True), called


async def test_a_start_that_meets_an_impossible_score_is_refused(folder: Path) -> None:
    """An unfinished run, which a start folds, with a score of a row that is none of its own."""
    append(folder, NEW_RUN, "started")
    append(folder, NEW_RUN, "example_scored")
    said = change_rows(folder, NEW_RUN)
    assert (await refused_start(folder)).startswith(said)


async def test_an_unfinished_run_with_an_impossible_time_is_refused(folder: Path) -> None:
    """Its duration could not be told."""
    said = append(folder, NEW_RUN, "started", at="yesterday")
    assert (await refused_start(folder)).startswith(said)


async def test_a_finished_run_that_can_not_be_folded_is_told_by_the_api(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Start and listing go on; its document is a problem with a sentence, as it is and as it was."""
    run_id = old_run(folder)
    said = change_rows(folder, run_id)
    async with serving(folder / "matchspec.yml") as client:
        assert (await client.http.get("/results")).status_code == 200
        for path in (f"/results/{run_id}", f"/results/{run_id}?at=1000"):
            last = (await client.http.get(f"/results/{run_id}/log")).text.count("\n")
            response = await client.http.get(path.replace("1000", str(last)))
            assert response.status_code == 500
            assert response.json()["detail"].startswith(said)
    assert not any(record.exc_info for record in caplog.records)
    called = await asyncio.to_thread(call, folder, "report", run_id)
    assert (called.code, said in called.stderr) == (3, True)


async def test_an_event_behind_the_end_is_told_where_the_run_is_folded_up_to_it(folder: Path) -> None:
    """A start does not read it; `?at` does."""
    run_id = old_run(folder)
    said = append(folder, run_id, "example_scored")
    version = re.search(r"event (\d+) of ", said)
    assert version
    async with serving(folder / "matchspec.yml") as client:
        response = await client.http.get(f"/results/{run_id}?at={version[1]}")
    assert response.status_code == 500
    assert response.json()["detail"].startswith(said)


def test_replay_finds_what_stands_where_no_run_could_have_it(folder: Path) -> None:
    """A run without a start, an event behind an end, one of a run in the run `log`; exit 1."""
    run_id = old_run(folder)
    append(folder, run_id, "finished")
    append(folder, NEW_RUN, "example_scored")
    append(folder, "log", "started")

    called = call(folder, "replay")

    assert called.code == 1
    assert "✗ log: event 2 (started) is no fact of the log\n" in called.stdout
    assert f"? {NEW_RUN}: can't be replayed: its first event is not started\n" in called.stdout
    assert re.search(rf"✗ {run_id}: .*\n    event \d+ \(finished\) can't follow what is before it: ", called.stdout)
    called = call(folder, "replay", NEW_RUN)
    assert called.code == 3
    assert "its first event is not started" in called.stdout
