"""JUnit XML, as continuous integration reads it.

A testsuite per harness with a testcase per example, and one per suite with a testcase per row of the decision: a run
that failed always has a testcase that failed. Elements and attributes are those of Jenkins' schema (`junit-10.xsd`).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.etree import ElementTree as ET

from domain.spec import Statistics
from service.reports.decisions import (
    Failure,
    examples_below,
    is_baseline,
    mark_of,
    statistics_of,
    suites_in,
    why_failed,
)
from service.reports.document import ResultDocument, ResultExample, ResultRow
from service.reports.numbers import counted, shown, shown_delta, shown_threshold
from service.reports.visible import one_line, shortened, visible

TEXT = 4_000
"""How many characters of an input, an expected text or an output go in: readers refuse files of some 30 MB."""

MESSAGE = 300


class Case(NamedTuple):
    """A testcase: `kind` and `message` say what is wrong with it, `seconds` how long it took."""

    name: str
    seconds: float = 0.0
    kind: str | None = None
    type: str = ""
    message: str = ""
    text: str = ""


def junit_report(document: ResultDocument, *, statistics: Mapping[str, Statistics] | None = None) -> str:
    """Write a run as JUnit XML; `statistics` by suite make its messages exact. To be stored as UTF-8."""
    root = ET.Element("testsuites", name=one_line(f"matchspec {document.title}"))
    for name, cases in _suites(document, statistics or {}):
        _add_suite(root, name, cases, document.started_at)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{document.duration_seconds or 0.0:.3f}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suites(document: ResultDocument, statistics: Mapping[str, Statistics]) -> Iterator[tuple[str, list[Case]]]:
    by_harness: dict[tuple[str | None, str | None], list[Case]] = {}
    for example in document.examples:
        by_harness.setdefault((example.suite, example.harness), []).append(_example_case(example))
    for suite in suites_in(document):
        yield from ((_joined(*place), cases) for place, cases in by_harness.items() if place[0] == suite)
        rows = [row for row in document.grader_results if row.suite == suite]
        yield f"{_joined(suite, None)} graders", [_row_case(row, document, statistics) for row in rows]
    known = set(suites_in(document))
    yield from ((_joined(*place), cases) for place, cases in by_harness.items() if place[0] not in known)
    if document.verdict is None:
        yield "run", [_run_case(document)]


def _joined(suite: str | None, harness: str | None) -> str:
    return ".".join(one_line(name) for name in (suite, harness) if name) or "matchspec"


def _add_suite(root: ET.Element, name: str, cases: list[Case], started_at: str) -> None:
    attributes = {
        "name": name,
        "tests": str(len(cases)),
        "failures": str(sum(case.kind == "failure" for case in cases)),
        "errors": str(sum(case.kind == "error" for case in cases)),
        "skipped": "0",
        "time": f"{sum(case.seconds for case in cases):.3f}",
        "timestamp": visible(started_at.removesuffix("Z")),
    }
    suite = ET.SubElement(root, "testsuite", attributes)
    for case in cases:
        _add_case(suite, name, case)


def _add_case(suite: ET.Element, class_name: str, case: Case) -> None:
    attributes = {"classname": class_name, "name": one_line(case.name), "time": f"{case.seconds:.3f}"}
    element = ET.SubElement(suite, "testcase", attributes)
    if case.kind is not None:
        told = {"type": case.type, "message": shortened(one_line(case.message), MESSAGE)}
        ET.SubElement(element, case.kind, told).text = visible(case.text or case.message)


def _example_case(example: ResultExample) -> Case:
    case = Case(example.id, example.latency_ms / 1000)
    text = "\n".join(_told(example))
    if example.error is not None:
        return case._replace(kind="error", type="model_error", message=f"model: {example.error}", text=text)
    if example.errors:
        message = "; ".join(f"{grader}: {why}" for grader, why in example.errors.items())
        return case._replace(kind="error", type="grader_error", message=message, text=text)
    if not example.passed:
        message = f"expected {shortened(example.expected, 100)}, got {shortened(example.output or '', 100)}"
        return case._replace(kind="failure", type="example", message=message, text=text)
    return case


def _told(example: ResultExample) -> Iterator[str]:
    yield "scores: " + (", ".join(f"{name} {score:.4g}" for name, score in example.scores.items()) or "none")
    for name, text in (("input", example.input), ("expected", example.expected), ("got", example.output)):
        yield f"{name}: {'(no answer)' if text is None else shortened(text, TEXT)}"
    if example.error is not None:
        yield f"model: {shortened(example.error, TEXT)}"
    yield from (f"{grader}: {shortened(why, TEXT)}" for grader, why in example.errors.items())


def _row_case(row: ResultRow, document: ResultDocument, statistics: Mapping[str, Statistics]) -> Case:
    name = f"{row.name} ({row.harness})" if row.harness is not None else row.name
    failure = why_failed(row, statistics_of(row, statistics))
    if failure is None:
        return Case(name)
    if is_baseline(row):
        message = f"{row.name}: a deciding grader is worse than in the baseline (n={row.n})"
        return Case(name, kind="failure", type="grader", message=message, text="\n".join([message, *document.warnings]))
    below = [example.id for example in examples_below(document, row)]
    text = f"{_why(row, failure)}\n{counted(len(below), 'example')} below {shown_threshold(mark_of(row))}"
    return Case(name, kind="failure", type="grader", message=_why(row, failure), text="\n".join([text, *below[:100]]))


def _why(row: ResultRow, failure: Failure) -> str:
    threshold = shown_threshold(row.threshold)
    if failure.value is None:
        what = "no example has a score" if failure.by == "no scores" else "too few examples"
        return f"{row.name}: {what} (n={row.n}, threshold {threshold})"
    value, delta = shown(failure.value, row.threshold), shown_delta(failure.value, row.threshold)
    return f"{row.name}: {failure.by} {value} < {threshold} (DELTA: {delta}, n={row.n})"


def _run_case(document: ResultDocument) -> Case:
    why = document.error or f"the run has no verdict: its status is {document.status}"
    return Case("verdict", kind="error", type=document.status, message=why)
