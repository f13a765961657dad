"""A result file as one side of a comparison: it holds examples and rows, but not what the run was made of."""

from collections.abc import Iterator

from msgspec import UNSET

from domain.comparison import Key, Series
from domain.pairing import Recorded
from domain.spec import Statistics
from service.comparing import ReadExample, Side, record
from service.comparison_document import ComparedRun
from service.reports.decisions import OVERALL, is_baseline
from service.reports.document import ResultDocument, ResultRow


def side_of_file(document: ResultDocument) -> Side:
    """Read a run from its document."""
    recorded: dict[Key, Recorded] = {}
    examples: dict[Key, list[ReadExample]] = {}
    for entry in document.examples:
        example = ReadExample(
            id=entry.id,
            passed=entry.passed,
            input=entry.input,
            expected=entry.expected,
            output=entry.output,
            scores=entry.scores,
            suite=entry.suite,
            harness=entry.harness,
        )
        record(recorded, example)
        examples.setdefault(example.key, []).append(example)

    async def find(key: Key, place: int) -> ReadExample:
        return examples[key][place]

    return Side(_describe(document), recorded, find, list(_series(document)), None, list(_untold(document)))


def _series(document: ResultDocument) -> Iterator[Series]:
    """Give the rows as they stand, but those of weights, which no document tells."""
    alone = {(row.suite, row.harness, row.name) for row in [*document.grader_results, *document.informational]}
    places = dict.fromkeys((example.suite, example.harness) for example in document.examples)
    for row in [*document.grader_results, *document.informational]:
        if is_baseline(row) or _is_weighted(row):
            continue
        pooled = [
            harness for suite, harness in places if suite == row.suite and (suite, harness, row.name) not in alone
        ]
        own = pooled if row.harness is None else [row.harness]
        decides = row not in document.informational
        yield Series(
            name=row.name,
            suite=row.suite or "",
            harness=row.harness,
            harnesses=[harness or "" for harness in own],
            mark=(row.threshold if row.pass_at is None else row.pass_at) if decides else None,
            pass_at=row.pass_at,
            weights=None,
            confidence_level=Statistics().confidence_level,
        )


def _untold(document: ResultDocument) -> Iterator[str]:
    level = Statistics().confidence_level
    yield f"a result file does not tell the confidence level: intervals are at {level:g}"
    for row in document.grader_results:
        if _is_weighted(row):
            yield f"a result file does not tell weights: 'overall' of harness '{row.harness}' is not compared"


def _is_weighted(row: ResultRow) -> bool:
    return row.name == OVERALL and row.harness is not None


def _describe(document: ResultDocument) -> ComparedRun:
    return ComparedRun(
        run_id=document.run_id,
        status="error" if document.status == "cancelled" else document.status,
        suite=document.suite,
        suites=document.suites or UNSET,
        started_at=document.started_at,
        verdict=document.verdict or UNSET,
        error=document.error or UNSET,
    )
