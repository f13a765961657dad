"""The report for a pull request comment: a table, folded examples, and nothing from others that is more than text."""

from html.parser import HTMLParser
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from reporting import example, failed, failing_run, passed, row, texts, two_suites

from domain.spec import Statistics
from service.reports.markdown import COMMENT, markdown_report
from service.reports.markdown_text import code, prose

GOLDEN = Path(__file__).parent / "golden" / "report"

_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Page(HTMLParser):
    """The tags of a page, and the text outside `pre` and `code`, where hosts look for names and addresses."""

    def __init__(self, markdown: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open_text: list[str] = []
        self._quoting = 0
        self.feed(_PARSER.render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append(tag)
        self._quoting += tag in {"pre", "code"}

    def handle_endtag(self, tag: str) -> None:
        """Leave a quotation."""
        self._quoting -= tag in {"pre", "code"}

    def handle_data(self, data: str) -> None:
        """Note text that is not quoted."""
        if not self._quoting:
            self.open_text.append(data)


def quoting(text: str) -> str:
    """The report of a run that holds a text in every place where one can be."""
    wrong = example(text, 0.0, question=text, expected=text, output=text)
    wrong = msgspec.structs.replace(wrong, scores={text: 0.5}, errors={text: text})
    lost = example("lost", error=text or "-", harness=text)
    run = failed(row(text, 0.5, passed=False, harness=text), row(passed=True, suite=text), examples=(wrong, lost))
    return markdown_report(msgspec.structs.replace(run, suite=text, run_id=text, error=text, warnings=[text]))


def test_a_failed_run_is_a_table_with_folded_examples() -> None:
    """The comment on a run that failed is exactly the one written by hand."""
    assert markdown_report(failing_run()) == (GOLDEN / "failed.md").read_text()


def test_a_passing_run_has_no_examples_to_show() -> None:
    """Headline, counts and table are all."""
    assert markdown_report(passed(row(), examples=(example(),))) == (
        "## ✅ PASS: `qa`\n\n"
        "1 of 1 example passed · 1 of 1 grader passed · 43 s · `run-20260315-143022-a3f7`\n\n"
        "| grader | score | interval | threshold | status |\n"
        "| --- | ---: | :---: | ---: | --- |\n"
        "| `exact_match` | 0.74 |  | ≥ 0.70 | ✅ pass |\n"
    )


def test_several_suites_and_harnesses_get_columns() -> None:
    """Suite and harness are told, rows that don't decide, tokens, costs, and why there is no verdict."""
    report = markdown_report(two_suites())

    assert "## ⚠️ ERROR: `qa, maths`" in report
    assert "**Error:** no example of suite 'maths' has a score of grader 'regex'" in report
    assert "| grader | suite | harness | score | interval | threshold | status |" in report
    assert "| `exact_match` | `qa` | `qa-v1` | 0.74 |  | ≥ 0.70 | ✅ pass |" in report
    assert "| `llm_judge` | `maths` | `maths-v1` | 0.40 |  |  | does not decide |" in report
    assert "| `regex` | `maths` | `maths-v1` |  |  | ≥ 0.50 | ❌ fail, no scores |" in report
    assert "12,345 tokens in, 678 out · cost 0.0123" in report


def test_the_bound_and_the_sample_are_told() -> None:
    """A row held to its lower bound says so, and that it rests on few examples."""
    run = failed(row(score=0.9, passed=False, n=12, interval=(0.64, 0.97)))
    statistics = {"qa": Statistics(use_lower_bound=True, min_sample_size=30)}

    assert "❌ fail, DELTA: -0.06 of the lower bound, low confidence, n=12 |" in markdown_report(
        run, statistics=statistics
    )


def test_only_some_examples_are_shown() -> None:
    """The rest is counted."""
    run = failed(row(score=0.0, passed=False), examples=tuple(example(f"ex-{number}", 0.0) for number in range(7)))

    report = markdown_report(run, max_examples=5)

    assert "`ex-4`" in report
    assert "`ex-5`" not in report
    assert "*2 more examples left out here; the JSON file has them all.*" in report


def test_a_comment_has_room_for_a_long_report() -> None:
    """However many rows, warnings and examples there are, the report stays within a comment."""
    long = "x|" * 3000
    run = failed(
        *(row(f"{long}{number}", 0.5, passed=False) for number in range(500)),
        examples=tuple(example(f"ex-{number}", 0.0, question=long, output=long) for number in range(200)),
    )
    run = msgspec.structs.replace(run, error=long, warnings=[long] * 100)

    for limit in (10_000, COMMENT):
        report = markdown_report(run, max_examples=200, limit=limit)

        assert len(report) <= limit
        assert "more rows left out here" in report
        assert "more warnings left out here" in report
        assert "more examples left out here" in report
        assert report.endswith("</details>\n")


def test_names_read_well_in_the_source() -> None:
    """A plain name is a code span; one with signs of markdown is spelled in entities."""
    assert code("exact_match") == "`exact_match`"
    assert code("a|b`c") == "<code>a&#124;b&#96;c</code>"
    assert prose("min_sample_size is 30: see @team") == "min_sample_size is 30: see &#64;<!-- -->team"


@settings(deadline=None, max_examples=60)
@given(texts())
def test_texts_add_no_tags_and_no_rows(text: str) -> None:
    """Whatever a model, a dataset or a name says, the page has the structure it has for the letter x."""
    assert [tag for tag in Page(quoting(text)).tags if tag != "code"] == [
        tag for tag in Page(quoting("x")).tags if tag != "code"
    ]


@settings(deadline=None, max_examples=60)
@given(texts())
def test_texts_stay_apart_from_what_hosts_make_links_of(text: str) -> None:
    """No mention, reference or address of theirs stands in one piece outside code."""
    pieces = Page(quoting(text)).open_text

    assert not [piece for piece in pieces for sign in ("@s", "@b", "#1", "http:/", "www.e", ":tada") if sign in piece]


@settings(deadline=None, max_examples=60)
@given(texts(), st.integers(10_000, 20_000))
def test_any_report_fits(text: str, limit: int) -> None:
    """The limit holds for any text."""
    run = failed(row(text, 0.5, passed=False), examples=(example(text, 0.0, question=text * 50),) * 30)

    assert len(markdown_report(run, limit=limit)) <= limit
