"""The rows of the decision, for a terminal."""

from collections.abc import Iterator, Mapping

import click
from rich.cells import cell_len

from domain.spec import Statistics
from service.reports.columns import GUTTER, Cell, Line, Style, aligned, painted
from service.reports.decisions import (
    StatisticsBySuite,
    has_several_harnesses,
    is_small,
    rows_by_suite,
    share,
    statistics_of,
    suites_in,
    why_failed,
)
from service.reports.document import ResultDocument, ResultRow
from service.reports.numbers import counted, repeats_of, shown, shown_cost, shown_delta, shown_threshold
from service.reports.visible import one_line, wrapped

INDENT = "  "
OUTCOMES: Mapping[str, Style] = {"PASS": "good", "FAIL": "bad", "ERROR": "bad", "CANCELLED": "doubtful"}
HEAD = ("grader", "harness", "score", "interval", "n", "", "threshold", "")


def row_lines(document: ResultDocument, statistics: StatisticsBySuite, width: int, *, color: bool) -> Iterator[str]:
    """One line per row, by suite, those that don't decide last; then the outcome of all, and what it cost.

    Rows of several suites stand below their names; with any `statistics` it is a table with intervals.
    """
    rows = rows_by_suite(document)
    several = has_several_harnesses(document)
    head = [_head(several=several)] if statistics else []
    body = [_cells(row, document, statistics, several=several) for row in rows]
    lines = iter(aligned([*head, *body, *_foot(document)], width - len(INDENT), color=color))
    yield from (INDENT + painted(next(lines), "faint", color=color) for _ in head)
    suite = None
    for row in rows:
        if row.suite != suite and len(suites_in(document)) > 1:
            yield painted(one_line(row.suite or ""), "strong", color=color)
        suite = row.suite
        yield from _with_note(INDENT + next(lines), _note(row, statistics), width, color=color)
        if repeats := repeats_of(row.pass_at_k, row.pass_all_k, row.disagree):
            yield from (f"{INDENT}  {painted(part, 'faint', color=color)}" for part in wrapped(repeats, width - 4))
    yield from (INDENT + line for line in lines)


def _head(*, several: bool) -> Line:
    return [Cell(text if several or text != "harness" else "", right=text == "n") for text in HEAD]


def _foot(document: ResultDocument) -> Iterator[Line]:
    yield _fact("overall", Cell(document.outcome, OUTCOMES.get(document.outcome, "strong"), spills=True))
    if document.model_errors:
        yield _fact("model_errors", Cell(f"{share(document.model_errors, document)} failed", spills=True))
    if document.grader_errors:
        yield _fact("grader_errors", Cell(f"{counted(document.grader_errors, 'score')} missing", spills=True))
    if document.usage is not None:
        tokens = f"{document.usage.input_tokens:,} in, {document.usage.output_tokens:,} out"
        yield _fact("tokens", Cell(tokens, spills=True))
    if document.cost is not None:
        yield _fact("cost", Cell(shown_cost(document.cost), spills=True))


def _fact(name: str, fact: Cell) -> Line:
    return [Cell(name), Cell(""), fact, *[Cell("")] * (len(HEAD) - 3)]


def _cells(row: ResultRow, document: ResultDocument, statistics: StatisticsBySuite, *, several: bool) -> Line:
    decides = row not in document.informational
    remark = _why(row, statistics_of(row, statistics)) if decides else "does not decide"
    return [
        Cell(one_line(row.name)),
        Cell(one_line(row.harness or "") if several else "", "faint"),
        Cell("-" if row.score is None else shown(row.score, row.threshold)),
        Cell(_interval(row) if statistics else ""),
        Cell(f"{row.n:,}" if statistics else "", right=True),
        _mark(row) if decides else Cell("·", "faint"),
        Cell(f"(≥{shown_threshold(row.threshold)})" if decides else ""),
        Cell(remark, "bad" if decides else "faint", spills=True),
    ]


def _mark(row: ResultRow) -> Cell:
    return Cell("✓", "good") if row.passed else Cell("✗", "bad")


def _interval(row: ResultRow) -> str:
    if row.ci_lower is None or row.ci_upper is None:
        return "-"
    return f"{shown(row.ci_lower, row.threshold)} - {row.ci_upper:.2f}"


def _note(row: ResultRow, statistics: StatisticsBySuite) -> str:
    own = statistics_of(row, statistics)
    failure = why_failed(row, own)
    parts = []
    if failure is not None and failure.by == "lower bound" and failure.value is not None:
        parts.append(f"of its lower bound {shown(failure.value, row.threshold)}")
    if is_small(row, own):
        parts.append(f"[low confidence — n={row.n:,}]")
    return GUTTER.join(parts)


def _with_note(line: str, note: str, width: int, *, color: bool) -> Iterator[str]:
    told = painted(note, "doubtful", color=color)
    if note and cell_len(click.unstyle(line)) + len(GUTTER) + cell_len(note) > width:
        yield from (line, f"{INDENT}  {told}")
    else:
        yield f"{line}{GUTTER}{told}" if note else line


def _why(row: ResultRow, statistics: Statistics | None) -> str:
    failure = why_failed(row, statistics)
    if failure is None:
        return ""
    if failure.value is None:
        return "no scores" if failure.by == "no scores" else "too few examples"
    return f"DELTA: {shown_delta(failure.value, row.threshold)}"
