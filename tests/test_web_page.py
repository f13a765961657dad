"""The web page in a browser, over a real server: runs are started, watched, cancelled, looked into and compared."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Visit, open_browser, visiting
from live_server import free_port
from playwright.sync_api import Browser, expect
from project import examples, suite, write_project
from server import Model, Server, recorded_model
from wrong_keys import KEY

ROOT = Path(__file__).parent.parent
AXE = ROOT / "service/web/node_modules/axe-core/axe.min.js"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A model that answers q0 to q39 after a tenth of a second, every fourth wrongly."""
    answers = {f"q{n}": f"q{n}" if n % 4 else f"not <b>{n}</b>" for n in range(40)}
    with recorded_model(tmp_path_factory.mktemp("model"), answers, latency_ms=100) as running:
        yield running


def write_slow_project(folder: Path, model: Model, concurrency: int = 4) -> Path:
    """A suite `qa` of forty examples, of which thirty are right, and `strict`, which fails on the same ones."""
    suites = [
        suite("qa", "qa-v1", thresholds={"overall": 0.6}),
        suite("strict", "qa-v1", thresholds={"overall": 0.9}),
    ]
    rows = [row | {"tags": ["even" if n % 2 == 0 else "odd"]} for n, row in enumerate(examples(40))]
    return write_project(folder, examples=rows, model=model.spec, suites=suites, harness={"concurrency": concurrency})


def start_run(visit: Visit, name: str) -> str:
    """Start a run with the form; gives its id."""
    visit.go()
    visit.page.get_by_role("button", name="Start a run").click()
    form = visit.page.get_by_role("form", name="Start a run")
    form.get_by_label("Suite").select_option(name)
    form.get_by_role("button", name="Start", exact=True).click()
    visit.page.wait_for_url(re.compile("#/run/run-"))
    return visit.page.url.rpartition("/")[2]


def status(visit: Visit) -> str:
    """What the title of a run says of it."""
    return visit.page.locator("h1 .status").inner_text()


def test_a_run_is_started_and_watched_to_its_verdict(browser: Browser, model: Model, tmp_path: Path) -> None:
    """It runs, its progress and events come by themselves, and then the verdict, its row and its examples are there."""
    config = write_slow_project(tmp_path, model)
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = start_run(visit, "qa")
        expect(visit.page.locator("h1 .status")).to_contain_text("running")
        expect(visit.page.get_by_role("progressbar")).to_be_visible()
        visit.page.get_by_text("Events").click()
        expect(visit.page.locator(".events li").first).to_contain_text("example scored")
        expect(visit.page.locator("h1 .status")).to_contain_text("passed")
        expect(visit.page.locator(".verdict")).to_have_text("PASS")
        expect(visit.page.locator(".grader")).to_contain_text("0.750")
        expect(visit.page.locator(".grader")).to_contain_text("needs 0.6")
        expect(visit.page.locator(".all .line").first).to_contain_text("ex-0")
        visit.page.get_by_role("link", name="Runs").click()
        line = visit.page.locator("tbody tr").first
        expect(line).to_contain_text(run_id)
        expect(line).to_contain_text("0.750 / 0.6")
        assert server.result(run_id)["verdict"] == "PASS"


def test_a_run_is_cancelled(browser: Browser, model: Model, tmp_path: Path) -> None:
    """The button ends it; the page says so, and so does the log."""
    config = write_slow_project(tmp_path, model, concurrency=1)
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = start_run(visit, "qa")
        visit.page.get_by_role("button", name="Cancel").click()
        expect(visit.page.locator("h1 .status")).to_contain_text("cancelled")
        assert server.result(run_id)["status"] == "cancelled"


def test_filters_are_in_the_address(browser: Browser, model: Model, tmp_path: Path) -> None:
    """Runs by suite and status, examples by result and text: what is chosen survives a reload."""
    config = write_slow_project(tmp_path, model, concurrency=40)
    with Server(config) as server, visiting(browser, server.url) as visit:
        passed, failed = (server.start_run(suite=name) for name in ("qa", "strict"))
        for run_id in (passed, failed):
            server.result(run_id)
        visit.go()
        filters = visit.page.get_by_role("group", name="Filters")
        expect(visit.page.locator("tbody tr")).to_have_count(2)
        filters.get_by_label("Status").select_option("failed")
        expect(visit.page.locator("tbody tr")).to_have_count(1)
        assert "status=failed" in visit.page.url
        visit.page.reload()
        expect(visit.page.locator("tbody tr")).to_contain_text(failed)
        filters.get_by_label("Suite").select_option("qa")
        expect(visit.page.get_by_text("No run matches.")).to_be_visible()

        visit.go(f"#/run/{failed}")
        lines = visit.page.locator(".all .line")
        expect(lines.first).to_contain_text("ex-0")
        visit.page.get_by_label("Result").select_option("failed")
        expect(lines).to_have_count(10)
        visit.page.get_by_label("Text").fill("NOT <B>36")
        expect(lines).to_have_count(1)
        expect(lines).to_contain_text("ex-36")
        visit.page.reload()
        expect(lines).to_have_count(1)
        visit.page.get_by_label("Text").fill("nowhere")
        expect(visit.page.get_by_text("No example matches.")).to_be_visible()


def test_an_example_opens_to_its_texts_and_scores(browser: Browser, model: Model, tmp_path: Path) -> None:
    """By keyboard: input, expected text and output, in what they differ, each grader's score; and on to the next."""
    config = write_slow_project(tmp_path, model, concurrency=40)
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run(suite="qa")
        server.result(run_id)
        visit.go(f"#/run/{run_id}")
        expect(visit.page.locator(".all .line").first).to_contain_text("ex-0")
        visit.page.get_by_role("grid").focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
            visit.page.keyboard.press(key)
        dialog = visit.page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", level=2)).to_have_text("ex-4")
        expect(dialog.get_by_label("Output")).to_have_text("not <b>4</b>")
        expect(dialog.locator("mark.missing")).to_have_text("q4")
        expect(dialog.locator(".scores")).to_contain_text("exact_match")
        visit.page.keyboard.press("ArrowRight")
        expect(dialog.get_by_role("heading", level=2)).to_have_text("ex-5")
        expect(dialog.locator("mark")).to_have_count(0)
        visit.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_an_open_example_has_an_address(browser: Browser, model: Model, tmp_path: Path) -> None:
    """Whoever gets the address sees the same example, also where it is no line that is shown; closed, it is gone."""
    config = write_slow_project(tmp_path, model, concurrency=40)
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run(suite="qa")
        server.result(run_id)
        visit.go(f"#/run/{run_id}")
        visit.page.locator(".all .line").first.click()
        visit.page.keyboard.press("ArrowRight")
        heading = visit.page.get_by_role("dialog").get_by_role("heading", level=2)
        expect(heading).to_have_text("ex-1")
        address = visit.page.url
        visit.page.keyboard.press("Escape")
        expect(visit.page).to_have_url(re.compile(f"#/run/{run_id}$"))
        expect(heading).to_have_count(0)
        with visiting(browser, server.url) as other:
            other.page.goto(address)
            expect(other.page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text("ex-1")


def test_a_run_as_of_an_event(browser: Browser, model: Model, tmp_path: Path) -> None:
    """`at` in the address shows what there was then, and one click what there is now."""
    config = write_slow_project(tmp_path, model, concurrency=1)
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run(suite="qa")
        assert server.result(run_id)["log"]["version"] == 42
        visit.go(f"#/run/{run_id}?at=5")
        expect(visit.page.locator(".grader .more")).to_contain_text("n 4")
        expect(visit.page.locator(".all .line")).to_have_count(4)
        visit.page.get_by_role("button", name="Back to now").click()
        expect(visit.page.locator(".grader .more")).to_contain_text("n 40")


def test_a_look_back_does_not_show_the_end_while_it_waits(browser: Browser, model: Model, tmp_path: Path) -> None:
    """Until the state as of an event has come there are no graders and no examples; the page says what it waits for."""
    config = write_slow_project(tmp_path, model, concurrency=40)
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run(suite="qa")
        server.result(run_id)
        visit.page.route(f"**/results/{run_id}?*at=*", lambda _route: None)
        visit.go(f"#/run/{run_id}?at=5")
        expect(visit.page.get_by_text("the run as of event 5")).to_be_visible()
        expect(visit.page.locator(".asof")).to_be_visible()
        expect(visit.page.locator(".grader, .all .line")).to_have_count(0)


def test_two_runs_are_compared(browser: Browser, model: Model, tmp_path: Path) -> None:
    """A run and itself graded anew by other graders: the word, the difference, and what turned."""
    config = write_slow_project(tmp_path, model, concurrency=40)
    with Server(config) as server, visiting(browser, server.url) as visit:
        base = server.start_run(suite="qa")
        server.result(base)
        write_project(
            tmp_path,
            examples=examples(40),
            model={"type": "echo"},
            suites=[suite("qa", "qa-v1", thresholds={"overall": 0.6})],
        )
        head = server.start_run(suite="qa")
        server.result(head)
        visit.go(f"#/compare?base={base}&head={head}")
        expect(visit.page.locator(".word")).to_contain_text("better")
        expect(visit.page.get_by_text("The runs differ in more than their outputs.")).to_be_visible()
        expect(visit.page.locator(".flips li")).to_have_count(10)
        visit.page.locator(".flips summary").first.click()
        expect(visit.page.locator(".flips").get_by_label("Base's output")).to_contain_text("not <b>")
        visit.page.get_by_role("button", name="Swap").click()
        expect(visit.page.locator(".word")).to_contain_text("worse")
        visit.go("#/suite/qa")
        expect(visit.page.locator("tbody tr")).to_have_count(2)
        expect(visit.page.locator("tbody tr").first).to_contain_text("configuration")


def test_a_key_is_asked_for_once_and_a_wrong_one_told(browser: Browser, tmp_path: Path) -> None:
    """The form comes up, says when the key is wrong, then lets in; a reload needs no key, another tab does."""
    config = write_project(tmp_path)
    with Server(config, MATCHSPEC_API_KEY=KEY) as server, visiting(browser, server.url) as visit:
        visit.go()
        visit.page.get_by_label("Key").fill("wrong")
        visit.page.get_by_role("button", name="Open").click()
        expect(visit.page.get_by_role("alert")).to_have_text("The server refused this key.")
        visit.page.get_by_label("Key").fill(KEY)
        visit.page.get_by_role("button", name="Open").click()
        expect(visit.page.get_by_text("There are no runs yet.")).to_be_visible()
        visit.page.reload()
        expect(visit.page.get_by_text("There are no runs yet.")).to_be_visible()
        start_run(visit, "qa")
        expect(visit.page.locator("h1 .status")).to_contain_text("passed")
        assert KEY not in visit.page.url
        other = visit.page.context.new_page()
        other.goto(server.url)
        expect(other.get_by_label("Key")).to_be_visible()
        refused = [one for one in visit.complaints if "401" in one]
        assert refused == visit.complaints  # a browser tells every 401 of its own
        visit.complaints.clear()


def test_a_server_that_is_killed_comes_back_and_the_stream_goes_on(
    browser: Browser, model: Model, tmp_path: Path
) -> None:
    """The page says that the server is gone, then sees the run resumed to its end without a reload."""
    config = write_slow_project(tmp_path, model, concurrency=1)
    port = str(free_port())
    with Server(config, "--port", port) as first, visiting(browser, first.url) as visit:
        start_run(visit, "qa")
        visit.page.get_by_text("Events").click()
        expect(visit.page.locator(".events li").first).to_be_visible()
        visit.page.evaluate("window.same = true")
        first.kill()
        expect(visit.page.get_by_text("The server does not answer.")).to_be_visible()
        with Server(config, "--port", port) as second:
            assert second.url == first.url
            expect(visit.page.locator("h1 .status")).to_contain_text("passed", timeout=40_000)
            expect(visit.page.get_by_text("The server does not answer.")).to_have_count(0)
            assert visit.page.evaluate("window.same")
        lost = [one for one in visit.complaints if "ERR_" in one]
        assert lost == visit.complaints  # a browser tells every request that failed of its own
        visit.complaints.clear()


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<svg/onload=alert(3)>",
    "javascript:alert(4)",
    "<iframe srcdoc='<script>alert(5)</script>'></iframe>",
    "<style>*{display:none}</style>",
    "<a href='https://evil.test/'>x</a>",
    "</pre></dialog><h1>gone</h1>",
    "<base href='https://evil.test/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.test/'>",
    "\u202egnp.exe",
    "&lt;b&gt; &amp;",
    "{{constructor.constructor('alert(6)')()}}",
    "<link rel=stylesheet href=//evil.test/a.css>",
    "<form action=https://evil.test/><input name=q autofocus onfocus=alert(7)>",
    "<math><mtext></mtext><mglyph><svg><mtext><style><path id='</style><img onerror=alert(8) src>'>",
    "\0\x1b[2J\x07",
    "__proto__",
    "<details open ontoggle=alert(9)>",
    "a" * 5_000,
]


def test_hostile_outputs_are_text(browser: Browser, tmp_path: Path) -> None:
    """A hundred outputs made to break a page: shown as they are, nothing runs, nothing is asked of another host."""
    texts = [f"{n} {HOSTILE[n % len(HOSTILE)]}" for n in range(100)]
    rows = [
        {"id": f"ex-{n}", "input": text, "expected": f"{text} <i>", "tags": ["<b>"], "metadata": {"<u>": text}}
        for n, text in enumerate(texts)
    ]
    config = write_project(tmp_path, examples=rows, suites=[suite("<img src=x onerror=alert(0)>", "qa-v1")])
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run()
        server.result(run_id)
        for place in ("#/runs", f"#/run/{run_id}"):
            visit.go(place)
            expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
        expect(visit.page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror=alert(0)>")
        visit.page.get_by_role("grid").focus()
        expect(visit.page.locator(".all .line").first).to_contain_text("ex-0")
        visit.page.keyboard.press("Enter")
        output = visit.page.get_by_role("dialog").get_by_label("Output")
        for n, text in enumerate(texts):
            expect(visit.page.locator("#example-id")).to_have_text(f"ex-{n}")
            expect(output).to_have_text(re.compile(f"^{n} "))
            assert output.evaluate("node => node.textContent") == text
            assert output.evaluate("node => node.querySelectorAll('*:not(mark)').length") == 0
            visit.page.keyboard.press("ArrowRight")


MOST_ROWS = 200
LONG_TASK_MS = 100

OBSERVE = """() => {
  window.longest = 0; window.most = 0;
  new PerformanceObserver(list => {
    for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
  }).observe({type: "longtask", buffered: false});
}"""

SCROLL = """async () => {
  const box = document.querySelector(".lines");
  const last = () => document.querySelector(".all .line:last-child");
  for (let top = 0; top < box.scrollHeight; top += box.scrollHeight / 150) {
    box.scrollTop = top;
    await new Promise(requestAnimationFrame);
    window.most = Math.max(window.most, document.querySelectorAll("[role=row]").length);
  }
  box.scrollTop = box.scrollHeight;
}"""


@pytest.mark.timeout(300)
def test_a_hundred_thousand_examples_scroll_from_end_to_end(browser: Browser, tmp_path: Path) -> None:
    """Under 200 rows are ever in the document, the last example is reached, and no task holds up frames for long.

    On a busy machine a task may be long through no fault of the page: the best of three passes counts.
    """
    config = write_project(tmp_path, examples=examples(100_000), harness={"concurrency": 256})
    with Server(config) as server, visiting(browser, server.url) as visit:
        run_id = server.start_run(suite="qa")
        server.result(run_id, seconds=150)
        visit.go(f"#/run/{run_id}")
        expect(visit.page.locator(".all .line").first).to_contain_text("ex-0")
        longest = []
        for _ in range(3):
            visit.page.evaluate(OBSERVE)
            visit.page.evaluate(SCROLL)
            expect(visit.page.locator(".all .line").last).to_contain_text("ex-99999", timeout=60_000)
            longest.append(visit.page.evaluate("window.longest"))
            assert 10 < visit.page.evaluate("window.most") < MOST_ROWS
            if longest[-1] <= LONG_TASK_MS:
                break
        assert min(longest) <= LONG_TASK_MS, longest


SERIOUS = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => one.id + ": " + one.nodes.map(node => node.html + " " + node.failureSummary).join(" | "));
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
def test_every_screen_is_for_everyone(browser: Browser, model: Model, tmp_path: Path, dark: bool, width: int) -> None:
    """axe finds nothing serious on any screen, and nothing is wider than the window."""
    config = write_slow_project(tmp_path, model, concurrency=40)
    with Server(config) as server, visiting(browser, server.url, dark=dark, width=width) as visit:
        first, again, second = (server.start_run(suite=name) for name in ("qa", "qa", "strict"))
        for run_id in (first, again, second):
            server.result(run_id)
        places = {
            "#/runs": "tbody tr",
            f"#/run/{second}": ".all .line",
            f"#/run/{second}?at=9": ".asof",
            f"#/compare?base={first}&head={again}": ".word",
            f"#/compare?base={first}&head={second}": ".left-out",
            "#/suite/qa": "tbody tr",
            "#/nowhere": ".note",
        }
        for place, sign in places.items():
            visit.go(place)
            expect(visit.page.locator(sign).first).to_be_visible()
            check_for_everyone(visit)
        visit.go()
        visit.page.get_by_role("button", name="Start a run").click()
        check_for_everyone(visit)
        visit.go(f"#/run/{second}?passed=false")
        visit.page.locator(".all .line").first.click()
        expect(visit.page.get_by_role("dialog").get_by_label("Output")).to_be_visible()
        check_for_everyone(visit)


def check_for_everyone(visit: Visit) -> None:
    """What axe finds serious on the screen as it is, and whether it fits."""
    visit.page.evaluate(AXE.read_text())
    assert visit.page.evaluate(SERIOUS) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_run_is_downloaded_and_graded_anew(browser: Browser, tmp_path: Path) -> None:
    """The results come as a file, and the button leads to the new run."""
    config = write_project(tmp_path)
    with Server(config) as server, visiting(browser, server.url, downloads=tmp_path) as visit:
        run_id = server.start_run(suite="qa")
        server.result(run_id)
        visit.go(f"#/run/{run_id}")
        with visit.page.expect_download() as download:
            visit.page.get_by_label("Download").select_option("Results (JSON)")
        document = json.loads(download.value.path().read_text())
        assert (download.value.suggested_filename, document["run_id"]) == (f"{run_id}.json", run_id)
        visit.page.get_by_role("button", name="Grade anew").click()
        expect(visit.page.get_by_role("link", name=run_id)).to_be_visible()
        expect(visit.page.locator("h1 .status")).to_contain_text("passed")


def test_an_unknown_run_and_an_unknown_place_have_a_face(browser: Browser, tmp_path: Path) -> None:
    """What is not there is said to be missing, with a way on."""
    with Server(write_project(tmp_path)) as server, visiting(browser, server.url) as visit:
        visit.go("#/run/run-20260315-143022-a3f7")
        expect(visit.page.get_by_text("there is no run 'run-20260315-143022-a3f7' in the log")).to_be_visible()
        visit.go("#/nonsense")
        expect(visit.page.get_by_text("There is nothing here.")).to_be_visible()
        visit.complaints[:] = [one for one in visit.complaints if "404" not in one]
