"""A run taken out of its log, with what proves it: `docs/log-format.md#an-exported-run`."""

import hashlib
from collections.abc import AsyncIterator

from domain import chain, codec
from domain.chain import Head
from domain.errors import LogUnreadable, RunNotFound
from domain.events import ExamplesPinned, Finished, Started
from domain.examples import decode_manifest
from domain.export import FORMAT, LEAVES, ContentLine, EndLine, EventLine, Header, LeavesLine, encode_export_line
from service.log.reading import LogReader
from service.log.row import StoredEvent


class Export:
    """The export of one run, as it stands when the first line is read; `events` and `finished` are known at the end."""

    def __init__(self, log: LogReader, run_id: str) -> None:
        self.events = 0
        self.finished: Finished | None = None
        self._log = log
        self._run_id = run_id
        self._end = Head(0, chain.START)
        self._leaves: list[str] = []
        self._plan: list[str] = []
        self._manifests: dict[str, None] = {}

    async def lines(self) -> AsyncIterator[bytes]:
        """Give the file line by line, each of bounded size; RunNotFound where the log has no such run."""
        whole = hashlib.sha256()
        async for line in self._all_but_the_end():
            whole.update(line)
            yield line
        yield encode_export_line(EndLine(self._end.position, self._end.hash.hex(), whole.hexdigest()))

    async def _all_but_the_end(self) -> AsyncIterator[bytes]:
        first = await self._log.read_one(self._run_id, 1)
        last = await self._log.read_one(self._run_id, await self._log.last_version(self._run_id))
        if first is None or last is None:
            raise RunNotFound(f"there is no run '{self._run_id}' in {self._log.address}")
        before = await self._log.read_head(first.position - 1)
        log_id = (await self._log.check_format()).log_id
        yield encode_export_line(Header(FORMAT, self._run_id, log_id, before.position, before.hash.hex()))
        async for page in self._log.read_between(before.position, last.position, self._run_id):
            for stored in page:
                for line in self._take(stored):
                    yield line
        async for line in self._contents():
            yield line

    def _take(self, stored: StoredEvent) -> list[bytes]:
        """Take in the log's next event; gives the lines that are ready."""
        if stored.run_id != self._run_id:
            self._leaves.append(stored.leaf.hex())
            return self._flush() if len(self._leaves) == LEAVES else []
        self.events += 1
        self._end = Head(stored.position, stored.hash)
        self._note_names(stored)
        line = EventLine(stored.position, stored.version, stored.type, stored.at, _text(stored.body), stored.hash.hex())
        return [*self._flush(), encode_export_line(line)]

    def _flush(self) -> list[bytes]:
        leaves, self._leaves = self._leaves, []
        return [encode_export_line(LeavesLine("".join(leaves)))] if leaves else []

    def _note_names(self, stored: StoredEvent) -> None:
        if stored.type not in ("started", "examples_pinned", "finished"):
            return
        event = codec.decode(stored.type, stored.body)
        if isinstance(event, Finished):
            self.finished = event
        if isinstance(event, Started):
            self._plan.append(event.plan)
            self._manifests |= {event.baseline.scores: None} if event.baseline else {}
        if isinstance(event, Started | ExamplesPinned):
            self._manifests |= dict.fromkeys(one.manifest for one in event.harnesses if one.manifest)

    async def _contents(self) -> AsyncIterator[bytes]:
        """Each once: the plan, then each manifest with its blocks behind it."""
        for plan in self._plan:
            yield await self._content(plan)
        given: set[str] = set()
        for manifest in self._manifests:
            yield await self._content(manifest)
            for block in decode_manifest(await self._log.read_content(manifest)).blocks:
                if block.digest not in given:
                    given.add(block.digest)
                    yield await self._content(block.digest)

    async def _content(self, digest: str) -> bytes:
        return encode_export_line(ContentLine(digest, _text(await self._log.read_content(digest))))


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise LogUnreadable(f"the log holds bytes that are not UTF-8: {error}") from error
