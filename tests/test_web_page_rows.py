"""The web page's table of examples, while a run goes on and as of an event: what is asked for, and that rows stay."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import Visit, open_browser, visiting
from playwright.sync_api import expect
from project import examples, suite, write_project
from server import Server, recorded_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]


def queries(visit: Visit, path: str) -> list[dict[str, str]]:
    """The queries with which a path was asked for."""
    asked = [urlsplit(request.url) for request in visit.requests]
    return [{name: value for name, (value,) in parse_qs(one.query).items()} for one in asked if one.path == path]


def test_a_look_back_asks_for_rows_and_not_for_the_document(tmp_path: Path) -> None:
    """As of an event of a run of 3,000, the page asks for the document without examples, and for few pages of them."""
    rows = [row | {"tags": ["odd"] if n % 2 else []} for n, row in enumerate(examples(3_000))]
    config = write_project(tmp_path, examples=rows, harness={"concurrency": 64})
    with open_browser() as browser, Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run(suite="qa")
        assert server.result(run_id)["log"]["version"] == 3_002
        visit.go(f"#/run/{run_id}?at=2501")
        expect(visit.page.locator(".grader .more")).to_contain_text("n 2,500")
        expect(visit.page.locator(".all .line").first).to_contain_text("ex-0")
        assert {query["examples"] for query in queries(visit, f"/results/{run_id}")} == {"none"}
        pages = queries(visit, f"/results/{run_id}/examples")
        assert {(query["at"], query["limit"]) for query in pages} == {("2501", "500")}
        assert len(pages) <= 2
        visit.go(f"#/run/{run_id}?at=2&tag=odd")
        expect(visit.page.get_by_text("No example matches.")).to_be_visible()


def test_rows_come_while_one_is_looked_at(tmp_path: Path) -> None:
    """An open example stays the same while others are recorded around it, and at the end each has its line."""
    suites = [suite("qa", "qa-v1", thresholds={"overall": 0.5})]
    with recorded_model(tmp_path, {f"q{n}": f"q{n}" for n in range(300)}, latency_ms=100) as model:
        harness = {"concurrency": 5}
        config = write_project(tmp_path, examples=examples(300), model=model.spec, suites=suites, harness=harness)
        with open_browser() as browser, Server(config) as server, visiting(browser, server.url) as visit:
            run_id = server.start_run(suite="qa")
            visit.go(f"#/run/{run_id}")
            visit.page.locator(".all .line", has_text="ex-3").first.click()
            dialog = visit.page.locator("dialog")
            expect(dialog.locator("h2")).to_have_text("ex-3")
            expect(visit.page.locator("h1 .status")).to_contain_text("passed", timeout=60_000)
            expect(dialog.locator("h2")).to_have_text("ex-3")
            expect(dialog).to_contain_text("4 of 300")
            visit.page.keyboard.press("Escape")
            visit.page.get_by_role("grid").press("End")
            expect(visit.page.locator(".all .line").last).to_contain_text("ex-299")
            assert not any("at" in query for query in queries(visit, f"/results/{run_id}/examples"))
