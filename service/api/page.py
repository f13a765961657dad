"""The web page at `/` and the files it loads: what Vite has made of `service/web/`. All of it is open to everyone.

Which files there are is known from the start, so no path leads anywhere else.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Request, Response, route
from litestar.datastructures import State
from litestar.params import FromPath

from domain.errors import NotFound
from service.api.media import READING

BUILT = Path(__file__).parent.parent / "web" / "dist"
ROOT = "/"
MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}

NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>matchspec</title>
<h1>matchspec</h1><p>The server runs, but its web page was not built when it was installed.</p>
<p>In a checkout, <code>./scripts/page</code> builds it, or says why it can't; then start the server again.
It needs the package registries PyPI and npm. The API works without the page.</p></html>
"""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Scripts and styles only from this server, requests only to it; what a model said could load or send nothing."""

_FOR_EVER = "public, max-age=31536000, immutable"


class PageFile(NamedTuple):
    """A file of the page, ready to be sent. `tag` is its entity tag."""

    content: bytes
    media_type: str
    tag: str
    cached: str


def read_page(built: Path = BUILT) -> dict[str, PageFile]:
    """Read the page's files, by the paths they are asked for; where it was not built, a page that says so."""
    files = {
        f"/{path.relative_to(built).as_posix()}": path
        for path in sorted(built.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    start = files.pop("/index.html", None)
    if start is None:
        return {ROOT: _file(NOT_BUILT, ".html", "no-cache")}
    page = {name: _file(path.read_bytes(), path.suffix, _FOR_EVER) for name, path in files.items()}
    return {ROOT: _file(start.read_bytes(), ".html", "no-cache"), **page}


def _file(content: bytes, suffix: str, cached: str) -> PageFile:
    return PageFile(content, MEDIA_TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:24]}"', cached)


@route("/", http_method=READING)
async def get_page(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Give the web page."""
    return _send(state.page, ROOT, request)


@route("/assets/{file:str}", http_method=READING)
async def get_page_file(file: FromPath[str], request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Give a file of the web page. Its name tells its contents, so it is kept for ever."""
    return _send(state.page, f"/assets/{file}", request)


def _send(page: Mapping[str, PageFile], path: str, request: Request[Any, Any, State]) -> Response[bytes]:
    file = page.get(path)
    if file is None:
        raise NotFound(f"the page has no file {path}")
    headers = HEADERS | {"ETag": file.tag, "Cache-Control": file.cached}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.tag in known:
        return Response(b"", status_code=304, media_type=file.media_type, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
