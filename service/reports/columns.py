"""Lines of a terminal whose columns stand below each other."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import click
from rich.cells import cell_len

from service.reports.visible import fitted

Style = Literal["plain", "good", "bad", "doubtful", "strong", "faint"]

NARROWEST = 12
GUTTER = "  "


class Cell(NamedTuple):
    """A text in a column; one that `spills` may be wider than its column, since nothing follows it."""

    text: str
    style: Style = "plain"
    right: bool = False
    spills: bool = False


Line = Sequence[Cell]


def aligned(lines: Sequence[Line], width: int, *, color: bool) -> list[str]:
    """Lay out lines; the first two columns give way where a line would be wider than `width`."""
    widths = [max(0 if cell.spills else cell_len(cell.text) for cell in column) for column in zip(*lines, strict=True)]
    for column in (0, 1):
        too_wide = sum(widths) + len(GUTTER) * (len(widths) - 1) - width
        if too_wide > 0 and widths[column] > NARROWEST:
            widths[column] = max(NARROWEST, widths[column] - too_wide)
    used = [column for column, cells in enumerate(zip(*lines, strict=True)) if any(cell.text for cell in cells)]
    return [
        GUTTER.join(_padded(line[column], widths[column], color=color) for column in used).rstrip() for line in lines
    ]


def painted(text: str, style: Style, *, color: bool) -> str:
    """Give a text its colour, where there is to be any."""
    if not color or not text:
        return text
    match style:
        case "good":
            return click.style(text, fg="green")
        case "bad":
            return click.style(text, fg="red")
        case "doubtful":
            return click.style(text, fg="yellow")
        case "strong":
            return click.style(text, bold=True)
        case "faint":
            return click.style(text, dim=True)
        case "plain":
            return text


def _padded(cell: Cell, width: int, *, color: bool) -> str:
    text = cell.text if cell.spills else fitted(cell.text, width)
    space = " " * (width - cell_len(text))
    shown = painted(text, cell.style, color=color)
    return space + shown if cell.right else shown + space
