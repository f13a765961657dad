"""Measures a whole run of `matchspec serve` beside a bare loop that makes the same calls on the same model server.

Run it with `./scripts/bench_run`. Each round starts both anew, one after the other, each with an empty log; the table
shows medians. Wall is from `POST /run` to the recorded end, over the ideal (examples x latency / calls at once); CPU is
what the server's process used for the run, pinning and a few polls included; memory is its peak since it started.
"""

import argparse
import contextlib
import json
import math
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from live_server import BrokenError, ask, exit_on_signals, free_port, matchspec_serve, python_script, running

LATENCY_MS = 50
TICKS = os.sysconf("SC_CLK_TCK")
HARNESS = """\
version: 1
name: bench
dataset: ./dataset.jsonl
model: {{type: http, endpoint: "http://127.0.0.1:{port}/", response_path: output}}
graders:
  - {{type: exact_match}}
  - {{type: contains}}
  - {{type: regex, name: brief, config: {{pattern: '^\\S+( \\S+)*$'}}}}
concurrency: {concurrency}
"""
CONFIG = "version: 1\nsuites: [{name: bench, harnesses: [./harness.yml], thresholds: {overall: 0.5}}]\n"


class Case(NamedTuple):
    """What is run: so many examples, so many calls at once."""

    examples: int
    concurrency: int

    @property
    def ideal(self) -> float:
        """Seconds that the model alone takes."""
        return self.examples * LATENCY_MS / 1000 / self.concurrency

    def __str__(self) -> str:
        return f"{self.examples:,} at {self.concurrency}"


class Taken(NamedTuple):
    """What a run took: wall over ideal, CPU in microseconds per example, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


class Target(NamedTuple):
    """The most that a case may take, in the units of Taken."""

    wall: float
    cpu: float
    memory: float


TARGETS = {
    Case(2_000, 256): Target(2.6, 320, 100),
    Case(2_000, 32): Target(2.3, math.inf, 100),  # the goal for CPU is one at 256
    Case(10_000, 256): Target(2.6, 320, 100),
}


def main() -> None:
    """Prints the table; exits 1 where something broke, not where a target is missed."""
    parser = argparse.ArgumentParser(prog="./scripts/bench_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is shown (5)")
    parser.add_argument("--long", action="store_true", help="adds 10,000 examples at 256")
    options = parser.parse_args()
    exit_on_signals()
    cases = list(TARGETS) if options.long else list(TARGETS)[:2]
    try:
        with tempfile.TemporaryDirectory(prefix="matchspec-bench-") as folder:
            for line in bench(Path(folder), cases, options.rounds):
                print(line, flush=True)
    except BrokenError as error:
        raise SystemExit(f"bench_run: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def bench(folder: Path, cases: list[Case], rounds: int) -> Iterator[str]:
    """The lines of the table."""
    port, quick = free_port(), free_port()
    with model(folder, quick, 0):
        yield f"the model server can do {max_calls_per_second(quick):,.0f} calls/s; it waits {LATENCY_MS} ms an answer"
    yield f"medians of {rounds} rounds (lowest - highest); matchspec / bare loop\n"
    titles = ("CPU ratio", 10), ("wall ratio", 12), ("wall over ideal", 28), ("CPU us per example", 24), ("peak MB", 10)
    yield " " * 14 + "".join(f"{title:>{width}}" for title, width in titles)
    with model(folder, port, LATENCY_MS):
        for case in cases:
            pairs = [(serve_once(folder, port, case), bare_once(folder, port, case)) for _ in range(rounds)]
            ours, bare = zip(*pairs, strict=True)
            yield table_row(case, ours, bare)


def table_row(case: Case, ours: tuple[Taken, ...], bare: tuple[Taken, ...]) -> str:
    """One case: ratios, then what they are made of, then whether the targets are met."""
    mine, floor = median(ours), median(bare)
    target = TARGETS[case]
    missed = [name for name in Taken._fields if getattr(mine, name) > getattr(target, name)]
    verdict = f"over the target: {', '.join(missed)}" if missed else "within the targets"
    walls = f"{mine.wall:.2f} ({spread(one.wall for one in ours)}) / {floor.wall:.2f}"
    cpus = f"{mine.cpu:.0f} ({spread((one.cpu for one in ours), 0)}) / {floor.cpu:.0f}"
    memory = f"{mine.memory:.0f} / {floor.memory:.0f}"
    ratios = f"{mine.cpu / floor.cpu:>10.1f}{mine.wall / floor.wall:>12.2f}"
    return f"{case!s:>14}{ratios}{walls:>28}{cpus:>24}{memory:>10}  {verdict}"


def spread(values: Iterator[float], digits: int = 2) -> str:
    """The lowest and the highest."""
    found = list(values)
    return f"{min(found):.{digits}f} - {max(found):.{digits}f}"


def median(taken: tuple[Taken, ...]) -> Taken:
    """The median of each figure."""
    return Taken._make(statistics.median(values) for values in zip(*taken, strict=True))


def serve_once(folder: Path, model_port: int, case: Case) -> Taken:
    """One run by a server that was just started, with its result checked."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home, port = Path(name), free_port()
        write_files(home, model_port, case)
        url = f"http://127.0.0.1:{port}"
        command = matchspec_serve(home / "matchspec.yml", port, "--db", str(home / "log.db"))
        with running("matchspec serve", command, f"{url}/health", home / "server.log"):
            pid = json.loads((home / "log.db.lock").read_text())["pid"]
            cpu, began = cpu_seconds(pid), time.monotonic()
            started = ask(f"{url}/run", {"suite": "bench"})
            accepted = time.monotonic() - began
            time.sleep(case.ideal)
            wait_for_end(url)
            used, memory = cpu_seconds(pid) - cpu, peak_mb(pid)
            result = ask(url + started["results_url"])
    right = [row["score"] for row in result["grader_results"]]
    if right != [0.75, 0.75, 1.0] or result["model_errors"]:
        raise BrokenError(f"the run gave {right} with {result['model_errors']} errors, not 0.75, 0.75 and 1.0")
    return Taken((accepted + result["duration_seconds"]) / case.ideal, used / case.examples * 1e6, memory)


def bare_once(folder: Path, model_port: int, case: Case) -> Taken:
    """One run by the bare loop."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        write_files(home, model_port, case)
        arguments = (str(home / "dataset.jsonl"), str(model_port), str(case.concurrency), str(home / "log.db"))
        ended = subprocess.run(python_script("bench_floor.py", *arguments), capture_output=True, text=True, check=False)
        if ended.returncode:
            raise BrokenError(f"the bare loop stopped:\n{ended.stderr}")
        took = json.loads(ended.stdout)
    return Taken(took["wall"] / case.ideal, took["cpu"] / case.examples * 1e6, took["peak_mb"])


def write_files(folder: Path, model_port: int, case: Case) -> None:
    """A config, a harness and a dataset of which an echo gets three of four right."""
    (folder / "matchspec.yml").write_text(CONFIG)
    (folder / "harness.yml").write_text(HARNESS.format(port=model_port, concurrency=case.concurrency))
    with (folder / "dataset.jsonl").open("w") as dataset:
        for number in range(case.examples):
            question = f"question {number}: " + "what is the capital of the country that lies to the north of it? " * 3
            expected = question if number % 4 else "something else"
            row = {"id": f"ex-{number:06d}", "input": question.strip(), "expected": expected.strip()}
            print(json.dumps(row), file=dataset)


@contextlib.contextmanager
def model(folder: Path, port: int, latency_ms: int) -> Iterator[None]:
    """The model server, for the time of a block."""
    command = python_script("bench_model.py", "--port", str(port), "--latency-ms", str(latency_ms))
    with running("the model server", command, f"http://127.0.0.1:{port}/ready", folder / f"model-{port}.log"):
        yield


def max_calls_per_second(port: int, connections: int = 64, seconds: float = 2.0) -> float:
    """How many calls the model server answers, asked by a loop that does nothing else."""
    body = json.dumps({"input": "what is the capital of the country that lies to the north of it? " * 3}).encode()
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
        answers, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < seconds:
            for one in sockets:
                one.sendall(request)
            for one in sockets:
                one.recv(65_536)
            answers += connections
    return answers / took


def wait_for_end(url: str) -> None:
    """Looks at the listing ten times a second: a look costs the server little, and does not fetch the result."""
    while ask(f"{url}/results?limit=1")["runs"][0]["status"] == "running":
        time.sleep(0.1)


def cpu_seconds(pid: int) -> float:
    """What a process used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """The most memory a process ever had."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
