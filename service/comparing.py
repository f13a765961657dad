"""Compares two runs that are over, wherever their examples are: in a log, or in a file."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from domain.comparison import Compared, Key, Series, compare_runs, series_of_plan
from domain.differences import Made, tell_differences
from domain.errors import RunNotFound, RunNotOver
from domain.pairing import Places, Recorded, digest_asked
from domain.times import whole_seconds
from projections.listing import ListedRun
from projections.results import Result
from projections.views import Views
from service.comparison_document import (
    AllLeftOut,
    ComparedRun,
    ComparisonDocument,
    FlipDocument,
    LeftOut,
    NamedExample,
)
from service.results import ResultReader

NAMED = 20
"""How many of the examples that are left out for one reason are named."""

FLIPS = 100
"""How many flips of a row are told unless another number is asked for."""

NOT_PINNED = (
    "a result file does not tell dataset, model, graders, weights and settings: whether these differ is not known; "
    "compare the runs by their ids where their logs are here"
)


class ReadExample(msgspec.Struct, frozen=True):
    """What a comparison needs of an example's entry."""

    id: str
    passed: bool
    input: str = ""
    expected: str = ""
    output: str | None = None
    scores: dict[str, float] = {}
    suite: str | None = None
    harness: str | None = None

    @property
    def key(self) -> Key:
        """Where it belongs."""
        return self.suite or "", self.harness or ""


class Side(NamedTuple):
    """One of the two runs: what to tell of it, its examples, and a way to one of them by harness and place.

    `made` is None, and `series` is what its own document tells, where nothing is pinned: of a file. `notes` are what it
    does not tell.
    """

    run: ComparedRun
    recorded: Mapping[Key, Recorded]
    example: Callable[[Key, int], Awaitable[ReadExample]]
    series: Sequence[Series]
    made: Made | None
    notes: Sequence[str] = ()


class Comparison(NamedTuple):
    """A comparison without its flips, and these, read one by one."""

    document: ComparisonDocument
    flips: AsyncIterator[FlipDocument]


_read_example = msgspec.json.Decoder(ReadExample).decode


async def read_examples(results: ResultReader, run_id: str, result: Result) -> AsyncIterator[ReadExample]:
    """Read all examples of a run, in the order of its document."""
    async for entries in results.entries(run_id, result):
        for entry in entries:
            yield _read_example(entry)


def record(recorded: dict[Key, Recorded], example: ReadExample) -> None:
    """Put an example into the columns of its harness."""
    asked = digest_asked(example.input, example.expected)
    recorded.setdefault(example.key, Recorded()).add(example.id, asked, example.scores, passed=example.passed)


async def side_of_run(results: ResultReader, views: Views, run_id: str) -> Side:
    """Read a run from its log. RunNotFound, RunNotOver."""
    listed, result = views.listing.get(run_id), await results.result(run_id)
    plan = await results.plan(result)
    if listed is None or plan is None or result.started is None:
        raise RunNotFound(f"there is no run '{run_id}' in the log")
    if result.finished is None:
        raise RunNotOver(f"the run {run_id} is not over; it can be compared once it is")
    recorded: dict[Key, Recorded] = {}
    async for example in read_examples(results, run_id, result):
        record(recorded, example)
    made = Made(plan, result.harnesses, result.started.matchspec)
    return Side(
        _describe(listed, result),
        recorded,
        _FromLog(results, run_id, result).read,
        series_of_plan(plan, list(recorded)),
        made,
    )


async def compare(base: Side, head: Side, limit: int = FLIPS) -> Comparison:
    """Compare two runs; so many flips of each row are told."""
    compared = await asyncio.to_thread(compare_runs, base.recorded, head.recorded, head.series)
    matched = compared.matched
    document = ComparisonDocument(
        base=base.run,
        head=head.run,
        word=compared.word,
        differences=tell_differences(base.made, head.made) if base.made and head.made else [NOT_PINNED, *head.notes],
        shared=compared.overall.n,
        rows=compared.rows,
        overall=compared.overall,
        left_out=AllLeftOut(
            changed=await _name(head, {key: one.shared.changed for key, one in matched.items()}),
            ungraded=await _name(head, {key: one.ungraded for key, one in matched.items()}),
            base_only=await _name(base, {key: one.shared.base_only for key, one in matched.items()}),
            head_only=await _name(head, {key: one.shared.head_only for key, one in matched.items()}),
        ),
        flips_total=sum(map(len, compared.flips)),
    )
    return Comparison(document, _tell_flips(base, head, compared, limit))


async def whole(comparison: Comparison) -> ComparisonDocument:
    """Give a comparison with its flips in it."""
    return msgspec.structs.replace(comparison.document, flips=[flip async for flip in comparison.flips])


class _FromLog:
    """Finds an example of a run by its place among those recorded."""

    def __init__(self, results: ResultReader, run_id: str, result: Result) -> None:
        self._results = results
        self._run_id = run_id
        self._result = result
        self._rows: dict[Key, array[int]] = {}

    async def read(self, key: Key, place: int) -> ReadExample:
        harness = next(one for one in self._result.harnesses if (one.suite, one.harness) == key)
        if key not in self._rows:
            self._rows[key] = array("I", dict.fromkeys(found.row for found in self._result.places(harness)))
        return _read_example(await self._results.entry(self._run_id, self._result, harness, self._rows[key][place]))


async def _name(side: Side, places: Mapping[Key, Places]) -> LeftOut:
    first = islice(((key, int(place)) for key, own in places.items() for place in own), NAMED)
    examples = [NamedExample(*key, (await side.example(key, place)).id) for key, place in first]
    return LeftOut(sum(map(len, places.values())), examples)


async def _tell_flips(base: Side, head: Side, compared: Compared, limit: int) -> AsyncIterator[FlipDocument]:
    for flip in (flip for flips in compared.flips for flip in flips[:limit]):
        key = (flip.series.suite, flip.harness)
        shared = compared.matched[key].shared
        before = await base.example(key, int(shared.base[flip.place]))
        after = await head.example(key, int(shared.head[flip.place]))
        yield FlipDocument(
            suite=flip.series.suite,
            harness=flip.harness,
            id=after.id,
            grader=flip.series.name,
            base_score=flip.base_score,
            head_score=flip.head_score,
            input=after.input,
            expected=after.expected,
            base_output=before.output,
            head_output=after.output,
        )


def _describe(listed: ListedRun, result: Result) -> ComparedRun:
    return ComparedRun(
        run_id=listed.run_id,
        status=result.finished.status if result.finished else "running",
        suite=listed.suite,
        suites=listed.suites if listed.suite is None else UNSET,
        started_at=whole_seconds(listed.started_at),
        verdict=(result.finished and result.finished.verdict) or UNSET,
        error=(result.finished and result.finished.error) or UNSET,
    )
