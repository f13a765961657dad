"""The web page as HTTP gives it: its files, their headers, and what is said where it was not built."""

import re
from pathlib import Path

import pytest
from project import write_project
from running import serving

from service.api.page import BUILT, read_page

TRICKS = [
    "/assets/",
    "/assets/none.js",
    "/assets/../index.html",
    "/assets/..%2findex.html",
    "/assets/%2e%2e/%2e%2e/page.py",
    "/assets/..%5cpage.py",
    "/assets//etc/passwd",
    "/assets/index.html",
    "/index.html",
    "/assets/%00",
]


def linked(page: str) -> list[str]:
    """The files that the page names."""
    return re.findall(r'(?:src|href)="([^"]+)"', page)


async def test_the_page_loads_only_files_of_this_server(tmp_path: Path) -> None:
    """Whatever the page names is on this server, kept for ever by browsers, and of its own type."""
    async with serving(write_project(tmp_path)) as client:
        page = await client.http.get("/")
        files = linked(page.text)
        assert len(files) == 3, "is the page built? ./scripts/page"
        for path in files:
            answer = await client.http.get(path)
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
            assert answer.headers["Content-Type"].partition(";")[0] == kinds[Path(path).suffix]
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"


async def test_every_file_comes_with_a_strict_policy(tmp_path: Path) -> None:
    """Nothing from elsewhere, nothing within the page, no frames, no guessing of types."""
    async with serving(write_project(tmp_path)) as client:
        for path in ["/", *linked((await client.http.get("/")).text)]:
            headers = (await client.http.get(path)).headers
            policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
            assert policy == {
                "default-src": "'none'",
                "script-src": "'self'",
                "style-src": "'self'",
                "connect-src": "'self'",
                "img-src": "'self'",
                "base-uri": "'none'",
                "form-action": "'none'",
                "frame-ancestors": "'none'",
            }
            assert headers["X-Content-Type-Options"] == "nosniff"


async def test_what_a_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    """304 to the tag of a file; HEAD has the headers of GET and no body."""
    async with serving(write_project(tmp_path)) as client:
        for path in ["/", *linked((await client.http.get("/")).text)]:
            full = await client.http.get(path)
            again = await client.http.get(path, headers={"If-None-Match": full.headers["ETag"]})
            other = await client.http.get(path, headers={"If-None-Match": '"other"'})
            head = await client.http.head(path)
            assert (again.status_code, again.content) == (304, b"")
            assert (other.status_code, other.content) == (200, full.content)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["ETag"] == full.headers["ETag"]


@pytest.mark.parametrize("path", TRICKS)
async def test_no_path_leads_to_another_file(tmp_path: Path, path: str) -> None:
    """Whatever is not a file of the page is 404, as a problem document."""
    async with serving(write_project(tmp_path)) as client:
        answer = await client.http.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_server_without_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    """Where nothing was built, `/` is there all the same and names the script; there are no other files."""
    page = read_page(tmp_path)
    assert list(page) == ["/"]
    assert b"./scripts/page" in page["/"].content
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/left.js").write_text("")
    assert list(read_page(tmp_path)) == ["/"]


def test_only_files_of_known_types_are_given(tmp_path: Path) -> None:
    """What else lies in the folder stays there."""
    for name in ("index.html", "assets/a.js", "assets/a.js.map", "assets/.secret", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    assert sorted(read_page(tmp_path)) == ["/", "/assets/a.js"]


def test_the_page_names_no_other_host() -> None:
    """The built files have no address in them but that of SVG in XML."""
    for path in BUILT.rglob("*.*"):
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w{2,}", path.read_text())
        assert set(addresses) <= {"http://www.w3.org"}, path
