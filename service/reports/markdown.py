"""The report as markdown, made for a comment under a pull request."""

from collections.abc import Iterator, Mapping, Sequence

from domain.spec import Statistics
from service.reports.decisions import (
    has_several_harnesses,
    is_small,
    rows_by_suite,
    share,
    statistics_of,
    suites_in,
    why_failed,
)
from service.reports.document import ResultDocument, ResultExample, ResultRow
from service.reports.markdown_text import block, code, prose
from service.reports.numbers import counted, repeats_of, shown, shown_cost, shown_delta, shown_seconds, shown_threshold

COMMENT = 65_536
"""How many characters a comment on GitHub may have."""

EXAMPLES = 50
OUTCOMES = {"PASS": "✅", "FAIL": "❌", "ERROR": "⚠️"}
_SENTENCE = 120
"""Room that is kept for the sentence that tells what was left out."""


def markdown_report(
    document: ResultDocument,
    *,
    statistics: Mapping[str, Statistics] | None = None,
    max_examples: int = EXAMPLES,
    limit: int = COMMENT,
) -> str:
    """Write a run as markdown of at most `limit` characters (10,000 or more), with its first failing examples folded.

    Nothing that comes from a model, a dataset or a name is more than text in it.
    """
    head = [
        f"## {OUTCOMES.get(document.outcome, '⏹️')} {document.outcome}: {code(document.title)}\n\n",
        _counts(document),
    ]
    if document.error is not None:
        head.append(f"\n**Error:** {prose(document.error)}\n")
    room = limit - sum(map(len, head))
    table = _bounded(list(_table(document, statistics or {})), room // 2, "rows")
    warnings = _bounded(list(_warnings(document)), room // 4, "warnings")
    examples = _examples(document, max_examples, room - len(table) - len(warnings))
    return "".join([*head, table, warnings, examples])


def _counts(document: ResultDocument) -> str:
    passed = sum(example.passed for example in document.examples)
    rows = document.grader_results
    parts = [f"{passed:,} of {counted(len(document.examples), 'example')} passed"] if document.examples else []
    parts += [f"{sum(row.passed for row in rows):,} of {counted(len(rows), 'grader')} passed"]
    if document.model_errors:
        parts.append(f"model_errors: {share(document.model_errors, document)} failed")
    if document.grader_errors:
        parts.append(f"grader_errors: {counted(document.grader_errors, 'score')} missing")
    if document.duration_seconds is not None:
        parts.append(shown_seconds(document.duration_seconds))
    if document.usage is not None:
        parts.append(f"{document.usage.input_tokens:,} tokens in, {document.usage.output_tokens:,} out")
    if document.cost is not None:
        parts.append(f"cost {shown_cost(document.cost)}")
    regrades = f", outputs of {code(document.regrades)}" if document.regrades else ""
    return f"{' · '.join(parts)} · {code(document.run_id)}{regrades}\n"


def _table(document: ResultDocument, statistics: Mapping[str, Statistics]) -> Iterator[str]:
    several_suites, several = len(suites_in(document)) > 1, has_several_harnesses(document)
    places = ["suite"] * several_suites + ["harness"] * several
    names = ["grader", *places, "score", "interval", "threshold", "status"]
    yield f"\n| {' | '.join(names)} |\n|{' --- |' * (1 + len(places))} ---: | :---: | ---: | --- |\n"
    for row in rows_by_suite(document):
        decides = row not in document.informational
        cells = [code(row.name), *[_name(row.suite)] * several_suites, *[_name(row.harness)] * several]
        cells += ["" if row.score is None else shown(row.score, row.threshold), _interval(row)]
        threshold = f"≥ {shown_threshold(row.threshold)}" if decides else ""
        cells += [threshold, _status(row, statistics_of(row, statistics), decides=decides)]
        yield f"| {' | '.join(cells)} |\n"


def _name(name: str | None) -> str:
    return code(name) if name else ""


def _interval(row: ResultRow) -> str:
    if row.ci_lower is None or row.ci_upper is None:
        return ""
    return f"{shown(row.ci_lower, row.threshold)} - {row.ci_upper:.2f}"


def _status(row: ResultRow, statistics: Statistics | None, *, decides: bool) -> str:
    told = [_decision(row, statistics) if decides else "does not decide"]
    if is_small(row, statistics):
        told.append(f"low confidence, n={row.n:,}")
    if repeats := repeats_of(row.pass_at_k, row.pass_all_k, row.disagree):
        told.append(repeats)
    return ", ".join(told)


def _decision(row: ResultRow, statistics: Statistics | None) -> str:
    failure = why_failed(row, statistics)
    if failure is None:
        return "✅ pass"
    if failure.value is None:
        return f"❌ fail, {'no scores' if failure.by == 'no scores' else f'too few examples (n={row.n:,})'}"
    delta = f"❌ fail, DELTA: {shown_delta(failure.value, row.threshold)}"
    return delta if failure.by == "score" else f"{delta} of the lower bound"


def _warnings(document: ResultDocument) -> Iterator[str]:
    for number, warning in enumerate(document.warnings):
        yield f"{'' if number else chr(10)}- ⚠️ {prose(warning)}\n"


def _examples(document: ResultDocument, most: int, room: int) -> str:
    failing = [example for example in document.examples if not example.passed]
    if not failing:
        return ""
    several = has_several_harnesses(document)
    start = f"\n<details>\n<summary>{share(len(failing), document)} did not pass</summary>\n"
    end = "\n</details>\n"
    shown_ones = [_example(example, several=several) for example in failing[:most]]
    return start + _bounded(shown_ones, room - len(start) - len(end), "examples", len(failing)) + end


def _example(example: ResultExample, *, several: bool) -> str:
    where = f" · {code(example.harness)}" if several and example.harness else ""
    scores = ", ".join(f"{code(name)} {score:.2f}" for name, score in example.scores.items())
    lines = [f"\n**{code(example.id)}**{where}{' · ' if scores else ''}{scores}\n"]
    lines += [f"\nmodel error: {prose(example.error)}\n"] if example.error is not None else []
    lines += [f"\n{code(grader)} error: {prose(why)}\n" for grader, why in example.errors.items()]
    texts = {"input": example.input, "expected": example.expected, "got": example.output}
    lines += [f"\n{label}\n\n{block(text)}\n" for label, text in texts.items() if text is not None]
    return "".join(lines)


def _bounded(parts: Sequence[str], room: int, noun: str, total: int | None = None) -> str:
    """Take as many parts as there is room for, and say how many of all are left out."""
    total = len(parts) if total is None else total
    taken, size = 0, 0
    while taken < len(parts) and size + len(parts[taken]) + _SENTENCE <= room:
        size += len(parts[taken])
        taken += 1
    left = total - taken
    kept = "".join(parts[:taken])
    return f"{kept}\n*{left:,} more {noun} left out here; the JSON file has them all.*\n" if left else kept
