"""Pins datasets: their rows are checked and stored in blocks, in bounded transactions, before a run names them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from domain.events import PinnedHarness
from domain.examples import (
    Block,
    Cut,
    Example,
    Manifest,
    cut_blocks,
    decode_manifest,
    digest,
    encode_manifest,
    is_selected,
)
from domain.plan import Plan
from service.execution.world import World
from service.files.datasets import read_dataset
from service.files.harness_file import DatasetPath
from service.log.event_log import Content
from service.log.reading import LogReader
from service.writer import Writer

SLICE_BYTES = 4_000_000

ReadExamples = Callable[[], Iterator[Example]]
"""Begins to read a dataset, checking each row; raises InvalidFiles."""


class Pinned(NamedTuple):
    """A dataset in the log: its manifest's digest, its rows, and how many of them carry each set of tags."""

    manifest: str
    rows: int
    tag_sets: Counter[frozenset[str]]

    def fill(self, harness: PinnedHarness, suite_tags: Iterable[str], tags: Iterable[str]) -> PinnedHarness:
        """Name it in a harness that waits for its dataset, with the number of rows that take part."""
        of_suite, of_request = frozenset(suite_tags), frozenset(tags)
        selected = sum(rows for carried, rows in self.tag_sets.items() if is_selected(carried, of_suite, of_request))
        return replace(harness, manifest=self.manifest, rows=self.rows, examples=selected)


async def pin_dataset(read: ReadExamples, writer: Writer) -> Pinned:
    """Store a dataset's blocks and its manifest. What was stored before a mistake was found stays, unnamed."""
    tag_sets: Counter[frozenset[str]] = Counter()
    cuts = cut_blocks(_counting(read(), tag_sets))
    blocks: list[Block] = []
    while contents := await asyncio.to_thread(_slice, cuts, blocks):
        await writer.store(contents)
    manifest = encode_manifest(Manifest(rows=sum(block.rows for block in blocks), blocks=blocks))
    await writer.store([Content(digest(manifest), manifest)])
    return Pinned(digest(manifest), tag_sets.total(), tag_sets)


async def copy_examples(harnesses: Iterable[PinnedHarness], source: LogReader, world: World) -> None:
    """Store the pinned examples of harnesses that another log has, unless it is the same one."""
    if source.address == world.log.address:
        return
    for manifest in dict.fromkeys(harness.manifest for harness in harnesses if harness.manifest):
        content = await source.read_content(manifest)
        for block in decode_manifest(content).blocks:
            await world.writer.store([Content(block.digest, await source.read_content(block.digest))])
        await world.writer.store([Content(manifest, content)])


async def pin_plan(plan: Plan, harnesses: Iterable[PinnedHarness], folder: Path, writer: Writer) -> list[PinnedHarness]:
    """Pin what a start left for later, from the files as they are now; `folder` is where the config stands."""
    return [harness if harness.manifest else await _pin_harness(plan, harness, folder, writer) for harness in harnesses]


async def _pin_harness(plan: Plan, harness: PinnedHarness, folder: Path, writer: Writer) -> PinnedHarness:
    suite, planned = plan.harness(harness.suite, harness.harness)
    dataset = DatasetPath(planned.dataset, folder / planned.dataset)
    pinned = await pin_dataset(partial(read_dataset, dataset, stop_at_first=True), writer)
    return pinned.fill(harness, suite.tags, plan.tags)


def _counting(examples: Iterator[Example], tag_sets: Counter[frozenset[str]]) -> Iterator[Example]:
    for example in examples:
        tag_sets[frozenset(example.tags)] += 1
        yield example


def _slice(cuts: Iterator[Cut], blocks: list[Block]) -> list[Content]:
    contents: list[Content] = []
    size = 0
    for cut in cuts:
        name = digest(cut.content)
        blocks.append(Block(name, cut.rows))
        contents.append(Content(name, cut.content))
        size += len(cut.content)
        if size >= SLICE_BYTES:
            break
    return contents
