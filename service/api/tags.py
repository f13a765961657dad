"""Entity tags: what a client has already is not sent again (RFC 9110, sections 8.8.3, 13.1.2).

A tag is made of where the log stands and of the query, not of a document: for a 304 none is built.
"""

import hashlib
import re
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from projections.listing import ListedRun
from projections.views import Views
from service.version import VERSION

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def tag_of_run(views: Views, run: ListedRun, query: object) -> str:
    """Tag what the API shows of a run: it changes with every event, until the end."""
    result = None if run.finished_at else views.results.get(run.run_id)
    return _make_tag(run.run_id, run.finished_at, result.version if result else None, query)


def tag_of_past(run_id: str, query: object) -> str:
    """Tag what the API shows of a run as it stood after the event that the query names: it never changes."""
    return _make_tag(run_id, query)


def tag_of_listing(views: Views, query: object) -> str:
    """Tag a page of the listing: it changes when a run begins or ends."""
    return _make_tag(views.listing.changed, query)


def tag_of_document(document: msgspec.Struct) -> str:
    """Tag a document that is made of more than the log."""
    return _make_tag(document)


def send_not_modified(request: Request[Any, Any, State], tag: str) -> Response[bytes] | None:
    """Answer 304 where the client has what has this tag; None where it has not."""
    sent = request.headers.getall("if-none-match", [])
    if not any(field.strip() == "*" or tag.removeprefix("W/") in _TAG.findall(field) for field in sent):
        return None
    return Response(b"", status_code=304, headers=with_tag(tag))


def with_tag(tag: str) -> dict[str, str]:
    """Headers of an answer with a tag: it may be kept, and is to be asked for each time."""
    return {"ETag": tag, "Cache-Control": "no-cache"}


def _make_tag(*parts: object) -> str:
    return f'W/"{hashlib.sha256(msgspec.json.encode((VERSION, *parts))).hexdigest()[:24]}"'
