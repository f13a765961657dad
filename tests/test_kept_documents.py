"""The document of a run that is over is read from the log once, and then given as it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from project import examples, write_project
from running import serving

from service.api.kept import KeptDocuments
from service.results import ResultReader


async def parts(*pieces: bytes) -> AsyncIterator[bytes]:
    """A document on its way."""
    for piece in pieces:
        yield piece


async def passed_on(kept: KeptDocuments, run_id: str, *pieces: bytes) -> bytes:
    """What a reader gets of a document that is kept on its way."""
    return b"".join([part async for part in kept.keeping((run_id, "all"), parts(*pieces))])


async def test_a_document_that_was_given_whole_is_kept() -> None:
    """The reader gets the same bytes, and the next one does."""
    kept = KeptDocuments(10)
    assert await passed_on(kept, "a", b"12", b"345") == b"12345"
    assert kept.get(("a", "all")) == b"12345"
    assert kept.get(("a", "none")) is None


async def test_a_document_that_was_not_given_whole_is_not_kept() -> None:
    """A reader that goes away half-way leaves nothing."""
    kept = KeptDocuments(10)
    async for _ in kept.keeping(("a", "all"), parts(b"12", b"345")):
        break
    assert kept.get(("a", "all")) is None


async def test_the_documents_asked_for_last_are_kept() -> None:
    """Up to so many bytes in all; one that is larger than that is handed on, and drives no other out."""
    kept = KeptDocuments(10)
    for run_id in "ab":
        await passed_on(kept, run_id, b"12345")
    assert kept.get(("a", "all"))
    assert await passed_on(kept, "large", b"123456", b"789012", b"3") == b"1234567890123"
    await passed_on(kept, "c", b"12345")

    assert [run_id for run_id in ("a", "b", "c", "large") if kept.get((run_id, "all")) is not None] == ["a", "c"]


async def test_a_result_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer has the status, tag and bytes of the first; other examples are another document."""
    reads = 0
    read = ResultReader.entries

    def counted(*arguments: object) -> AsyncIterator[list[bytes]]:
        nonlocal reads
        reads += 1
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ResultReader, "entries", counted)
    async with serving(write_project(tmp_path, examples=examples(3))) as client:
        path = f"/results/{(await client.run())['run_id']}"
        reads = 0
        some = [await client.http.get(f"{path}?examples=failed") for _ in range(3)]
        assert reads == 1
        assert len({(one.status_code, one.headers["etag"], one.content) for one in some}) == 1
        whole = await client.http.get(path)
        assert len(whole.json()["examples"]) == 3
        assert (await client.http.head(path)).content == b""
