"""What is told on stderr: a record is one line, whatever stands in it."""

import logging
import re
import sys
from pathlib import Path

import pytest
from project import write_project
from server import Server

from service.cli.log_level import OneLine

HOSTILE = {
    "a line feed": "\n",
    "a carriage return": "\r",
    "both": "\r\n",
    "a vertical tab": "\v",
    "a form feed": "\f",
    "a bell": "\a",
    "a zero": "\0",
    "an escape": "\x1b[2J\x1b]0;title\x07",
    "a delete": "\x7f",
    "a next line": "\x85",
    "a control sequence of one byte": "\x9b2J",
    "a line separator": "\u2028",
    "a paragraph separator": "\u2029",
    "a turn of direction": "\u202e",
    "an isolate": "\u2066",
    "an invisible space": "\u200b",
    "a byte order mark": "\ufeff",
    "half a surrogate": "\ud800",
}
FAKE = "2026-11-22 12:00:00,000 ERROR matchspec.run: fake"
UNSAFE = re.compile(r"[^\x20-\x7e\xa0-\xac\xae-\u0600\u2010-\u2027\u3000-\ud7ff]")


def records(text: str) -> list[logging.LogRecord]:
    """Records with a text in every place where one can be."""
    try:
        raise ValueError(text)
    except ValueError:
        failed = sys.exc_info()

    def record(message: str, *args: object, name: str = "matchspec", **more: object) -> logging.LogRecord:
        made = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
        vars(made).update(more)
        return made

    return [
        record(text),
        record("%s", text),
        record("run %s: %s", "run-1", f"before {text} after"),
        record("%s", ValueError(text)),
        record("%(key)s", {"key": text}),
        record("text", name=text),
        record("text", exc_info=failed),
        record("text", stack_info=text),
        record("text", exc_text=text),
        record("text", levelname=text),
    ]


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=list(HOSTILE))
def test_a_record_is_one_line_without_control_characters(hostile: str) -> None:
    """In ten places of a record, a text can neither begin a line nor steer a terminal; what it was can be read."""
    formatter = OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s")
    for record in records(f"said{hostile}{FAKE}"):
        line = formatter.format(record)
        assert UNSAFE.search(line) is None
        assert line.splitlines() == [line]
        assert "said\\" in line


GRADER = """
class Grader:
    def __call__(self, input, expected, output, metadata):
        raise ValueError(output)
    def teardown(self):
        raise ValueError("%(text)s")

def make(config):
    return Grader()
"""


@pytest.mark.slow
def test_nothing_from_outside_writes_a_line_of_its_own(tmp_path: Path) -> None:
    """Requests, rows, answers and a grader that are full of line breaks leave one line for each record."""
    text = f"x\n{FAKE}\r{FAKE}\u2028{FAKE}\x1b[2J"
    examples = [{"id": "ex-0", "input": text, "expected": text, "metadata": {text: text}}]
    grader = {"type": "python", "name": "mine", "config": {"callable": "grader.py:make"}}
    config = write_project(tmp_path, examples=examples, graders=[grader])
    (config.parent / "evals/qa-v1/grader.py").write_text(GRADER % {"text": text.encode("unicode_escape").decode()})
    with Server(config, MATCHSPEC_LOG_LEVEL="debug") as server:
        run_id = server.start_run()
        assert server.result(run_id)["status"] == "error"
        assert server.stop() == 0
    written = server.output.read_bytes().decode().partition("listening on ")[2].split("\n")[1:]
    told = [line for line in written if "teardown() failed" in line]
    assert len(told) == 1
    assert FAKE in told[0]
    for line in written[:-1]:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [a-z.]+: ", line)
        assert not line.startswith(FAKE)
        assert UNSAFE.search(line) is None
