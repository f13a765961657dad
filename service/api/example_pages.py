"""`GET /results/{run_id}/examples`: the examples of a run, a page at a time, those that are wanted."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from litestar import Request, Response, route
from litestar.datastructures import State
from litestar.params import FromPath
from msgspec import UNSET

from domain.events import PinnedHarness
from projections.example_filter import ExampleFilter
from projections.results import Result
from service.api.backend import Api
from service.api.media import JSON, READING
from service.api.query import ExamplesQuery, read_query
from service.api.tags import send_not_modified, tag_of_past, tag_of_run, with_tag
from service.results import Entry, ResultReader

LOOKED_AT = 1_000
"""How many examples are read for a page at most: where few are wanted, pages are short, and none takes long."""

PAGE_BYTES = 4_000_000


class Cursor(NamedTuple):
    """Where an example stands, or a page begins: a harness of the run by its number, and a row of its dataset."""

    harness: int
    row: int


class Page(NamedTuple):
    """Entries as JSON, where each stands, and where the next page begins, if there may be one."""

    entries: list[bytes]
    places: list[Cursor]
    next: Cursor | None


@route("/results/{run_id:str}/examples", http_method=READING)
async def get_examples(run_id: FromPath[str], request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Give a page of a run's examples, of those that there are by now, or were after its event `at`."""
    api: Api = state.api
    listed = await api.find(run_id)
    query = read_query(request.query_params.multi_items(), ExamplesQuery)
    begin = Cursor(0, 0) if query.cursor is UNSET else _decode(query.cursor)
    past = None if query.at is UNSET else (await api.past.at(run_id, query.at)).result(run_id)
    tag = tag_of_run(api.views, listed, query) if past is None else tag_of_past(run_id, query)
    if not_modified := send_not_modified(request, tag):
        return not_modified
    page = await _read_page(api.results, run_id, past or await api.results.result(run_id), query, begin)
    return Response(_write(page), media_type=JSON, headers=with_tag(tag))


def _write(page: Page) -> bytes:
    places = b",".join(b'"%s"' % _encode(place) for place in page.places)
    last = b',"next":"%s"' % _encode(page.next) if page.next else b""
    return b'{"examples":[' + b",".join(page.entries) + b'],"places":[' + places + b"]" + last + b"}"


async def _read_page(results: ResultReader, run_id: str, result: Result, query: ExamplesQuery, begin: Cursor) -> Page:
    entries: list[bytes] = []
    places: list[Cursor] = []
    looked_at = size = 0
    async for cursor, entry in _entries(results, run_id, result, query, begin):
        if len(entries) == query.limit or looked_at == LOOKED_AT or size > PAGE_BYTES:
            return Page(entries, places, cursor)
        looked_at += 1
        size += len(entry.content)
        if entry.wanted:
            entries.append(entry.content)
            places.append(cursor)
    return Page(entries, places, None)


async def _entries(
    results: ResultReader, run_id: str, result: Result, query: ExamplesQuery, begin: Cursor
) -> AsyncIterator[tuple[Cursor, Entry]]:
    wanted, most = _filter(query), min(query.limit + 1, 200)
    for number, harness, first in _harnesses(result, query, begin):
        async for entry in results.harness_entries(run_id, result, harness, wanted, first, most):
            yield Cursor(number, entry.row), entry


def _harnesses(result: Result, query: ExamplesQuery, begin: Cursor) -> Iterator[tuple[int, PinnedHarness, int]]:
    for number, harness in enumerate(result.harnesses):
        asked = query.suite in (UNSET, harness.suite) and query.harness in (UNSET, harness.harness)
        if asked and number >= begin.harness:
            yield number, harness, begin.row if number == begin.harness else 0


def _filter(query: ExamplesQuery) -> ExampleFilter:
    return ExampleFilter(
        passed=None if query.passed is UNSET else query.passed == "true",
        error=query.error or None,
        tag=None if query.tag is UNSET else query.tag,
        grader=None if query.grader is UNSET else query.grader,
        text=None if query.text is UNSET else query.text,
    )


def _encode(cursor: Cursor) -> bytes:
    return b"%d-%d" % cursor


def _decode(text: str) -> Cursor:
    harness, _, row = text.partition("-")
    return Cursor(int(harness), int(row))
