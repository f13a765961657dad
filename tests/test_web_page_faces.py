"""The web page of runs that are not of the usual kind: long names, no answer, nothing yet, nothing shared."""

from collections.abc import Iterator

import pytest
from browser import Visit, open_browser, visiting
from playwright.sync_api import Browser, expect
from project import examples, suite, write_config, write_harness
from server import Server

LONG = "-".join(["a-name-that-tells-all"] * 6)
EXACT = {"type": "exact_match"}
CONTAINS = {"type": "contains", "name": "mentions"}
HIDDEN = "\u202egnp.exe\u200b"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a suite for each test, so that only one has to be started."""
    folder = tmp_path_factory.mktemp("project")
    dead = {"type": "command", "command": ["sh", "-c", f"echo {'x' * 400} >&2; exit 3"]}
    asleep = {"type": "command", "command": ["sleep", "60"]}
    write_harness(folder, "dead", examples=examples(2), model=dead)
    write_harness(folder, "asleep", examples=examples(3), model=asleep)
    write_harness(folder, "hidden", examples=[{"id": "ex", "input": HIDDEN, "expected": "gnp.exe"}])
    write_harness(folder, "mended", examples=examples(3), graders=[EXACT, CONTAINS], model={"type": "noop"})
    rows = [row | {"id": f"{LONG}{n}"} for n, row in enumerate(examples(2))]
    write_harness(folder, "long", examples=rows, graders=[EXACT | {"name": LONG.replace("-", "_")}])
    names = ("asleep", "dead", "hidden", "mended")
    suites = [suite(name, name) for name in names] + [suite(LONG, "long")]
    with Server(write_config(folder, suites)) as running:
        yield running


def run_to_end(server: Server, name: str) -> str:
    """Run a suite; gives the run's id."""
    run_id = server.start_run(suite=name)
    server.result(run_id)
    return run_id


def overhang(visit: Visit) -> int:
    """By how many pixels the document is wider than the window."""
    return int(visit.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_long_names_make_no_page_wider_than_the_window(browser: Browser, server: Server) -> None:
    """A suite, a grader and an id of over a hundred characters: nothing has to be scrolled sideways, at any width."""
    first, second = run_to_end(server, LONG), run_to_end(server, LONG)
    places = {
        f"#/run/{first}": ".all .line",
        f"#/suite/{LONG}": "tbody tr",
        f"#/compare?base={first}&head={second}": ".word",
        "#/runs": "tbody .meter",
    }
    with visiting(browser, server.url) as visit:
        for place, sign in places.items():
            visit.go(place)
            visit.page.locator(sign).first.wait_for()
            if place == "#/runs":
                visit.page.get_by_role("button", name="Start a run").click()
                visit.page.get_by_label("No worse than").wait_for()
            for width in (380, 768, 1280):
                visit.page.set_viewport_size({"width": width, "height": 860})
                assert overhang(visit) <= 0, (place, width)


def test_a_run_is_started_with_a_baseline(browser: Browser, server: Server) -> None:
    """The form offers the suite's decided runs; the chosen one gives the new run its deciding row."""
    base = run_to_end(server, "hidden")
    run_to_end(server, LONG)
    with visiting(browser, server.url) as visit:
        visit.go()
        visit.page.get_by_role("button", name="Start a run").click()
        form = visit.page.get_by_role("form", name="Start a run")
        form.get_by_label("Suite").select_option("hidden")
        expect(form.get_by_label("No worse than").locator("option")).to_have_count(2)
        form.get_by_label("No worse than").select_option(base)
        form.get_by_role("button", name="Start", exact=True).click()
        expect(visit.page.locator("h1 .status")).to_contain_text("failed")
        expect(visit.page.locator(".grader .name").last).to_contain_text("baseline")


def test_an_example_without_an_answer_says_why(browser: Browser, server: Server) -> None:
    """Its result is "no answer", as in the table; the reason stands where the output would, and nothing is marked."""
    with visiting(browser, server.url, width=380) as visit:
        visit.go(f"#/run/{run_to_end(server, 'dead')}")
        visit.page.locator(".all .line").first.click()
        dialog = visit.page.get_by_role("dialog")
        expect(dialog.locator(".facts").first).to_contain_text("no answer")
        expect(dialog.locator(".said-why")).to_contain_text("x" * 100)
        expect(dialog.locator("mark")).to_have_count(0)
        assert dialog.evaluate("node => node.scrollWidth - node.clientWidth") == 0


def test_what_cannot_be_seen_bears_its_code(browser: Browser, server: Server) -> None:
    """An override of direction and a zero width space are marked; the score is shown beside what it needs."""
    with visiting(browser, server.url) as visit:
        visit.go(f"#/run/{run_to_end(server, 'hidden')}")
        visit.page.locator(".all .line").first.click()
        output = visit.page.get_by_role("dialog").get_by_label("Output")
        expect(output.locator(".code")).to_have_count(2)
        assert [output.locator(".code").nth(n).get_attribute("data-code") for n in range(2)] == ["U+202E", "U+200B"]
        assert output.evaluate("node => node.textContent") == HIDDEN
        expect(visit.page.locator(".scores")).to_contain_text("0.000 needs 1")


def test_a_run_without_a_score_yet_has_not_failed(browser: Browser, server: Server) -> None:
    """Before its first example no grader is marked as failing; the list of runs says how far it is."""
    run_id = server.start_run(suite="asleep")
    with visiting(browser, server.url) as visit:
        visit.go("#/runs?status=running")
        expect(visit.page.locator("tbody tr")).to_contain_text("0 of 3")
        visit.go(f"#/run/{run_id}")
        expect(visit.page.locator(".grader .mark")).to_have_attribute("aria-label", "nothing graded yet")
        expect(visit.page.locator(".progress")).to_contain_text("waiting")
        visit.page.get_by_role("button", name="Cancel").click()
        expect(visit.page.locator("h1 .status")).to_contain_text("cancelled")
        visit.go()
        expect(visit.page.locator(".card.suite").first).to_contain_text("no verdict yet")


def test_an_example_that_turned_is_told_once(browser: Browser, server: Server) -> None:
    """Two graders and three examples that fail and then pass are three lines; runs that share nothing have no word."""
    base = run_to_end(server, "mended")
    write_harness(server.config.parent, "mended", examples=examples(3), graders=[EXACT, CONTAINS])
    head, other = run_to_end(server, "mended"), run_to_end(server, LONG)
    with visiting(browser, server.url) as visit:
        visit.go(f"#/compare?base={base}&head={head}")
        expect(visit.page.locator(".flips li")).to_have_count(3)
        line = visit.page.locator(".flips summary").first
        expect(line).to_have_text("ex-0 ▲ now passes exact_match 0.000 → 1.000, mentions 0.000 → 1.000")
        visit.go(f"#/compare?base={base}&head={other}")
        expect(visit.page.get_by_text("There is nothing to compare")).to_be_visible()
        expect(visit.page.locator(".word")).to_have_count(0)
