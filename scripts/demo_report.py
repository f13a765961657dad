"""What the demo shows of a run: progress, verdict, grader rows, failing examples, and what to type next."""

import os
import sys
from collections.abc import Iterator

from live_server import Document

BAR_WIDTH = 30
SHOWN_EXAMPLES = 5


class Style:
    """Colours, on a terminal whose user has not asked for none (NO_COLOR, TERM=dumb)."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self.coloured = self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def good(self, text: str, *, good: bool = True) -> str:
        """Green, or red where it is not good."""
        return self._paint(text, 32 if good else 31)

    def strong(self, text: str) -> str:
        """Bold."""
        return self._paint(text, 1)

    def faint(self, text: str) -> str:
        """Dimmed."""
        return self._paint(text, 2)

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text


class Progress:
    """Shows how far a run is: one line that moves on a terminal, a line each quarter elsewhere."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.quarter = -1

    def show(self, done: int, total: int, *, over: bool = False) -> None:
        """Shows `done` of `total` examples; `over` ends the line."""
        if self.style.is_terminal:
            print(f"\r{bar(done, total)}\x1b[K", end="\n" if over else "", flush=True)
        elif done * 4 // total > self.quarter:
            self.quarter = done * 4 // total
            print(f"answered {done} of {total}", flush=True)


def bar(done: int, total: int) -> str:
    """A progress bar with its numbers."""
    filled = BAR_WIDTH * done // total
    return f"{'█' * filled}{'░' * (BAR_WIDTH - filled)}  {done} of {total}"


def report(result: Document, style: Style) -> Iterator[str]:
    """The lines that tell a result: verdict, rows, warnings, and the first failing examples."""
    examples = result["examples"]
    failing = [example for example in examples if not example["passed"]]
    verdict = style.good(style.strong(result["verdict"]), good=result["verdict"] == "PASS")
    right = f"{len(examples) - len(failing)} of {len(examples)} right"
    yield f"\n{verdict}  suite {result['suite']}: {right}, {result['duration_seconds']:.1f} s\n"
    yield style.faint(f"  {'grader':<16}{'score':>7}{'threshold':>11}{'interval':>17}")
    for row in result["grader_results"]:
        mark = style.good("✓" if row["passed"] else "✗", good=row["passed"])
        interval = f"{row['ci_lower']:.3f} - {row['ci_upper']:.3f}"
        yield f"  {row['name']:<16}{row['score']:>7.3f}{row['threshold']:>11.2f}{interval:>17}  {mark}"
    yield from (f"  warning: {warning}" for warning in result.get("warnings", []))
    if failing:
        yield f"\nThe first {min(SHOWN_EXAMPLES, len(failing))} of {len(failing)} failing examples:"
    for example in failing[:SHOWN_EXAMPLES]:
        yield from failing_example(example, style)


def failing_example(example: Document, style: Style) -> Iterator[str]:
    """The lines that tell what was asked, expected and got."""
    got = f"no answer: {example.get('error')}" if example["output"] is None else example["output"]
    yield f"\n  {style.strong(example['id'])}  {example['input'].rpartition('Question: ')[2]}"
    yield f"    {style.faint('expected')}  {style.good(example['expected'])}"
    yield f"    {style.faint('got     ')}  {style.good(got, good=False)}"


def what_next(run_id: str, style: Style) -> str:
    """The commands to type next, as they stand."""
    return f"""
{style.strong("What next?")} The run is kept in the log. Start the model and the server, each in a terminal of its own:

  python3 scripts/demo_model.py
  .venv/bin/matchspec serve

then, in a third:

  curl -s http://127.0.0.1:8090/results/{run_id}
  curl -s http://127.0.0.1:8090/suites
  curl -s -X POST http://127.0.0.1:8090/run -H 'Content-Type: application/json' -d '{{"suite": "reading-smoke"}}'
  curl -s 'http://127.0.0.1:8090/results?limit=5'

matchspec.yml says what is a suite, evals/reading/ holds its questions and graders: change them and run again."""
