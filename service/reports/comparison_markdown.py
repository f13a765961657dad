"""Two runs compared, as markdown for a comment under a pull request."""

from collections.abc import Iterator, Mapping

from domain.compared import ComparedRow, Paired, Word
from service.comparison_document import ComparedRun, ComparisonDocument, FlipDocument
from service.reports.comparison_text import FIRST, is_of, left_out_of, title_of
from service.reports.markdown import COMMENT
from service.reports.markdown_text import block, code, prose
from service.reports.numbers import counted, shown_p, shown_signed

MARKS: Mapping[Word, str] = {"better": "✅", "worse": "❌", "no evidence": "⚪"}
HEAD = ["grader", "word", "base", "head", "difference", "interval", "n", "wins", "losses", "p", "detectable"]

CUT = "\n*More flips are left out here; `matchspec report --compare` tells them.*\n"


def markdown_comparison(document: ComparisonDocument) -> str:
    """Write a comparison; nothing that comes from a model, a dataset or a name is more than text in it."""
    runs = f"{_run(document.base)} → {_run(document.head)}"
    parts = [f"## {MARKS[document.word]} {document.word}: {runs}\n\n"]
    parts += [f"- ⚠️ {prose(difference)}\n" for difference in document.differences]
    parts += ["\n"] if document.differences else []
    parts += [f"{counted(document.shared, 'example')} graded by both\n\n", *_table(document), *_left_out(document)]
    size = sum(map(len, parts))
    for details in filter(None, (_details(row, document) for row in document.rows)):
        size += len(details)
        if size > COMMENT - len(CUT):
            parts.append(CUT)
            break
        parts.append(details)
    return "".join(parts)


def _details(row: ComparedRow, document: ComparisonDocument) -> str:
    """Fold the first flips of a row; its name stays outside of the summary, which is HTML and no markdown."""
    flips = [flip for flip in document.flips or [] if is_of(flip, row)][:FIRST]
    if not flips:
        return ""
    start = f"\n{code(title_of(row, document))}: {counted(row.flips, 'example')} flipped\n\n<details>\n"
    return "".join([start, f"<summary>the first {len(flips)}</summary>\n", *map(_flip, flips), "\n</details>\n"])


def _run(run: ComparedRun) -> str:
    return f"{code(run.run_id)} ({run.verdict or run.status.upper()})"


def _table(document: ComparisonDocument) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |\n| --- | --- |{' ---: |' * (len(HEAD) - 2)}\n"
    for row in document.rows:
        yield _line(code(title_of(row, document)), row, "" if row.decides else " (does not decide)")
    yield _line("passed", document.overall, "")


def _line(name: str, row: Paired, note: str) -> str:
    cells = [name, f"{MARKS[row.word]} {row.word}{note}"]
    if row.difference is None or row.ci_lower is None or row.ci_upper is None:
        cells += ["", "", "", "", "0", "", "", "", ""]
    else:
        cells += [f"{row.base_mean:.3f}", f"{row.head_mean:.3f}", shown_signed(row.difference)]
        cells += [f"{shown_signed(row.ci_lower)} to {shown_signed(row.ci_upper)}", f"{row.n:,}"]
        cells += [f"{row.wins:,}", f"{row.losses:,}", "" if row.p_value is None else shown_p(row.p_value)]
        cells += ["" if row.detectable is None else f"{row.detectable:.3f}"]
    return f"| {' | '.join(cells)} |\n"


def _left_out(document: ComparisonDocument) -> Iterator[str]:
    for told, _ in left_out_of(document.left_out):
        yield f"\nLeft out: {told}.\n"


def _flip(flip: FlipDocument) -> str:
    lines = [f"\n**{code(flip.id)}** {flip.base_score:.2f} → {flip.head_score:.2f}\n"]
    texts = {"input": flip.input, "expected": flip.expected, "base": flip.base_output, "head": flip.head_output}
    lines += [f"\n{label}\n\n{block(text)}\n" for label, text in texts.items() if text is not None]
    return "".join(lines)
