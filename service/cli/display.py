"""How a run is shown while it goes: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

import sys
from collections import Counter
from types import TracebackType
from typing import Protocol, Self

import click
import msgspec

from domain.events import ExampleScored
from projections.progress import Progress
from service.cli.run_ways import Begun, Loaded
from service.cli.saying import say
from service.reports.document import ResultDocument, ResultExample
from service.reports.visible import one_line


class Display(Protocol):
    """Shows one run; a context around it."""

    def begun(self, begun: Begun) -> None:
        """Tell what runs."""
        ...

    def progress(self, progress: Progress) -> None:
        """Tell how far it is."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Quiet:
    """Shows nothing."""

    def begun(self, begun: Begun) -> None:
        """Tell nothing."""

    def progress(self, progress: Progress) -> None:
        """Tell nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Lines(Quiet):
    """Plain lines, for a pipe or a CI job's log."""

    def begun(self, begun: Begun) -> None:
        """Name suites and harnesses."""
        if not begun.harnesses:  # they are known when it is over
            click.echo(f"run: {begun.run_id}", err=True)
        for line in loading_lines(begun):
            say(line)


def choose_display(*, quiet: bool, verbose: bool) -> Display:
    """Choose: a bar needs a terminal, and would be torn by the lines of `-v`."""
    if quiet:
        return Quiet()
    if sys.stderr.isatty() and sys.stdout.isatty() and not verbose:
        from service.cli.progress_bar import ProgressBar

        return ProgressBar()
    return Lines()


def loading_lines(begun: Begun) -> list[str]:
    """Say which suites and harnesses a run asks."""
    lines = []
    for suite in dict.fromkeys(loaded.suite for loaded in begun.harnesses):
        lines.append(f"loading suite: {suite}")
        lines += [
            f"loading harness: {loaded.harness} ({_examples(loaded.examples)})"
            for loaded in begun.harnesses
            if loaded.suite == suite
        ]
    return lines


def harnesses_in(document: ResultDocument) -> list[Loaded]:
    """Tell which harnesses a run asked, by its examples."""
    counts = Counter((example.suite or "", example.harness or "") for example in document.examples)
    return [Loaded(suite, harness, count) for (suite, harness), count in counts.items()]


def scored_line(scored: ExampleScored) -> str:
    """Show one example as it is scored."""
    return _line(scored, scored.example)


def example_line(example: ResultExample) -> str:
    """Show one example as `-v` does: `[harness] id: grader=1.00 ✓`."""
    return _line(example, example.id)


def _line(scored: ExampleScored | ResultExample, example_id: str) -> str:
    """Write one line, whatever the model, its judge and the dataset put in it."""
    return one_line(f"[{scored.harness}] {example_id}: {' '.join(_grades(scored))} {'✓' if scored.passed else '✗'}")


def _grades(scored: ExampleScored | ResultExample) -> list[str]:
    if scored.error is not None:
        return [f"model error: {scored.error}"]
    grades = [f"{name}={score:.2f}" for name, score in scored.scores.items()]
    details = [f"({name}: {msgspec.json.encode(detail).decode()})" for name, detail in scored.details.items()]
    return [*grades, *(f"{name}: {error}" for name, error in scored.errors.items()), *details]


def _examples(count: int | None) -> str:
    if count is None:
        return "a large dataset"
    return "1 example" if count == 1 else f"{count:,} examples"
