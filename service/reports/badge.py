"""An SVG badge: `matchspec | PASS 0.86`."""

from xml.sax.saxutils import escape

from rich.cells import cell_len

from service.reports.decisions import OVERALL
from service.reports.document import ResultDocument, ResultRow
from service.reports.numbers import shown
from service.reports.visible import one_line

LABEL = "matchspec"
COLOURS = {"PASS": "#2a7f3e", "FAIL": "#b3261e"}
"""Dark enough for white letters (a contrast of 4.5 at least)."""

OTHER_COLOUR = "#5f6368"
_CELL = 7.2
_MARGIN = 6

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">
  <title>{title}</title>
  <clipPath id="corners"><rect width="{width}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#corners)">
    <rect width="{left}" height="20" fill="#3c4043"/>
    <rect x="{left}" width="{right}" height="20" fill="{colour}"/>
  </g>
  <g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">
    <text x="{left_middle}" y="14" textLength="{left_text}">{label}</text>
    <text x="{right_middle}" y="14" textLength="{right_text}">{message}</text>
  </g>
</svg>
"""


def badge(document: ResultDocument, label: str = LABEL) -> str:
    """Draw a run's outcome, with a score where one row speaks for all and the share of rows that passed otherwise."""
    label, message = one_line(label), _message(document)
    left_text, right_text = round(_CELL * cell_len(label)), round(_CELL * cell_len(message))
    left, right = left_text + 2 * _MARGIN, right_text + 2 * _MARGIN
    return _SVG.format(
        width=left + right,
        left=left,
        right=right,
        left_middle=left / 2,
        right_middle=left + right / 2,
        left_text=left_text,
        right_text=right_text,
        colour=COLOURS.get(document.outcome, OTHER_COLOUR),
        title=_escaped(f"{label}: {message}"),
        label=_escaped(label),
        message=_escaped(message),
    )


def _message(document: ResultDocument) -> str:
    rows = document.grader_results
    speaker = _speaker(rows)
    if document.verdict is None or not rows:
        return document.outcome
    if speaker is not None and speaker.score is not None:
        return f"{document.outcome} {shown(speaker.score, speaker.threshold)}"
    return f"{document.outcome} {sum(row.passed for row in rows)}/{len(rows)}"


def _speaker(rows: list[ResultRow]) -> ResultRow | None:
    candidates = [row for row in rows if row.name == OVERALL] or rows
    return candidates[0] if len(candidates) == 1 else None


def _escaped(text: str) -> str:
    return escape(text, {'"': "&quot;"})
