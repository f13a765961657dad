"""Two runs compared, for a terminal."""

from collections.abc import Iterator, Mapping

from domain.compared import ComparedRow, Paired, Word
from service.comparison_document import AllLeftOut, ComparedRun, ComparisonDocument, FlipDocument, LeftOut
from service.reports.columns import Cell, Line, Style, aligned, painted
from service.reports.numbers import counted, shown_p, shown_signed
from service.reports.visible import fitted, one_line, quoted, wrapped

FIRST = 5
"""How many flips of a row are told unless all are asked for."""

INDENT = "  "
STYLES: Mapping[Word, Style] = {"better": "good", "worse": "bad", "no evidence": "doubtful"}
HEAD = ("", "", "base → head", "difference", "n", "wins, losses", "p")
REASONS = {
    "changed": ("asks something else", "ask something else"),
    "ungraded": ("was not graded by one of the runs", "were not graded by one of the runs"),
    "base_only": ("is in the base only", "are in the base only"),
    "head_only": ("is in the head only", "are in the head only"),
}
"""Why examples are left out, of one and of several."""


def text_comparison(
    document: ComparisonDocument, *, width: int = 80, color: bool = False, show_all: bool = False
) -> str:
    """Write a comparison, `width` columns wide; the last line ends with a newline.

    It tells the first five flips of each row unless `show_all`.
    """
    differs = painted("differs:", "doubtful", color=color)
    blocks = [
        list(_heading(document, width, color=color)),
        [f"{differs} {one_line(difference)}" for difference in document.differences],
        list(_rows(document, width, color=color)),
        list(_left_out(document.left_out)),
        *(list(_flips(document, row, width, color=color, show_all=show_all)) for row in document.rows),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def title_of(row: ComparedRow, document: ComparisonDocument) -> str:
    """Name a row: with its suite where there are several, with its harness where it is not pooled."""
    several = len({one.suite for one in document.rows}) > 1
    where = " / ".join(one_line(place) for place in (row.suite if several else None, row.harness) if place)
    return f"{one_line(row.name)} ({where})" if where else one_line(row.name)


def describe_run(run: ComparedRun) -> str:
    """Say which run it is and how it ended."""
    suite = run.suite or ", ".join(run.suites or []) or "all suites"
    outcome = run.verdict or run.status.upper()
    return f"{one_line(run.run_id)}  {one_line(suite)}  {run.started_at}  {outcome}"


def _heading(document: ComparisonDocument, width: int, *, color: bool) -> Iterator[str]:
    word = painted(document.word, STYLES[document.word], color=color)
    yield f"{word}  {counted(document.shared, 'example')} graded by both"
    for name, run in (("base", document.base), ("head", document.head)):
        yield f"{INDENT}{name}  {painted(fitted(describe_run(run), width - 8), 'faint', color=color)}"


def _rows(document: ComparisonDocument, width: int, *, color: bool) -> Iterator[str]:
    rows: list[tuple[str, Paired, bool]] = [(title_of(row, document), row, row.decides) for row in document.rows]
    rows.append(("passed", document.overall, True))
    head: Line = [Cell(text, right=text == "n") for text in HEAD]
    lines = aligned([head, *(_cells(*row) for row in rows)], width - len(INDENT), color=color)
    yield INDENT + painted(lines[0], "faint", color=color)
    for line, (_, row, _) in zip(lines[1:], rows, strict=True):
        yield INDENT + line
        if row.word == "no evidence" and row.detectable is not None:
            note = f"a difference of {row.detectable:.3f} would have been found four times in five"
            yield from (f"{INDENT}  {painted(part, 'faint', color=color)}" for part in wrapped(note, width - 4))


def _cells(name: str, row: Paired, decides: bool) -> Line:
    word = Cell(row.word if decides else f"({row.word})", STYLES[row.word])
    if row.difference is None or row.ci_lower is None or row.ci_upper is None:
        return [Cell(name), word, Cell(""), Cell(""), Cell("0", right=True), Cell(""), Cell("")]
    interval = f"({shown_signed(row.ci_lower)} to {shown_signed(row.ci_upper)})"
    return [
        Cell(name),
        word,
        Cell(f"{row.base_mean:.3f} → {row.head_mean:.3f}"),
        Cell(f"{shown_signed(row.difference)} {interval}"),
        Cell(f"{row.n:,}", right=True),
        Cell(f"{row.wins:,}, {row.losses:,}"),
        Cell("" if row.p_value is None else shown_p(row.p_value)),
    ]


def left_out_of(left_out: AllLeftOut) -> Iterator[tuple[str, LeftOut]]:
    """Say of how many examples nothing is compared, and why: `1 example that is in the base only`."""
    for reason, (of_one, of_several) in REASONS.items():
        left: LeftOut = getattr(left_out, reason)
        if left.total:
            yield f"{counted(left.total, 'example')} that {of_one if left.total == 1 else of_several}", left


def _left_out(left_out: AllLeftOut) -> Iterator[str]:
    for told, left in left_out_of(left_out):
        named = ", ".join(one_line(example.id) for example in left.examples[:FIRST])
        more = ", ..." if left.total > FIRST else ""
        yield f"left out: {told}: {named}{more}"


def _flips(document: ComparisonDocument, row: ComparedRow, width: int, *, color: bool, show_all: bool) -> Iterator[str]:
    flips = [flip for flip in document.flips or [] if is_of(flip, row)]
    if not row.flips:
        return
    yield painted(f"Flipped: {title_of(row, document)}, {counted(row.flips, 'example')}", "strong", color=color)
    for flip in flips if show_all else flips[:FIRST]:
        rose = flip.head_score > flip.base_score
        change = painted(f"{flip.base_score:.2f} → {flip.head_score:.2f}", "good" if rose else "bad", color=color)
        yield f"    {painted(fitted(one_line(flip.id), width // 2), 'strong', color=color)}  {change}"
        yield from _text("input", flip.input, width, color=color)
        yield from _text("expected", flip.expected, width, color=color)
        yield from _text("base", flip.base_output or "", width, color=color)
        yield from _text("head", flip.head_output or "", width, color=color)
    left = row.flips - (len(flips) if show_all else min(FIRST, len(flips)))
    if left:
        yield f"    ... and {left:,} more (--show-all-failures tells all)"


def is_of(flip: FlipDocument, row: ComparedRow) -> bool:
    """Tell whether a flip belongs to a row."""
    return (flip.grader, flip.suite) == (row.name, row.suite) and row.harness in (None, flip.harness)


def _text(label: str, text: str, width: int, *, color: bool) -> Iterator[str]:
    margin = f"      {label:<10}"
    cells = max(20, width - len(margin))
    first, *others = wrapped(fitted(quoted(text), 3 * cells - cells // 2), cells)
    yield f"      {painted(f'{label:<10}', 'faint', color=color)}{first}".rstrip()
    yield from (" " * len(margin) + line for line in others)
