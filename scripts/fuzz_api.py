"""Tries what `/openapi.json` tells on a real server, with schemathesis: scripts/fuzz_api.py [--count N] [--seed N].

Every phase and every check of schemathesis, on a server with a key; runs that start ask an echo. A round that finds
something is the last; what it found is printed, with a curl command for each.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from live_server import SCRIPTS, BrokenError, ask, exit_on_signals, free_port, matchspec_serve, running

COUNT = 5_000
SEED = 20261122
CASES = 100
"""The most cases of one operation in one phase of a round."""

KEY = "Corr3ct-horse.battery~staple"
ROUND_SECONDS = 1_200

PROJECT = {
    "matchspec.yml": {"version": 1, "suites": [{"name": "qa", "harnesses": ["harness.yml"]}]},
    "harness.yml": {
        "version": 1,
        "name": "qa-v1",
        "dataset": {"name": "rows", "examples": [{"id": "a", "input": "q", "expected": "q", "tags": ["x"]}]},
        "model": {"type": "echo"},
        "graders": [{"type": "exact_match"}],
    },
}

# A request may be all that its description says and yet name a file that is no config, or come after another one with
# its key: what it may be refused for then is checked by fuzz_api_checks.py.
SETTINGS = """
hooks = "{hooks}"
[[operations]]
include-name = "POST /run"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 404, 422, 429, 503]
"""


class Found(NamedTuple):
    """What came of all rounds: how many requests were sent, and what the last round found, if anything."""

    cases: int
    failures: str


def main(arguments: Sequence[str]) -> int:
    """Fuzz, and tell the figures; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help="how many requests at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first round (default: %(default)s)")
    options = parser.parse_args(arguments)
    exit_on_signals()
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = fuzz(Path(folder), options.count, options.seed)
        except BrokenError as error:
            sys.exit(f"fuzz_api: {error}")
    print(found.failures, end="")
    outcome = "FAILURES" if found.failures else "0 failures"
    print(f"schemathesis over /openapi.json: {found.cases} cases, seed {options.seed}, {outcome}")
    return 1 if found.failures else 0


def fuzz(folder: Path, count: int, seed: int, cases: int = CASES) -> Found:
    """Fuzz a server in a folder, round after round, until so many requests were sent or a round finds something."""
    sent, failures = 0, ""
    with _serving(folder) as url:
        while sent < count and not failures:
            more, failures = _round(folder, url, seed, cases)
            sent, seed = sent + more, seed + 1
        ask(f"{url}/health")
    said = (folder / "server.txt").read_text(errors="replace")
    if "Traceback" in said or "unexpected error" in said:
        failures += f"the server wrote:\n{said[-5_000:]}\n"
    return Found(sent, failures)


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """A server of the project with a key; gives its address."""
    for name, content in PROJECT.items():
        (folder / name).write_text(json.dumps(content))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = matchspec_serve(folder / "matchspec.yml", port)
    with running("matchspec serve", command, f"{url}/health", folder / "server.txt", MATCHSPEC_API_KEY=KEY):
        yield url


def _round(folder: Path, url: str, seed: int, cases: int) -> tuple[int, str]:
    """One call of schemathesis: how many requests it sent, and what it found."""
    report, settings = folder / "report.json", folder / "schemathesis.toml"
    report.unlink(missing_ok=True)
    settings.write_text(SETTINGS.format(hooks=(SCRIPTS / "fuzz_api_checks.py").as_posix()))
    schemathesis = str(Path(sys.executable).with_name("schemathesis"))
    command = [schemathesis, "--config-file", str(settings), "--no-color", "run", f"{url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {KEY}", "--checks", "all", "--max-examples", str(cases)]
    command += ["--seed", str(seed), "--continue-on-failure", "--report-json-path", str(report)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=ROUND_SECONDS,
        check=False,
    )
    if not report.exists():
        raise BrokenError(f"schemathesis did not run:\n{done.stdout}{done.stderr}")
    generated: int = json.loads(report.read_text())["test_cases"]["generated"]
    return generated, "" if done.returncode == 0 else f"seed {seed}:\n{done.stdout}{done.stderr}\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
