"""Links of other web sites to a server without a key, in a real browser: which are followed, what else is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest
from browser import open_browser
from playwright.sync_api import Page, Response, expect
from project import write_project
from server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


class Echo(BaseHTTPRequestHandler):
    """Answers with the page that stands behind the `?`."""

    def do_GET(self) -> None:
        """Give it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(unquote(self.path.partition("?")[2]).encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def other_site() -> Iterator[str]:
    """Another web site on this machine; gives the address under which it shows what is appended."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://localhost:{site.server_port}/?"
        site.shutdown()


def answer_to(page: Page, server: Server, site: str) -> Response:
    """Open a page of another site, click its link if it has one, and give the server's answer to what that asks for."""
    with page.expect_response(lambda response: response.url.startswith(server.url)) as answered:
        page.goto(site)
        if page.locator("a").count():
            page.locator("a").click()
    return answered.value


def test_a_link_is_followed_and_nothing_else_of_another_site(tmp_path: Path) -> None:
    """To the page and a report; not to a document, and neither frames nor forms lead there."""
    with Server(write_project(tmp_path)) as server, open_browser() as browser, other_site() as site:
        run_id = server.start_run()
        server.result(run_id)
        report = f"{server.url}/results/{run_id}/report"
        page = browser.new_page()
        followed = answer_to(page, server, f"{site}<a href='{server.url}/%23/run/{run_id}'>look</a>")
        assert followed.request.all_headers()["sec-fetch-site"] == "cross-site"
        expect(page.locator("h1 .status")).to_contain_text("passed")
        assert answer_to(page, server, f"{site}<a href='{report}%3Fformat=html'>look</a>").status == 200
        expect(page.locator("h1")).to_be_visible()
        refused = [
            f"<a href='{server.url}/results/{run_id}'>look</a>",
            f"<a href='{server.url}/metrics'>look</a>",
            f"<iframe src='{server.url}/'></iframe>",
            f"<iframe src='{report}'></iframe>",
            f"<form id=f method=post action='{server.url}/'></form><script>f.submit()</script>",
        ]
        for html in refused:
            assert answer_to(page, server, f"{site}{html}").status == 403, html
