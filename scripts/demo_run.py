"""The demo: starts its model and `matchspec serve`, triggers a run over HTTP, and shows progress and verdict.

Run it with `./scripts/demo`. The run is recorded in the repository's own log: .matchspec/matchspec.db, or MATCHSPEC_DB.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from demo_model import MODEL_NAME
from demo_report import Progress, Style, report, what_next
from live_server import (
    BrokenError,
    Document,
    ask,
    exit_on_signals,
    follow,
    free_port,
    is_taken,
    matchspec_serve,
    python_script,
    running,
)
from openai_shape import MODELS_PATH

CONFIG = Path("matchspec.yml")
MODEL_PORT = 8091  # as the harness file has it
MODEL_URL = f"http://127.0.0.1:{MODEL_PORT}"


def main() -> None:
    """Runs the demo; exits 0 whatever the verdict, 1 when something broke, 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(prog="./scripts/demo", description="Runs a suite of matchspec.yml over HTTP.")
    parser.add_argument("--suite", default="reading", help="a suite of matchspec.yml (reading)")
    parser.add_argument("--latency-ms", type=int, default=100, help="what the model waits before each answer (100)")
    options = parser.parse_args()
    exit_on_signals()
    style = Style()
    try:
        result = run(options.suite, options.latency_ms, style)
        for line in [*report(result, style), what_next(result["run_id"], style)]:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except BrokenError as error:
        raise SystemExit(f"demo: {error}") from None
    except KeyboardInterrupt:
        print("\ndemo: interrupted; its servers are stopped", file=sys.stderr)
        raise SystemExit(130) from None


def run(suite: str, latency_ms: int, style: Style) -> Document:
    """Starts both servers, runs the suite and returns its result; raises BrokenError."""
    port = free_port()
    server_url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="matchspec-demo-") as logs, contextlib.ExitStack() as servers:
        if demo_model_listens():
            print(f"model   {MODEL_URL}  (was running already)")
        else:
            command = python_script("demo_model.py", "--port", str(MODEL_PORT), "--latency-ms", str(latency_ms))
            model = running("the demo's model", command, MODEL_URL + MODELS_PATH, Path(logs, "model.log"))
            servers.enter_context(model)
            print(f"model   {MODEL_URL}  (scripts/demo_model.py, {latency_ms} ms an answer)")
        command = matchspec_serve(CONFIG, port)
        servers.enter_context(running("matchspec serve", command, f"{server_url}/health", Path(logs, "server.log")))
        print(f"server  {server_url}  (matchspec serve)")
        started = ask(f"{server_url}/run", {"suite": suite})
        print(f"run     {started['run_id']}  (POST /run, suite {suite})\n", flush=True)
        return watch(f"{server_url}{started['results_url']}", style)


def demo_model_listens() -> bool:
    """Whether the demo's model runs already; raises BrokenError where another program has its port."""
    if not is_taken(MODEL_PORT):
        return False
    with contextlib.suppress(BrokenError, LookupError, TypeError):
        if ask(MODEL_URL + MODELS_PATH)["data"][0]["id"] == MODEL_NAME:
            return True
    raise BrokenError(f"port {MODEL_PORT}, on which the demo's model has to listen, is taken by another program")


def watch(results_url: str, style: Style) -> Document:
    """Shows the progress until the run is over, and returns its result; raises BrokenError where it has no verdict."""
    progress = Progress(style)
    result: Document = {}
    for result in follow(results_url, 0.1):
        recorded = result.get("progress", {})
        if result["status"] == "running" and "total" in recorded:
            progress.show(recorded["completed"], recorded["total"])
    if result["status"] == "error":
        raise BrokenError(f"the run ended without a verdict: {result.get('error', 'no reason was given')}")
    progress.show(len(result["examples"]), len(result["examples"]), over=True)
    return result


if __name__ == "__main__":
    main()
