"""`matchspec export`, and the program of docs/log-format.md that checks what it writes."""

import asyncio
import hashlib
import json
import os
import random
import runpy
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from calling import call, run_logs
from doc_pages import LOG_FORMAT, block
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, Document, FakeModel, log_of, serving

from domain.export import LEAVES
from service.log.exporting import Export
from service.log.opening import connect_reader

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))
CHANGES = 1_500 if LONG else 400
UNKNOWN = "run-20260315-143022-a3f7"
USED = ("export", "run_id", "position", "hash", "leaves", "version", "type", "at", "body", "digest", "content")
"""The fields that say something of the run: `log_id` is covered by no hash of it."""


class Exported(NamedTuple):
    """A project whose server recorded several runs side by side, its runs' documents, and the exports by run."""

    config: Path
    documents: Mapping[str, Document]
    files: Mapping[str, Path]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checking program as it is printed."""
    path = tmp_path_factory.mktemp("program") / "check_export.py"
    path.write_text(block(LOG_FORMAT, "check_export.py"))
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Runs with tags, repeats, several suites, texts of any script, model errors; one of them of a single example."""
    folder = tmp_path_factory.mktemp("project")
    for name, count, repeats in (("größe", 7, 1), ("twice", 4, 2), ("many", 40, 1)):
        rows = [
            row | {"tags": ["日本"] if n % 2 else [], "metadata": {"🦉": n}} for n, row in enumerate(examples(count))
        ]
        write_harness(folder, name, examples=rows, model=HTTP, repeats=repeats)
    config = write_config(
        folder, [suite("one", "größe"), suite("two", "twice", "many"), suite("all", "größe", "twice")]
    )
    documents = asyncio.run(_record(config))
    for run_id in documents:
        called = call(folder, "export", run_id)
        assert (called.code, called.stderr) == (0, "")
    return Exported(config, documents, {run_id: folder / f"{run_id}.jsonl" for run_id in documents})


async def _record(config: Path) -> dict[str, Document]:
    chance = random.Random(7)

    async def answer(text: str) -> str | httpx.Response:
        await asyncio.sleep(chance.random() / 300)
        replies: list[str | httpx.Response] = [text, text, f"größer \u2028 🦉\n{text}", httpx.Response(500)]
        return chance.choice(replies)

    async with serving(config, FakeModel(answer)) as client:
        asked: list[Document] = [{}, {"suite": "two"}, {"suite": "one", "tags": ["日本"]}, {"suite": "all"}]
        runs = [await client.start(**body) for body in asked]
        return {run_id: await client.over(run_id) for run_id in runs}


def check(program: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Run the program on a file; it sees nothing of ours."""
    command = [sys.executable, "-I", "-S", str(program), str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def verdict_on(program: Path, content: bytes, folder: Path) -> str | None:
    """Run the program in this process; gives what it finds wrong, None where nothing is."""
    file = folder / "changed.jsonl"
    file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(program), str(file)])
        try:
            runpy.run_path(str(program))
        except SystemExit as ended:
            return str(ended.code)
    return None


def smallest(exported: Exported) -> bytes:
    """The shortest export that has events of others in between."""
    contents = [path.read_bytes() for path in exported.files.values()]
    return min((content for content in contents if b'{"leaves":' in content), key=len)


def test_exports_of_real_runs_are_accepted(exported: Exported, program: Path) -> None:
    """Of each run its status, verdict, number of events, and the place in the log that its result names."""
    between = 0
    for run_id, document in exported.documents.items():
        done = check(program, exported.files[run_id])
        with closing(sqlite3.connect(log_of(exported.config))) as database:
            ((count,),) = database.execute("SELECT count(*) FROM events WHERE run_id = ?", (run_id,))
        place, end = document["log"], ", ".join([document["status"], *filter(None, [document.get("verdict")])])
        expected = f"{run_id}: {end}, {count} events; position {place['position']}, hash {place['hash']}\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
        between += exported.files[run_id].read_bytes().count(b'{"leaves":')
    assert between > 5


def test_an_export_holds_the_run_and_nothing_of_others(exported: Exported) -> None:
    """Its events' stored bytes, and the contents that they name, each once; of other runs not even their ids."""
    with closing(sqlite3.connect(log_of(exported.config))) as database:
        events = database.execute("SELECT run_id, body FROM events WHERE position > 1 ORDER BY position").fetchall()
        contents = {digest.hex(): content for digest, content in database.execute("SELECT * FROM contents")}
    for run_id, path in exported.files.items():
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert [one["body"].encode() for one in lines if "body" in one] == [
            body for one, body in events if one == run_id
        ]
        pinned = {one["digest"]: one["content"].encode() for one in lines if "content" in one}
        assert len(pinned) == sum("content" in one for one in lines)
        assert pinned.items() <= contents.items()
        assert not [other for other in exported.files if other != run_id and other in path.read_text()]


def changes(content: bytes) -> Iterator[bytes]:
    """The same bytes with one of them changed, at places spread over the whole."""
    chance = random.Random(11)
    for place in sorted(chance.sample(range(len(content)), min(CHANGES, len(content)))):
        other = chance.choice([content[place] ^ (1 << chance.randrange(8)), *b'0"\\ {}\n'])
        if other != content[place]:
            yield content[:place] + bytes([other]) + content[place + 1 :]


@pytest.mark.timeout(600)
def test_every_changed_byte_is_found(exported: Exported, program: Path, tmp_path: Path) -> None:
    """Whatever byte becomes another one, anywhere in the file (seed 11)."""
    content = smallest(exported)
    assert verdict_on(program, content, tmp_path) is None
    for changed in changes(content):
        assert verdict_on(program, changed, tmp_path) is not None or changed.rstrip() == content.rstrip(), changed


def sealed(content: bytes) -> bytes:
    """An export whose end was made to fit, as someone who changes it on purpose would."""
    lines = content.splitlines(keepends=True)
    try:
        end = json.loads(lines[-1])
    except ValueError:
        return content
    if not isinstance(end, dict):
        return content
    end["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return b"".join(lines[:-1]) + json.dumps(end).encode()


def meaning(content: bytes) -> list[tuple[object, ...]]:
    """What an export says of its run."""
    lines = [json.loads(line) for line in content.splitlines()[:-1]]
    for line in lines:
        for name in {"hash", "leaves"} & line.keys():
            line[name] = bytes.fromhex(line[name])
    return [tuple(line.get(name) for name in USED) for line in lines]


@pytest.mark.timeout(600)
def test_every_change_of_meaning_is_found_by_the_chain(exported: Exported, program: Path, tmp_path: Path) -> None:
    """Also where the end was made to fit, one changed byte is found, or changes nothing of what is said (seed 11)."""
    content = smallest(exported)
    assert verdict_on(program, sealed(content), tmp_path) is None
    found = 0
    for changed in map(sealed, changes(content)):
        if verdict_on(program, changed, tmp_path) is None:
            assert meaning(changed) == meaning(content)
        else:
            found += 1
    assert found > CHANGES // 2


def test_a_cut_file_is_found(exported: Exported, program: Path, tmp_path: Path) -> None:
    """Wherever it ends early: within a line, behind any line, at its start."""
    content = smallest(exported)
    behind_lines = [place + 1 for place, byte in enumerate(content[:-1]) if byte == ord("\n")]
    within = random.Random(3).sample(range(1, len(content) - 1), 60)
    for place in [0, *behind_lines, *within]:
        assert verdict_on(program, content[:place], tmp_path), place


def without(lines: list[bytes], start: bytes, number: int = 0) -> bytes:
    """An export without one of the lines that begin so, and an end that fits."""
    place = [place for place, line in enumerate(lines) if line.startswith(start)][number]
    return sealed(b"".join(lines[:place] + lines[place + 1 :]))


def test_lines_taken_out_put_twice_or_exchanged_are_found(exported: Exported, program: Path, tmp_path: Path) -> None:
    """An event, leaves, pinned contents, the header: with an end that fits."""
    lines = smallest(exported).splitlines(keepends=True)
    events = [place for place, line in enumerate(lines) if b'"body":' in line]
    one, two = events[1:3]
    twice = b"".join([*lines[: one + 1], lines[one], *lines[one + 1 :]])
    exchanged = b"".join([*lines[:one], lines[two], *lines[one + 1 : two], lines[one], *lines[two + 1 :]])
    for changed in (
        without(lines, b'{"position":', 1),
        without(lines, b'{"leaves":'),
        without(lines, b'{"digest":'),
        without(lines, b'{"digest":', -1),
        without(lines, b'{"export":'),
        sealed(twice),
        sealed(exchanged),
        b"".join([*lines, lines[-1]]),
    ):
        assert verdict_on(program, changed, tmp_path)


def test_what_is_wrong_is_told(exported: Exported, program: Path, tmp_path: Path) -> None:
    """The event that was changed is named, on stderr, and the exit code is 1."""
    file = tmp_path / "changed.jsonl"
    file.write_bytes(smallest(exported).replace(b'\\"repeat\\":0', b'\\"repeat\\":9', 1))
    done = check(program, file)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not what was recorded" in done.stderr
    assert check(program, tmp_path / "none.jsonl").returncode == 1


async def test_a_run_beside_a_live_server_as_it_stands(tmp_path: Path, program: Path) -> None:
    """Two of three examples are recorded while the model thinks: the export has the start and both, and is whole."""
    thinks = asyncio.Event()

    async def answer(text: str) -> str:
        if text == "q2":
            await thinks.wait()
        return text

    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        run_id = await client.start()
        async with asyncio.timeout(20):
            while (await client.get(run_id))["progress"]["completed"] < 2:
                await asyncio.sleep(0.002)
        reader = await connect_reader(log_of(config))
        exported = Export(reader, run_id)
        content = b"".join([line async for line in exported.lines()])
        await reader.close()
        thinks.set()
        await client.over(run_id)
    (tmp_path / "soon.jsonl").write_bytes(content)
    done = check(program, tmp_path / "soon.jsonl")
    assert done.stdout.startswith(f"{run_id}: not over, 3 events; position 4, hash ")
    assert (exported.events, exported.finished) == (3, None)


async def test_many_events_of_others_stand_in_lines_of_a_thousand(tmp_path: Path, program: Path) -> None:
    """A run that waits for 1,050 examples of another has two lines of leaves in between."""
    write_harness(tmp_path, "slow", examples=examples(1), model=HTTP)
    write_harness(tmp_path, "many", examples=examples(1_050), concurrency=50)
    config = write_config(tmp_path, [suite("slow", "slow"), suite("many", "many")])
    thinks = asyncio.Event()

    async def answer(text: str) -> str:
        await thinks.wait()
        return text

    async with serving(config, FakeModel(answer)) as client:
        run_id = await client.start(suite="slow")
        await client.run(suite="many")
        thinks.set()
        await client.over(run_id)
        reader = await connect_reader(log_of(config))
        lines = [line async for line in Export(reader, run_id).lines()]
        await reader.close()
    leaves = [json.loads(line)["leaves"] for line in lines if line.startswith(b'{"leaves":')]
    assert [len(one) // 64 for one in leaves] == [LEAVES, 52]  # started, 1,050 scores, finished
    assert verdict_on(program, b"".join(lines), tmp_path) is None


def test_where_the_file_goes(tmp_path: Path, program: Path) -> None:
    """To RUN_ID.jsonl here, to a file that is named, to stdout; never over a file without --force."""
    write_project(tmp_path)
    call(tmp_path, "run")
    (log,) = run_logs(tmp_path)
    run_id = log.stem
    first = call(tmp_path, "export", run_id)
    assert (first.code, first.stdout) == (0, f"exported {run_id} to {run_id}.jsonl: 3 events, passed\n")
    content = (tmp_path / f"{run_id}.jsonl").read_bytes()
    assert verdict_on(program, content, tmp_path) is None

    again = call(tmp_path, "export", run_id)
    assert (again.code, again.stderr) == (2, f"matchspec: {run_id}.jsonl is there already; --force overwrites it\n")
    (tmp_path / "other.jsonl").write_text("mine")
    assert call(tmp_path, "export", run_id, "-o", "other.jsonl").code == 2
    assert (tmp_path / "other.jsonl").read_text() == "mine"
    assert call(tmp_path, "export", run_id, "-o", "other.jsonl", "--force").code == 0
    assert (tmp_path / "other.jsonl").read_bytes() == content
    printed = call(tmp_path, "export", run_id, "-o", "-")
    assert (printed.code, printed.stdout.encode()) == (0, content)
    assert printed.stderr == f"exported {run_id}: 3 events, passed\n"


def test_what_can_not_be_exported(tmp_path: Path) -> None:
    """A run that is nowhere is 2, a folder that is not there 3; nothing is left behind."""
    write_project(tmp_path)
    call(tmp_path, "run")
    (log,) = run_logs(tmp_path)
    before = sorted(tmp_path.iterdir())
    unknown = call(tmp_path, "export", UNKNOWN)
    assert (unknown.code, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith(f"matchspec: there is no run '{UNKNOWN}': looked in ")
    assert call(tmp_path, "export", "log").code == 2
    nowhere = call(tmp_path, "export", log.stem, "-o", "none/run.jsonl")
    assert (nowhere.code, nowhere.stdout) == (3, "")
    assert "can't write" in nowhere.stderr
    assert sorted(tmp_path.iterdir()) == before
