"""The one table, in Markdown, a line as soon as its figure is there; ratios first."""

import statistics

from benchmarks.figures import Figure, short

WIDTHS = {"ratio": 8, "matchspec (lowest-highest)": 28, "floor": 8, "unit": 8, "goal": 14, "reached": 8, "measured": 0}


def header() -> list[str]:
    """The two lines above all others."""
    names = [name.ljust(width) for name, width in WIDTHS.items()]
    return [_line(names), _line(["-" * (width or 8) for width in WIDTHS.values()])]


def row(figure: Figure) -> str:
    """A figure's line."""
    cells = (
        "" if figure.ratio is None else short(figure.ratio),
        _spread(figure.ours),
        short(statistics.median(figure.floor)) if figure.floor else "",
        figure.unit,
        str(figure.goal or ""),
        {True: "yes", False: "**no**", None: ""}[figure.reached],
        figure.what,
    )
    return _line([cell.ljust(width) for cell, width in zip(cells, WIDTHS.values(), strict=True)])


def _spread(values: tuple[float, ...]) -> str:
    median = short(statistics.median(values))
    return f"{median} ({short(min(values))}-{short(max(values))})" if len(values) > 1 else median


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
