"""The report as a page of HTML: one file, for a browser, an attachment, an archive."""

from collections.abc import Iterator, Mapping

import msgspec

from domain.spec import Statistics
from service.reports.decisions import (
    examples_below,
    has_several_harnesses,
    is_baseline,
    is_small,
    rows_by_suite,
    share,
    statistics_of,
    suites_in,
    why_failed,
)
from service.reports.document import ResultDocument, ResultExample, ResultRow
from service.reports.numbers import counted, repeats_of, shown, shown_cost, shown_delta, shown_seconds, shown_threshold
from service.reports.page import Element, Part, node, write_page
from service.reports.visible import one_line, shortened
from service.version import VERSION

EXAMPLES = 200
TEXT = 10_000
"""How many examples that did not pass go in, and how many characters of each of their texts."""

OUTCOMES = {"PASS": "good", "FAIL": "bad", "ERROR": "bad"}


def html_report(document: ResultDocument, *, statistics: Mapping[str, Statistics] | None = None) -> str:
    """Write a run as a page of its own, to be stored as UTF-8; nothing that comes from others is more than text."""
    title = one_line(document.title)
    return write_page(
        f"{document.outcome}: {title}",
        node("h1", node("span", document.outcome, class_=f"chip {OUTCOMES.get(document.outcome, 'doubt')}"), title),
        *_facts(document),
        *_reasons(document),
        node("h2", "Decision"),
        node("div", _table(document, statistics or {}), class_="scroll"),
        *_failed(document),
        node("footer", f"matchspec {VERSION}"),
    )


def _facts(document: ResultDocument) -> Iterator[Element]:
    regrades = f", outputs of {one_line(document.regrades)}" if document.regrades else ""
    yield node(
        "p", node("code", one_line(document.run_id)), regrades, f", started {document.started_at}", class_="faint"
    )
    passed = sum(example.passed for example in document.examples)
    facts = [f"{passed:,} of {counted(len(document.examples), 'example')} passed"] if document.examples else []
    if document.duration_seconds is not None:
        facts.append(shown_seconds(document.duration_seconds))
    if document.model_errors:
        facts.append(f"the model failed on {share(document.model_errors, document)}")
    if document.grader_errors:
        facts.append(f"{counted(document.grader_errors, 'score')} missing")
    if document.usage is not None:
        facts.append(f"{document.usage.input_tokens:,} tokens in, {document.usage.output_tokens:,} out")
    if document.cost is not None:
        facts.append(f"cost {shown_cost(document.cost)}")
    yield node("p", " · ".join(facts))


def _reasons(document: ResultDocument) -> Iterator[Element]:
    if document.error is not None:
        yield node("p", node("strong", "Error: "), document.error, class_="bad")
    for warning in document.warnings:
        yield node("p", node("strong", "Warning: "), warning, class_="doubt")


def _table(document: ResultDocument, statistics: Mapping[str, Statistics]) -> Element:
    places = ["suite"] * (len(suites_in(document)) > 1) + ["harness"] * has_several_harnesses(document)
    head = [node("th", name) for name in ("grader", *places)]
    head += [node("th", name, class_="number") for name in ("score", "threshold")]
    head += [node("th", name) for name in ("interval", "")] + [node("th", "n", class_="number"), node("th", "")]
    rows = [node("tr", *_cells(row, document, statistics, places)) for row in rows_by_suite(document)]
    return node("table", node("thead", node("tr", *head)), node("tbody", *rows))


def _cells(
    row: ResultRow, document: ResultDocument, statistics: Mapping[str, Statistics], places: list[str]
) -> Iterator[Element]:
    decides = row not in document.informational
    yield node("td", one_line(row.name))
    for place in places:
        yield node("td", one_line((row.suite if place == "suite" else row.harness) or ""))
    yield node("td", "-" if row.score is None else shown(row.score, row.threshold), class_="number")
    yield node("td", f"≥ {shown_threshold(row.threshold)}" if decides else "", class_="number")
    if row.score is None or row.ci_lower is None or row.ci_upper is None:
        yield from (node("td", "-"), node("td"))
    else:
        yield node("td", f"{shown(row.ci_lower, row.threshold)} - {row.ci_upper:.2f}")
        yield node("td", _bar(row.score, row.ci_lower, row.ci_upper, row.threshold if decides else None))
    yield node("td", f"{row.n:,}", class_="number")
    yield node("td", *_status(row, statistics_of(row, statistics), decides=decides))


def _bar(score: float, lower: float, upper: float, threshold: float | None) -> Element:
    """Draw 0 to 1 with the interval as a band, the score in it, and the threshold."""
    parts = [node("rect", x=0, y=3, width=200, height=10, class_="track")]
    parts.append(
        node("rect", x=_place(lower), y=3, width=max(1.0, _place(upper) - _place(lower)), height=10, class_="band")
    )
    parts.append(node("rect", x=_place(score) - 1, y=1, width=2, height=14, class_="mark"))
    if threshold is not None:
        parts.append(node("rect", x=_place(threshold) - 0.5, y=0, width=1, height=16, class_="limit"))
    label = f"score {score:.2f} within {lower:.2f} to {upper:.2f}"
    return node("svg", *parts, viewBox="0 0 200 16", preserveAspectRatio="none", role="img", aria_label=label)


def _place(share: float) -> float:
    return round(200 * min(max(share, 0.0), 1.0), 1)


def _status(row: ResultRow, statistics: Statistics | None, *, decides: bool) -> Iterator[Part]:
    if not decides:
        yield node("span", "does not decide", class_="faint")
    elif row.passed:
        yield node("span", "✓ pass", class_="good")
    else:
        yield node("span", f"✗ fail{_why(row, statistics)}", class_="bad")
    if is_small(row, statistics):
        yield node("span", f" low confidence, n={row.n:,}", class_="doubt")
    if repeats := repeats_of(row.pass_at_k, row.pass_all_k, row.disagree):
        yield node("div", repeats, class_="faint")


def _why(row: ResultRow, statistics: Statistics | None) -> str:
    failure = why_failed(row, statistics)
    if failure is None or is_baseline(row):
        return ""
    if failure.value is None:
        return ", no scores" if failure.by == "no scores" else ", too few examples"
    of = " of the lower bound" if failure.by == "lower bound" else ""
    return f", {shown_delta(failure.value, row.threshold)}{of}"


def _failed(document: ResultDocument) -> Iterator[Element]:
    failed = [example for example in document.examples if not example.passed]
    if not failed:
        return
    yield node("h2", f"Not passed: {share(len(failed), document)}")
    below: dict[int, list[ResultRow]] = {}
    for row in document.grader_results:
        for example in examples_below(document, row):
            below.setdefault(id(example), []).append(row)
    for example in failed[:EXAMPLES]:
        yield _example(example, below.get(id(example), []))
    if len(failed) > EXAMPLES:
        yield node("p", f"... and {len(failed) - EXAMPLES:,} more, which this page leaves out", class_="faint")


def _example(example: ResultExample, below: list[ResultRow]) -> Element:
    scores = [f"{one_line(name)} {score:.2f}" for name, score in example.scores.items()]
    missing = [f"{one_line(name)} -" for name in example.errors]
    told = "no answer" if example.error is not None else ", ".join(scores + missing)
    harness = " / ".join(filter(None, (example.suite, example.harness)))
    summary = node(
        "summary", node("strong", one_line(example.id)), " ", node("span", one_line(harness), class_="faint"), " "
    )
    summary.append(node("span", told, class_="bad"))
    sides = node("div", _text("expected", example.expected), _text("got", example.output), class_="sides")
    parts = [_text("input", example.input), sides]
    parts += [_text("error", example.error)] if example.error is not None else []
    parts += [_text(f"{name} gave no score", error) for name, error in example.errors.items()]
    names = dict.fromkeys([row.name for row in below])
    parts += [_text(f"{name} tells", _told(example.details[name])) for name in names if name in example.details]
    return node("details", summary, node("div", *parts))


def _told(detail: object) -> str:
    return detail if isinstance(detail, str) else msgspec.json.format(msgspec.json.encode(detail)).decode()


def _text(label: str, text: str | None) -> Element:
    shown_text = node("p", "nothing", class_="faint") if text is None else node("pre", shortened(text, TEXT))
    return node("div", node("span", label, class_="faint"), shown_text)
