"""What the demo prints of a run."""

from typing import Any

import pytest
from demo_report import Progress, Style, bar, report, what_next

RESULT: dict[str, Any] = {
    "run_id": "run-20260315-143022-a3f7",
    "status": "failed",
    "suite": "reading",
    "duration_seconds": 1.26,
    "verdict": "FAIL",
    "grader_results": [
        {"name": "exact", "score": 0.5, "threshold": 0.7, "passed": False, "n": 2, "ci_lower": 0.1, "ci_upper": 0.9}
    ],
    "warnings": ["reading: 1 of 2 examples has a model error"],
    "examples": [
        {"id": "a", "input": "Text.\n\nQuestion: Why?", "expected": "so", "output": "so", "passed": True},
        {"id": "b", "input": "Text.\n\nQuestion: Who?", "expected": "I", "output": "you", "passed": False},
        {"id": "c", "input": "Who else?", "expected": "I", "output": None, "passed": False, "error": "timeout"},
    ],
}


def test_report_tells_what_failed() -> None:
    """Verdict, rows with ✓ or ✗, warnings, and for each failing example the question, what was expected and got."""
    assert "\n".join(report(RESULT, Style())).split("\n") == [
        "",
        "FAIL  suite reading: 1 of 3 right, 1.3 s",
        "",
        "  grader            score  threshold         interval",
        "  exact             0.500       0.70    0.100 - 0.900  ✗",
        "  warning: reading: 1 of 2 examples has a model error",
        "",
        "The first 2 of 2 failing examples:",
        "",
        "  b  Who?",
        "    expected  I",
        "    got       you",
        "",
        "  c  Who else?",
        "    expected  I",
        "    got       no answer: timeout",
    ]


def test_next_commands_name_the_run() -> None:
    """The curl line for the run's result holds its id, and no line has an escape code where there is no terminal."""
    lines = what_next("run-20260315-143022-a3f7", Style())
    assert "curl -s http://127.0.0.1:8090/results/run-20260315-143022-a3f7\n" in lines
    assert "\x1b" not in lines


def test_progress_outside_a_terminal_is_a_line_each_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file gets five lines at most, whatever the number of polls."""
    progress = Progress(Style())
    for done in range(9):
        progress.show(done, 8)
    progress.show(8, 8, over=True)
    assert capsys.readouterr().out == "".join(f"answered {done} of 8\n" for done in (0, 2, 4, 6, 8))


def test_colours_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours unless NO_COLOR or TERM=dumb says otherwise."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Style().good("✓") == "\x1b[32m✓\x1b[0m"
    assert Style().good("✗", good=False) == "\x1b[31m✗\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Style().good("✓") == "✓"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert Style().good("✓") == "✓"


def test_bar_shows_the_share() -> None:
    """Half of the examples fill half of the bar's thirty places."""
    assert bar(5, 10) == "█" * 15 + "░" * 15 + "  5 of 10"
