"""The first look at a run that was over before the server's start: its events are read again, once for all who ask."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from project import examples, write_project
from running import FakeModel, serving

from domain.errors import LogUnavailable
from domain.stretch import Stretch
from service.log.reading import LogReader


async def test_those_who_ask_at_the_same_time_share_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five at once have the run's events read once, whatever they ask for; the next one reads none."""
    config = write_project(tmp_path, examples=examples(4))
    async with serving(config, FakeModel()) as client:
        run_id = (await client.run())["run_id"]
    fold_run = LogReader.fold_run
    found: list[int] = []

    async def note(log: LogReader, run_id: str, take: Callable[[Stretch], None]) -> None:
        def noted(stretch: Stretch) -> None:
            found.extend(range(stretch.version, stretch.version + len(stretch.events)))
            take(stretch)

        await fold_run(log, run_id, noted)

    async with serving(config, FakeModel()) as client:
        monkeypatch.setattr(LogReader, "fold_run", note)
        paths = [f"/results/{run_id}"] * 3 + [f"/results/{run_id}/examples", f"/results/{run_id}?examples=none"]
        answered = await asyncio.gather(*map(client.http.get, paths))
        answered.append(await client.http.get(paths[0]))
    assert [one.status_code for one in answered] == [200] * 6
    assert found == [1, 2, 3, 4, 5, 6]


async def test_a_reading_that_failed_is_told_to_all_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 to both who asked meanwhile, 200 once the log can be read."""
    config = write_project(tmp_path)
    async with serving(config, FakeModel()) as client:
        run_id = (await client.run())["run_id"]

    fold_run = LogReader.fold_run

    async def fails(log: LogReader, run_id: str, take: Callable[[Stretch], None]) -> None:
        await fold_run(log, run_id, take, up_to=1)
        raise LogUnavailable("the log can't be read: broken")

    async with serving(config, FakeModel()) as client:
        with monkeypatch.context() as patch:
            patch.setattr(LogReader, "fold_run", fails)
            both = await asyncio.gather(*(client.http.get(f"/results/{run_id}") for _ in range(2)))
        after = await client.http.get(f"/results/{run_id}")
    assert [one.status_code for one in (*both, after)] == [503, 503, 200]
