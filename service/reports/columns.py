"""Lines of a terminal whose columns stand below each other."""

import itertools
from collections.abc import Sequence
from functools import partial
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
    """Lay out lines without their empty columns; the first two give way where a line would be wider than `width`."""
    columns = [column for column in zip(*lines, strict=True) if any(cell.text for cell in column)]
    widths = [max(0 if cell.spills else cell_len(cell.text) for cell in column) for column in columns]
    lines = list(zip(*columns, strict=True))
    for column in range(min(2, len(widths))):
        too_wide = max(_width(line, widths) for line in lines) - width
        if too_wide > 0 and widths[column] > NARROWEST:
            widths[column] = max(NARROWEST, widths[column] - too_wide)
    return [GUTTER.join(map(partial(_padded, color=color), line, widths)).rstrip() for line in lines]


def _width(line: Line, widths: Sequence[int]) -> int:
    ends = itertools.accumulate(widths, lambda end, width: end + len(GUTTER) + width)
    return max(
        end - width + cell_len(cell.text) if cell.spills else end
        for cell, end, width in zip(line, ends, widths, strict=True)
    )


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
