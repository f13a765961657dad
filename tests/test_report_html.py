"""The report as a page: it stands alone, it says what the other reports say, and text in it is only text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import msgspec
import pytest
from calling import call
from hypothesis import given, settings
from hypothesis import strategies as st
from live import check_problem, run_to_end
from live import serving as serving_live
from project import examples, suite, write_project
from reporting import example, failed, failing_run, passed, row, texts
from running import HTTP, FakeModel, serving

from domain.spec import Statistics
from service.api.docs_page import write_docs
from service.api.openapi import describe
from service.api.operations import OPERATIONS
from service.reports.html import EXAMPLES, html_report
from service.reports.page import STYLE

LOADING = {"script", "img", "link", "iframe", "object", "embed", "form", "base", "audio", "video", "source", "use"}
ATTRIBUTES = {
    "charset",
    "class",
    "content",
    "height",
    "http-equiv",
    "lang",
    "name",
    "role",
    "viewbox",
    "width",
    "x",
    "y",
}
ATTRIBUTES |= {"aria-label", "preserveaspectratio", "href", "id"}


class Page(HTMLParser):
    """The tags and attributes of a page, and its text as a browser shows it."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._in_style = False
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        """Note text that is shown."""
        if self._in_style:
            assert data == STYLE
            self._in_style = False
        else:
            self.text += data


def check_alone(page: Page) -> None:
    """Nothing is loaded, run or styled but by the page's own style, which its policy names."""
    assert not LOADING & set(page.tags)
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert all(value.startswith("#") or value == "openapi.json" for name, value in page.attributes if name == "href")
    (policy,) = (value for name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_a_failed_run_tells_what_failed_and_why() -> None:
    """5/6 is below 0.99 by 0.16; the wrong answer stands beside the expected one; the lost one has its error."""
    page = Page(html_report(failing_run()))
    check_alone(page)
    for told in (
        "FAIL", "run-20260315-143022-a3f7", "5 of 7 examples passed", "exact_match", "0.83", "≥ 0.99", "0.44 - 0.97",
        "✗ fail, -0.16", "✓ pass", "Not passed: 2 of 7 examples", "Canberra", "Sydney\nis the capital. ", "no answer",
    ):  # fmt: skip
        assert told in page.text, told
    assert "ex-001" not in page.text


def test_the_interval_is_drawn_from_0_to_1() -> None:
    """Of 200 units: the band from 0.25 to 0.75, the score at 0.5, the threshold at 0.6."""
    content = html_report(passed(row(score=0.5, threshold=0.6, passed=False, interval=(0.25, 0.75))))
    assert re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="\d+" class="(\w+)"', content) == [
        ("0", "200", "track"),
        ("50.0", "100.0", "band"),
        ("99.0", "2", "mark"),
        ("119.5", "1", "limit"),
    ]


def test_a_run_without_a_verdict_says_why() -> None:
    """Its error, its warnings, and rows without a score."""
    run = msgspec.structs.replace(
        passed(row(score=None, passed=False, n=0)),
        verdict=None,
        status="error",
        error="no route",
        warnings=["left out"],
    )
    page = Page(html_report(run, statistics={"qa": Statistics(min_sample_size=5)}))
    for told in ("ERROR", "Error: no route", "Warning: left out", "✗ fail, no scores", "low confidence, n=0"):
        assert told in page.text, told
    cancelled = Page(html_report(msgspec.structs.replace(run, status="cancelled", error=None)))
    assert "CANCELLED" in cancelled.text


def test_the_first_two_hundred_examples_go_in() -> None:
    """The page says how many it leaves out; long texts are cut in the middle."""
    many = tuple(example(f"ex-{n:03}", 0.0, output="x" * 100_000) for n in range(EXAMPLES + 7))
    page = Page(html_report(failed(row(passed=False), examples=many)))
    assert "ex-199" in page.text
    assert "ex-200" not in page.text
    assert "... and 7 more" in page.text
    assert "x" * 10_000 not in page.text


@settings(max_examples=60)
@given(
    st.one_of(
        texts(), st.sampled_from(["<script>alert(1)</script>", '" onload="x', "</style><script>x", "]]>", "\ud800"])
    )
)
def test_text_of_others_is_text(text: str) -> None:
    """Wherever a text can stand, the page has the tags that it has with a harmless one."""
    plain, hostile = (Page(quoting(one)) for one in ("x", text))
    assert hostile.tags == plain.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    check_alone(hostile)


def quoting(text: str) -> str:
    """The page of a run that holds a text in every place where one can be."""
    wrong = example("x" + text, 0.0, question=text, expected=text, output=text)
    wrong = msgspec.structs.replace(wrong, scores={text: 0.5}, errors={text: text}, details={text: {text: text}})
    lost = example("lost", error=text or "-", harness=text)
    run = failed(row(text, 0.5, passed=False, harness=text), row(passed=True, suite="o" + text), examples=(wrong, lost))
    run = msgspec.structs.replace(run, suite="s" + text, run_id=text, error=text, warnings=[text], regrades="r" + text)
    return html_report(run).encode("utf-8", "strict").decode()


TYPES = {
    "text": "text/plain; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "junit": "application/xml",
}


async def test_the_api_gives_every_format(tmp_path: Path) -> None:
    """Each with its media type and a tag; text by default; nothing else, and nothing before the end."""
    config = write_project(tmp_path, examples=examples(3), suites=[suite("qa", "qa-v1")])
    async with serving(config) as client:
        run_id = (await client.run())["run_id"]
        path = f"/results/{run_id}/report"
        reports = {kind: await client.http.get(f"{path}?format={kind}") for kind in TYPES}
        default = await client.http.get(path)
        again = await client.http.get(path, headers={"If-None-Match": default.headers["ETag"]})
        other = await client.http.get(f"{path}?format=html", headers={"If-None-Match": default.headers["ETag"]})
        wrong = await client.http.get(f"{path}?format=pdf")
        unknown = await client.http.get("/results/run-20260315-143022-a3f7/report")
    assert {kind: report.headers["Content-Type"] for kind, report in reports.items()} == TYPES
    assert all(report.status_code == 200 for report in reports.values())
    assert default.content == reports["text"].content
    assert "qa" in default.text
    assert reports["junit"].text.startswith("<?xml")
    assert reports["html"].text.startswith("<!doctype html>")
    assert reports["html"].headers["Content-Security-Policy"].endswith("; sandbox")
    assert (again.status_code, other.status_code, wrong.status_code, unknown.status_code) == (304, 200, 400, 404)
    assert check_problem(wrong) == "format: must be text, markdown, html or junit"


async def test_there_is_no_report_before_the_end(tmp_path: Path) -> None:
    """409."""

    async def fail(_text: str) -> httpx.Response:
        return httpx.Response(500)

    harness = {"retries": 1, "retry_delay_ms": 60_000}
    async with serving(write_project(tmp_path, model=HTTP, harness=harness), FakeModel(fail)) as client:
        run_id = await client.start()
        answer = await client.http.get(f"/results/{run_id}/report")
        await client.http.post(f"/results/{run_id}/cancel")
        after = await client.http.get(f"/results/{run_id}/report")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:matchspec:problem:run-not-over")
    assert "CANCELLED" in after.text


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    """`matchspec report -f html` is the report of the API; a comparison has no page."""
    config = write_project(tmp_path, examples=examples(3))
    with serving_live(config) as live, live.client() as client:
        run_id = run_to_end(client)["run_id"]
        page = client.get(f"/results/{run_id}/report?format=html").text
    assert call(tmp_path, "report", run_id, "-f", "html").stdout.rstrip("\n") == page.rstrip("\n")
    refused = call(tmp_path, "report", "--compare", run_id, run_id, "-f", "html")
    assert refused.code == 2
    assert "--format html" in refused.stderr


@pytest.mark.parametrize("keyed", [True, False])
def test_the_page_of_the_api_describes_every_operation(keyed: bool) -> None:
    """Each with its path, its text and a place of its own that its link leads to; nothing is loaded."""
    page = Page(write_docs(describe(keyed=keyed, guarded=False)).decode())
    check_alone(page)
    places = {value for name, value in page.attributes if name == "id"}
    for operation in OPERATIONS:
        assert f"{operation.method} {operation.path}" in page.text
        assert operation.text in page.text
        assert operation.name in places
    links = {value.removeprefix("#") for name, value in page.attributes if name == "href" and value.startswith("#")}
    assert links <= places


async def test_the_page_is_sent_with_its_policy(tmp_path: Path) -> None:
    """As HTML, with a content security policy that allows its own style only."""
    async with serving(write_project(tmp_path)) as client:
        answer = await client.http.get("/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "startRun" in answer.text
