"""Runs that are held to a baseline: its scores as they are pinned at the start, and as they are read at the end."""

import asyncio

from domain.baseline import Baseline, BaselineScore, SharedScores, encode_score, hold, read_scores
from domain.errors import LogUnreadable
from domain.events import PinnedBaseline, PinnedHarness
from domain.examples import BLOCK_BYTES, Block, Manifest, decode_line, decode_manifest, digest, encode_manifest
from domain.grader_spec import grader_name
from domain.pairing import Recorded, digest_asked, share
from domain.plan import Plan
from domain.run import Key, Run
from domain.verdict import NOTHING_HELD, Held
from projections.views import Views
from service.comparing import read_examples
from service.execution.old_runs import OldRun
from service.log.event_log import Content
from service.log.reading import LogReader
from service.results import ResultReader
from service.writer import Writer


async def pin_baseline(old: OldRun, writer: Writer) -> PinnedBaseline:
    """Store the scores of a run that is over, in blocks."""
    blocks: list[Block] = []
    lines: list[bytes] = []
    size = 0
    async for example in read_examples(ResultReader(old.log, Views()), old.run_id, old.result):
        asked = digest_asked(example.input, example.expected).hex()
        lines.append(encode_score(BaselineScore(*example.key, example.id, asked, example.scores)))
        size += len(lines[-1])
        if size >= BLOCK_BYTES:
            blocks.append(await _store(lines, writer))
            lines, size = [], 0
    if lines:
        blocks.append(await _store(lines, writer))
    manifest = encode_manifest(Manifest(rows=sum(block.rows for block in blocks), blocks=blocks))
    await writer.store([Content(digest(manifest), manifest)])
    return PinnedBaseline(run_id=old.run_id, scores=digest(manifest))


async def hold_to_baseline(log: LogReader, plan: Plan, run: Run) -> Held:
    """Hold a run that is done to its baseline, by what its log has pinned; to nothing where it has none."""
    pinned = run.started.baseline if run.started else None
    if pinned is None:
        return NOTHING_HELD
    scores = await _read_scores(log, pinned)
    shared: dict[Key, SharedScores] = {}
    for key, harness in run.harnesses.items():
        rows = await _read_rows(log, harness)
        _, planned = plan.harness(*key)
        graders = [grader_name(grader) for grader in planned.graders]
        shared[key] = await asyncio.to_thread(_share, scores.get(key, Recorded()), rows, graders)
    return await asyncio.to_thread(hold, plan, run.tallies, Baseline(pinned.run_id, shared))


async def _store(lines: list[bytes], writer: Writer) -> Block:
    content = b"".join(lines)
    await writer.store([Content(digest(content), content)])
    return Block(digest(content), len(lines))


async def _read_scores(log: LogReader, pinned: PinnedBaseline) -> dict[Key, Recorded]:
    recorded: dict[Key, Recorded] = {}

    def take(content: bytes) -> None:
        for score in read_scores(content):
            examples = recorded.setdefault((score.suite, score.harness), Recorded())
            examples.add(score.id, bytes.fromhex(score.asked), score.scores, passed=False)

    for block in decode_manifest(await log.read_content(pinned.scores)).blocks:
        await asyncio.to_thread(take, await log.read_content(block.digest))
    return recorded


async def _read_rows(log: LogReader, harness: PinnedHarness) -> Recorded:
    """Read what a harness asks, row by row, without scores."""
    if harness.manifest is None:
        raise LogUnreadable(f"the examples of harness '{harness.harness}' are not pinned")
    rows = Recorded()

    def take(content: bytes) -> None:
        for line in content.splitlines():
            example = decode_line(line)
            rows.add(example.id, digest_asked(example.input, example.expected), {}, passed=False)

    for block in decode_manifest(await log.read_content(harness.manifest)).blocks:
        await asyncio.to_thread(take, await log.read_content(block.digest))
    return rows


def _share(base: Recorded, rows: Recorded, graders: list[str]) -> SharedScores:
    shared = share(base, rows)
    return SharedScores(shared.head, shared.changed, {grader: base.scores(grader)[shared.base] for grader in graders})
