"""The report for a terminal."""

from collections.abc import Iterator, Mapping

from domain.spec import Statistics
from service.reports.columns import painted
from service.reports.document import ResultDocument
from service.reports.numbers import counted, shown_seconds
from service.reports.text_examples import TextExamples
from service.reports.text_rows import row_lines
from service.reports.visible import fitted, one_line


def text_report(
    document: ResultDocument,
    *,
    width: int = 80,
    color: bool = False,
    statistics: Mapping[str, Statistics] | None = None,
    show_all_failures: bool = False,
    show_passing: bool = False,
) -> str:
    """Write the report of a run, `width` columns wide; the last line ends with a newline.

    `statistics` holds, by suite, those that the configuration sets or that use the lower bound: with any, the rows
    become a table with intervals. A report tells the first five failing examples of each grader unless asked for all.
    """
    examples = TextExamples(document, width, color=color, show_all=show_all_failures)
    blocks = [
        [_heading(document, width, color=color)],
        [*row_lines(document, statistics or {}, width, color=color)],
        [*_reasons(document, color=color)],
        [*examples.failed_graders(statistics or {})],
        [*examples.errors()],
        [*(examples.passing() if show_passing else ())],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _heading(document: ResultDocument, width: int, *, color: bool) -> str:
    facts = [painted(fitted(one_line(document.title), width // 2), "strong", color=color)]
    if document.examples:
        facts.append(counted(len(document.examples), "example"))
    if document.duration_seconds is not None:
        facts.append(shown_seconds(document.duration_seconds))
    runs = one_line(document.run_id) + (f" (outputs of {one_line(document.regrades)})" if document.regrades else "")
    return "  ".join([*facts, painted(runs, "faint", color=color)])


def _reasons(document: ResultDocument, *, color: bool) -> Iterator[str]:
    if document.error is not None:
        yield f"{painted('error:', 'bad', color=color)} {one_line(document.error)}"
    for warning in document.warnings:
        yield f"{painted('warning:', 'doubtful', color=color)} {one_line(warning)}"
