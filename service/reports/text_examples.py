"""The examples behind a decision, for a terminal."""

from collections.abc import Iterator, Sequence

import msgspec
from rich.cells import cell_len

from service.reports.columns import NARROWEST, Style, painted
from service.reports.decisions import (
    OVERALL,
    StatisticsBySuite,
    examples_below,
    has_several_harnesses,
    is_baseline,
    mark_of,
    share,
    statistics_of,
    suites_in,
    why_failed,
)
from service.reports.document import ResultDocument, ResultExample, ResultRow
from service.reports.numbers import counted, shown, shown_threshold
from service.reports.visible import fitted, one_line, quoted, wrapped

FIRST = 5
LINES = 3
"""How many examples of a grader are told unless all are asked for, and how many lines a text gets."""

LABELS = ("input", "expected", "got", "detail", "error")
LABEL = " " * 6


class TextExamples:
    """Writes examples `width` columns wide; `show_all` of them, or the first five of each kind."""

    def __init__(self, document: ResultDocument, width: int, *, color: bool, show_all: bool) -> None:
        self._document = document
        self._width = width
        self._color = color
        self._show_all = show_all
        self._several = has_several_harnesses(document)

    def failed_graders(self, statistics: StatisticsBySuite) -> Iterator[str]:
        """Each grader that failed, with the examples that did not reach its mark."""
        failed = [row for row in self._document.grader_results if not row.passed]
        if failed:
            yield self._painted("Failed graders:", "strong")
        for row in failed:
            below = examples_below(self._document, row)
            summary = self._summary(row, below, statistics)
            name = fitted(self._row_name(row), max(NARROWEST, self._width - len(f"    {summary}")))
            yield f"  {self._painted(name, 'bad')}  {summary}"
            for example in self._told(below):
                yield from self._example(example, row)
            yield from self._left_out(len(below))

    def errors(self) -> Iterator[str]:
        """The model and grader errors, a line each."""
        lines = [line for example in self._document.examples for line in self._errors_of(example)]
        if lines:
            yield self._painted("Errors:", "strong")
        yield from lines if self._show_all else lines[:FIRST]
        yield from self._left_out(len(lines))

    def passing(self) -> Iterator[str]:
        """Every example that passed."""
        passed = [example for example in self._document.examples if example.passed]
        yield self._painted(f"Passing examples: {share(len(passed), self._document)}", "strong")
        for example in passed:
            yield from self._example(example, None)

    def _told(self, examples: Sequence[ResultExample]) -> Sequence[ResultExample]:
        return examples if self._show_all else examples[:FIRST]

    def _left_out(self, number: int) -> Iterator[str]:
        if number > FIRST and not self._show_all:
            yield f"    ... and {number - FIRST:,} more (--show-all-failures tells all)"

    def _row_name(self, row: ResultRow) -> str:
        places = [row.suite] if len(suites_in(self._document)) > 1 else []
        places += [row.harness] if self._several else []
        where = " / ".join(one_line(place) for place in places if place)
        name = one_line(row.name)
        return f"{name} ({where})" if where else name

    def _summary(self, row: ResultRow, below: Sequence[ResultExample], statistics: StatisticsBySuite) -> str:
        if is_baseline(row):
            return "see the warnings; `matchspec report --compare` tells which examples"
        if not self._document.examples:
            return "(this document holds no examples)"
        failure = why_failed(row, statistics_of(row, statistics))
        if failure is not None and failure.by == "no scores":
            return "no example has a score"
        mark = shown_threshold(mark_of(row))
        summary = f"{len(below):,} of {counted(row.n, 'example')} " + (
            "did not pass" if row.name == OVERALL else f"below {mark}"
        )
        return f"{summary}; the {failure.by} decides" if failure and failure.by == "lower bound" else summary

    def _example(self, example: ResultExample, row: ResultRow | None) -> Iterator[str]:
        yield "    " + "  ".join(self._facts(example, row))
        yield from self._text("input", quoted(example.input))
        yield from self._text("expected", quoted(example.expected))
        yield from self._text("got", quoted(example.output or ""))
        details = example.details if row is None or row.name == OVERALL else _only(example.details, row.name)
        for name, detail in details.items():
            text = one_line(detail if isinstance(detail, str) else msgspec.json.encode(detail).decode())
            yield from self._text("detail", text if row and row.name == name else f"{one_line(name)}: {text}")

    def _facts(self, example: ResultExample, row: ResultRow | None) -> Iterator[str]:
        yield self._painted(fitted(one_line(example.id), self._width // 2), "strong")
        if row is not None and row.name in example.scores:
            yield shown(example.scores[row.name], mark_of(row))
        else:
            yield ", ".join(f"{one_line(name)} {score:.2f}" for name, score in example.scores.items())
        if self._several and example.harness and (row is None or row.harness is None):
            yield self._painted(one_line(example.harness), "faint")
        if example.tags:
            yield self._painted(f"[{', '.join(one_line(tag) for tag in example.tags)}]", "faint")

    def _text(self, label: str, text: str) -> Iterator[str]:
        margin = f"{LABEL}{label:<10}"
        cells = max(20, self._width - len(margin))
        first, *others = wrapped(fitted(text, LINES * cells - cells // 2), cells)
        yield f"{LABEL}{self._painted(f'{label:<10}', 'faint')}{first}".rstrip()
        yield from (" " * len(margin) + line for line in others)

    def _errors_of(self, example: ResultExample) -> Iterator[str]:
        where = f"{one_line(example.harness or '')} / " if self._several else ""
        name = fitted(f"{where}{one_line(example.id)}", self._width // 2)
        told = {"model": example.error, **example.errors} if example.error is not None else example.errors
        for who, why in told.items():
            by = fitted(one_line(who), self._width // 4)
            room = self._width * LINES - cell_len(f"  {name}  {by}: ")
            yield f"  {self._painted(name, 'strong')}  {by}: {fitted(one_line(why or ''), room)}"

    def _painted(self, text: str, style: Style) -> str:
        return painted(text, style, color=self._color)


def _only(details: dict[str, object], name: str) -> dict[str, object]:
    return {name: details[name]} if name in details else {}
