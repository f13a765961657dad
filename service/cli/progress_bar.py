"""A run shown as a bar on a terminal."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from projections.progress import Progress
from service.cli.display import Quiet


class ProgressBar(Quiet):
    """A bar with rate and time left, on stderr, gone when the run is over."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._task = self._bar.add_task("running", total=None, rate="")

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        task = self._bar.tasks[0]
        rate = f"{task.speed:,.{0 if task.speed >= 10 else 1}f}/s" if task.speed else ""
        self._bar.update(self._task, completed=progress.completed, total=progress.total, rate=rate)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
