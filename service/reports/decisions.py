"""Why a row failed, and which examples made it fail."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from domain.spec import Statistics
from domain.statistics import reaches
from service.reports.document import ResultDocument, ResultExample, ResultRow
from service.reports.numbers import counted

BASELINE = "baseline"
OVERALL = "overall"
"""The row of a weighted harness; no grader may have this name."""

StatisticsBySuite = Mapping[str, Statistics]
"""The statistics of the suites whose configuration sets any."""


class Failure(NamedTuple):
    """What missed the threshold, and its value; a sample that is too small has none, nor have missing scores."""

    by: Literal["score", "lower bound", "sample", "no scores"]
    value: float | None


def why_failed(row: ResultRow, statistics: Statistics | None) -> Failure | None:
    """Tell what made a row fail; None for one that passed.

    Without the suite's statistics, a row that failed though its score reaches the threshold was most likely held to its
    lower bound.
    """
    if row.passed:
        return None
    if row.score is None:
        return Failure("no scores", None)
    by_bound = row.ci_lower is not None
    by_bound &= statistics.use_lower_bound if statistics else reaches(row.score, row.threshold)
    if by_bound and row.ci_lower is not None and not reaches(row.ci_lower, row.threshold):
        return Failure("lower bound", row.ci_lower)
    if not by_bound and not reaches(row.score, row.threshold):
        return Failure("score", row.score)
    return Failure("sample", None)


def statistics_of(row: ResultRow, statistics: StatisticsBySuite) -> Statistics | None:
    """The statistics that a row was decided by, where they are known."""
    return statistics.get(row.suite or "")


def is_small(row: ResultRow, statistics: Statistics | None) -> bool:
    """Tell whether a row rests on fewer examples than its suite asks for."""
    return statistics is not None and row.n < statistics.min_sample_size


def is_baseline(row: ResultRow) -> bool:
    """Tell whether a row is that of a run held to another one: it has a score, but none of any example."""
    return row.name == BASELINE and row.score is not None and row.pass_rate is None


def mark_of(row: ResultRow) -> float:
    """The mark at which one example passes a row."""
    return row.threshold if row.pass_at is None else row.pass_at


def examples_below(document: ResultDocument, row: ResultRow) -> list[ResultExample]:
    """The examples that were scored and did not reach a row's mark, in the document's order."""
    alone = _harnesses_with_a_row_of_their_own(document, row)
    return [example for example in document.examples if _belongs(example, row, alone) and _is_below(example, row)]


def share(number: int, document: ResultDocument) -> str:
    """Write a number of the document's examples: `2 of 120 examples`."""
    total = len(document.examples)
    return f"{number:,} of {counted(total, 'example')}" if total else counted(number, "example")


def has_several_harnesses(document: ResultDocument) -> bool:
    """Tell whether a row's harness says something."""
    examples = {(example.suite, example.harness) for example in document.examples}
    rows = {(row.suite, row.harness) for row in document.grader_results if row.harness is not None}
    return len(examples | rows) > 1


def suites_in(document: ResultDocument) -> list[str | None]:
    """The suites of the rows, in their order."""
    return list(dict.fromkeys(row.suite for row in [*document.grader_results, *document.informational]))


def rows_by_suite(document: ResultDocument) -> list[ResultRow]:
    """All rows in the order of their suites, in each those that don't decide last."""
    rows = [*document.grader_results, *document.informational]
    return [row for suite in suites_in(document) for row in rows if row.suite == suite]


def _harnesses_with_a_row_of_their_own(document: ResultDocument, pooled: ResultRow) -> set[str]:
    return {
        row.harness
        for row in document.grader_results
        if row.harness is not None and row.name == pooled.name and row.suite == pooled.suite
    }


def _belongs(example: ResultExample, row: ResultRow, alone: set[str]) -> bool:
    if row.suite is not None and example.suite is not None and example.suite != row.suite:
        return False
    return example.harness == row.harness if row.harness is not None else example.harness not in alone


def _is_below(example: ResultExample, row: ResultRow) -> bool:
    if row.name == OVERALL:
        return not example.passed and example.error is None and not example.errors
    score = example.scores.get(row.name)
    return score is not None and not reaches(score, mark_of(row))
