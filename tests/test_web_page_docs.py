"""The web page's screen of the API, which a browser could not open by itself where there is a key."""

from pathlib import Path

import pytest
from browser import open_browser, visiting
from playwright.sync_api import expect
from project import write_project
from server import Server
from wrong_keys import KEY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


def test_the_api_is_described_behind_a_key_on_any_screen(tmp_path: Path) -> None:
    """Each operation with its parameters and answers; nothing is wider than a telephone."""
    with (
        Server(write_project(tmp_path), MATCHSPEC_API_KEY=KEY) as server,
        open_browser() as browser,
        visiting(browser, server.url, width=380) as visit,
    ):
        visit.go()
        visit.page.get_by_label("Key").fill(KEY)
        visit.page.get_by_role("button", name="Open").click()
        visit.page.get_by_role("link", name="API").click()
        pages = visit.page.locator("details", has_text="GET /results/{run_id}/examples")
        pages.locator("summary").click()
        expect(pages.locator("li", has_text="application/problem+json").first).to_contain_text("400")
        expect(pages.locator("li", has_text="cursor").first).to_contain_text("The `next` of the page before.")
        expect(visit.page.locator("summary code", has_text="POST /run")).to_have_count(1)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 380
        assert all("401" in one for one in visit.complaints)  # a browser tells every 401 of its own
        visit.complaints.clear()
