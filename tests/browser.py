"""A real browser for tests: Debian's chromium, driven by Playwright. It notes what a page must never do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

PATIENCE_MS = 20_000
"""How long is waited for what must come. Machines are slow at times; nothing here is about speed."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser for the time of a block; the test is skipped where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of a server, with all it asked for, and all that went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", self._hear)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._complain)

    def go(self, place: str = "#/runs") -> None:
        """Open a screen of the page."""
        self.page.goto(f"{self.url}/{place}")

    def hosts(self) -> set[str]:
        """The hosts and ports that were asked for anything."""
        return {urlsplit(request.url).netloc for request in self.requests if not request.url.startswith("blob:")}

    def _hear(self, request: Request) -> None:
        self.requests.append(request)

    def _complain(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location['url']}")


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    height: int = 860,
    dark: bool = False,
    downloads: Path | None = None,
) -> Iterator[Visit]:
    """A visit in a profile of its own; at its end the page has asked no other host."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        accept_downloads=downloads is not None,
    )
    visit = Visit(context.new_page(), url)
    try:
        yield visit
        assert visit.hosts() <= {urlsplit(url).netloc}
        assert not visit.complaints, visit.complaints
    finally:
        context.close()
