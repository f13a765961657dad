"""JUnit XML that tools read: valid by Jenkins' schema, rightly counted, with a failed testcase for each failed row."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from reporting import example, failed, failing_run, passed, row, texts, two_suites

from service.reports.document import ResultDocument
from service.reports.junit import junit_report

GOLDEN = Path(__file__).parent / "golden"


def quoting(text: str) -> ResultDocument:
    """A run that holds a text in every place where one can be."""
    wrong = example(text, 0.0, question=text, expected=text, output=text, suite=text, harness=text)
    wrong = msgspec.structs.replace(wrong, scores={text: 0.5}, errors={text: text})
    run = failed(
        row(text, 0.5, passed=False, harness=text, suite=text),
        examples=(wrong, example(text, 0.0, output=text), example("lost", error=text or "-")),
    )
    return msgspec.structs.replace(run, suite=text, error=text, verdict=None, status="error", started_at=text)


def test_a_failed_run_is_told_as_testcases() -> None:
    """The XML of a run that failed is exactly the one written by hand."""
    assert junit_report(failing_run()) == (GOLDEN / "report" / "failed.xml").read_text()


@pytest.mark.parametrize("document", [failing_run(), two_suites(), passed(row(), examples=(example(),))])
def test_the_schema_holds(document: ResultDocument) -> None:
    """Runs of every kind are valid by the schema of Jenkins' xUnit plugin (junit-10.xsd, MIT; its terms are in it)."""
    xmlschema = pytest.importorskip("xmlschema")

    xmlschema.XMLSchema(str(GOLDEN / "junit.xsd")).validate(junit_report(document))


@pytest.mark.parametrize("document", [failing_run(), two_suites(), quoting("x")])
def test_the_counts_are_those_of_the_testcases(document: ResultDocument) -> None:
    """What a testsuite and the whole count is what stands in them."""
    root = ET.fromstring(junit_report(document))

    for element in [root, *root.iter("testsuite")]:
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
        assert element.get("failures") == str(len(list(element.iter("failure"))))
        assert element.get("errors") == str(len(list(element.iter("error"))))


def test_a_run_that_is_worse_than_its_baseline_says_so() -> None:
    """No example is below a baseline's row: its testcase tells the run's warnings, which name the graders."""
    held = row("baseline", 0.5, 1.0, passed=False, n=20)
    warned = msgspec.structs.replace(failed(row(), held, examples=(example(),)), warnings=["'exact_match' is worse"])

    (case,) = ET.fromstring(junit_report(warned)).iter("failure")

    assert case.get("message") == "baseline: a deciding grader is worse than in the baseline (n=20)"
    assert case.text == "baseline: a deciding grader is worse than in the baseline (n=20)\n'exact_match' is worse"


def test_times_are_seconds() -> None:
    """A testcase takes its latency, a testsuite their sum, the whole what the run took."""
    root = ET.fromstring(junit_report(failing_run()))

    assert [case.get("time") for case in root.iter("testcase")][5:7] == ["0.250", "1.000"]
    assert [suite.get("time") for suite in root] == ["2.500", "0.000"]
    assert root.get("time") == "43.000"


def test_a_failed_verdict_has_a_failed_testcase_without_any_failed_example() -> None:
    """The lower bound of four right answers is below 0.7: the row's testcase fails."""
    right = tuple(example(f"ex-{number}") for number in range(4))
    root = ET.fromstring(junit_report(failed(row(score=1.0, passed=False, n=4, interval=(0.51, 1.0)), examples=right)))

    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == ["exact_match"]
    assert [failure.get("message") for failure in root.iter("failure")] == [
        "exact_match: lower bound 0.51 < 0.70 (DELTA: -0.19, n=4)"
    ]


def test_a_run_without_a_verdict_has_an_error() -> None:
    """The reason stands in a testcase of its own."""
    root = ET.fromstring(junit_report(two_suites()))

    assert [(case.get("classname"), case.get("name")) for case in root.iter("testcase")][-1] == ("run", "verdict")
    assert [error.get("message") for error in root.iter("error")] == [
        "no example of suite 'maths' has a score of grader 'regex'"
    ]


def test_no_two_testcases_have_the_same_name() -> None:
    """Readers drop the second of two: harnesses, suites and rows keep theirs apart."""
    run = failed(
        row(harness="qa-v1"),
        row(harness="qa-v2"),
        row(),
        row(suite="maths"),
        examples=(
            example("exact_match"),
            example("exact_match", harness="qa-v2"),
            example("exact_match", suite="maths"),
        ),
    )
    names = [(case.get("classname"), case.get("name")) for case in ET.fromstring(junit_report(run)).iter("testcase")]

    assert len(set(names)) == len(names) == 7


def test_characters_that_xml_forbids_are_seen() -> None:
    """They are written as their numbers."""
    report = junit_report(failed(row(), examples=(example(score=0.0, output="a\x00b\x1b[31mc\ufffe"),)))

    assert "got: a&lt;U+0000&gt;b&lt;U+001B&gt;[31mc&lt;U+FFFE&gt;</failure>" in report


def test_a_long_output_is_cut_in_the_middle() -> None:
    """Its ends stay."""
    report = junit_report(failed(row(), examples=(example(score=0.0, output="start" + "x" * 9_000_000 + "end"),)))

    assert len(report) < 10_000
    assert "got: start" in report
    assert "end</failure>" in report


@settings(deadline=None, max_examples=60)
@given(texts())
def test_no_text_breaks_the_xml(text: str) -> None:
    """Any text gives well-formed, valid XML with the testcases it has for the letter x."""
    report = junit_report(quoting(text))

    def tags(document: str) -> list[str]:
        return sorted(element.tag for element in ET.fromstring(document).iter())

    assert tags(report) == tags(junit_report(quoting("x")))
    assert report.encode()
