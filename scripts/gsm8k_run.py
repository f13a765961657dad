"""Replays recorded answers to GSM8K questions through `matchspec serve`, and counts the right ones.

Run it with `./scripts/gsm8k FOLDER`. FOLDER holds dataset.jsonl (a matchspec dataset) and, for each model, a file
answers-*.jsonl with `input`, `output` and `is_correct`, the authors' own judgement. Nothing is written there. With
`--compare`, two models are compared, the first in the order of the files being the base.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from live_server import (
    BrokenError,
    Document,
    ask,
    exit_on_signals,
    follow,
    free_port,
    matchspec_serve,
    python_script,
    running,
)
from openai_shape import CHAT_PATH, MODELS_PATH

ALLOWED_DIFFERENCE = 5
CONFIG = """\
version: 1
suites:
  - name: gsm8k
    harnesses: [./harness.yml]
    thresholds: {overall: 0.5}
"""
HARNESS = """\
version: 1
name: gsm8k
dataset: {dataset}
model:
  type: http
  endpoint: {endpoint}
  request_template: '{{"model": "recorded", "messages": [{{"role": "user", "content": "{{{{input}}}}"}}]}}'
  response_path: choices[0].message.content
graders:
  - type: regex
    name: final_answer
    config: {{pattern: 'A: {{{{expected}}}}\\s*$'}}
concurrency: 32
"""


def main() -> None:
    """Prints a line for each file of answers; exits 1 where a count is further from the authors' than 5."""
    parser = argparse.ArgumentParser(prog="./scripts/gsm8k", description="Counts right answers by a whole run.")
    parser.add_argument("folder", type=Path, help="holds dataset.jsonl and answers-*.jsonl")
    parser.add_argument("--compare", action="store_true", help="compare the first two models, example by example")
    wanted = parser.parse_args()
    folder = wanted.folder.resolve()
    files = sorted(folder.glob("answers-*.jsonl"))
    if not files or not (folder / "dataset.jsonl").is_file():
        raise SystemExit(f"gsm8k: {folder} must hold dataset.jsonl and at least one answers-*.jsonl")
    exit_on_signals()
    try:
        results = [run(folder / "dataset.jsonl", answers) for answers in files]
    except BrokenError as error:
        raise SystemExit(f"gsm8k: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    near = [counted_near(answers, result) for answers, result in zip(files, results, strict=True)]
    if wanted.compare:
        compare(*results[:2])
    raise SystemExit(0 if all(near) else 1)


def compare(base: Document, head: Document) -> None:
    """Prints how two results compare."""
    with tempfile.TemporaryDirectory(prefix="matchspec-gsm8k-") as name:
        files = [Path(name, f"{side}.json") for side in ("base", "head")]
        for file, result in zip(files, (base, head), strict=True):
            file.write_text(json.dumps(result), encoding="utf-8")
        matchspec = Path(sys.executable).with_name("matchspec")
        subprocess.run([matchspec, "report", "--compare", *files], check=False)


def counted_near(answers: Path, result: Document) -> bool:
    """Prints the counts of one file of answers; whether ours is near the authors'."""
    judged = sum(json.loads(line)["is_correct"] for line in answers.read_text(encoding="utf-8").splitlines())
    right = sum(example["passed"] for example in result["examples"])
    print(
        f"{answers.name}: {right} of {len(result['examples'])} right (its authors count {judged}), "
        f"score {result['grader_results'][0]['score']:.4f}, {result['verdict']}, {result['duration_seconds']:.1f} s",
        flush=True,
    )
    difference: int = abs(right - judged)
    return difference <= ALLOWED_DIFFERENCE


def run(dataset: Path, answers: Path) -> Document:
    """The result of one run, on servers and a log of its own; raises BrokenError."""
    model_port, port = free_port(), free_port()
    model_url, url = f"http://127.0.0.1:{model_port}", f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="matchspec-gsm8k-") as name, contextlib.ExitStack() as servers:
        folder = Path(name)
        config = write_files(folder, dataset, model_url + CHAT_PATH)
        replay = python_script("replay_model.py", str(answers), "--port", str(model_port))
        serve = matchspec_serve(config, port, "--db", str(folder / "log.db"))
        servers.enter_context(running("the replaying model", replay, model_url + MODELS_PATH, folder / "model.log"))
        servers.enter_context(running("matchspec serve", serve, f"{url}/health", folder / "server.log"))
        started = ask(f"{url}/run", {"suite": "gsm8k"})
        *_, result = follow(url + started["results_url"], 0.2)
    if result["status"] == "error":
        raise BrokenError(f"{answers.name}: the run ended without a verdict: {result.get('error')}")
    return result


def write_files(folder: Path, dataset: Path, endpoint: str) -> Path:
    """Writes config and harness into a folder; the config's path."""
    quoted = {"dataset": json.dumps(str(dataset)), "endpoint": json.dumps(endpoint)}
    (folder / "harness.yml").write_text(HARNESS.format(**quoted), encoding="utf-8")
    config = folder / "matchspec.yml"
    config.write_text(CONFIG, encoding="utf-8")
    return config


if __name__ == "__main__":
    main()
