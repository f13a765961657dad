"""The badge, and the names of result files."""

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting import failed, passed, row, texts

from service.reports.badge import badge
from service.reports.document import ResultDocument
from service.reports.names import expired_results, expired_run_logs, result_name

GOLDEN = Path(__file__).parent / "golden" / "report"
NOON = datetime(2026, 3, 15, 12, 0, 0, tzinfo=UTC)


def title(document: ResultDocument) -> str | None:
    """What a screen reader says of a badge."""
    return ET.fromstring(badge(document)).findtext("{http://www.w3.org/2000/svg}title")


def test_a_badge_tells_verdict_and_score() -> None:
    """It is exactly the one written by hand."""
    assert badge(passed(row(score=0.8612))) == (GOLDEN / "badge.svg").read_text()


def test_the_overall_row_speaks_for_the_others() -> None:
    """Its score is the one shown."""
    assert title(failed(row(), row("overall", 0.698, 0.7, passed=False))) == "matchspec: FAIL 0.698"


def test_without_one_score_for_all_the_rows_that_passed_are_counted() -> None:
    """Two rows, one of which failed."""
    assert title(failed(row(), row("regex", 0.1, passed=False))) == "matchspec: FAIL 1/2"


@pytest.mark.parametrize(("status", "text"), [("error", "ERROR"), ("cancelled", "CANCELLED"), ("running", "RUNNING")])
def test_a_run_without_a_verdict_shows_its_status(status: str, text: str) -> None:
    """No score is claimed."""
    run = msgspec.convert(msgspec.to_builtins(passed(row())) | {"status": status, "verdict": None}, ResultDocument)

    assert title(run) == f"matchspec: {text}"


@given(texts())
def test_no_label_breaks_a_badge(label: str) -> None:
    """It stays well-formed, with the elements it has."""
    elements = [element.tag for element in ET.fromstring(badge(passed(row()), label)).iter()]

    assert elements == [element.tag for element in ET.fromstring(badge(passed(row()))).iter()]


def test_a_result_is_named_after_suite_and_time() -> None:
    """Times are UTC; the ending tells the format."""
    assert result_name("qa", NOON) == "qa-20260315-120000.json"
    assert result_name("qa", NOON, "junit") == "qa-20260315-120000.xml"
    assert result_name(None, NOON, "markdown") == "all-20260315-120000.md"


@pytest.mark.parametrize(
    "suite", ["a/b", "../../etc/passwd", "", "..", "all", "判定", "a\x00b", "x" * 500, "-rf", "C:\\x"]
)
def test_any_suite_gives_a_safe_name(suite: str) -> None:
    """A name is one part of a path, is no option, and is not taken by another suite."""
    name = result_name(suite, NOON)

    assert Path(name).name == name
    assert name.isascii()
    assert name[0].isalnum()
    assert len(name) < 200
    assert not set(name) & set('/\\:*?"<>|\x00')
    assert name not in {result_name("a-b", NOON), result_name(None, NOON), result_name("x" * 499, NOON)}


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_suites_never_share_a_name(one: str, other: str) -> None:
    """Different suites, different files; and each can be told by its age."""
    assert (result_name(one, NOON) == result_name(other, NOON)) == (one == other)
    assert expired_results([result_name(one, NOON)], datetime(2026, 4, 1, tzinfo=UTC), 7)


def test_only_old_results_expire() -> None:
    """Fourteen days are kept; what has another name is never touched."""
    names = [
        "qa-20260301-115959.json",
        "qa-20260301-120000.json",
        "all-20250101-000000.xml",
        "deep-qa.v2-20250101-000000.md",
        "notes-20250101.json",
        "qa-20250101-000000.json.bak",
        "qa-20259999-000000.json",
        "qa-20250101-000000.yml",
        "../qa-20250101-000000.json",
        "20250101-000000.json",
        "qa-20250101-000000.json\n",
    ]

    assert expired_results(names, NOON, 14) == [
        "qa-20260301-115959.json",
        "all-20250101-000000.xml",
        "deep-qa.v2-20250101-000000.md",
    ]


def test_zero_days_keep_everything() -> None:
    """The default deletes nothing."""
    assert expired_results(["qa-19990101-000000.json"], NOON, 0) == []
    assert expired_run_logs(["run-19990101-000000-00ff.db"], NOON, 0) == []


def test_old_run_logs_expire_with_what_sqlite_writes_beside_them() -> None:
    """The log of a server is never one of them."""
    names = ["run-20250101-000000-00ff.db", "run-20250101-000000-00ff.db-wal", "matchspec.db", "run-1.db"]

    assert expired_run_logs(names, NOON, 1) == names[:2]
