"""The project that is run: one harness with three graders, of which an echo gets three of four examples right."""

import json
from collections.abc import Iterator
from pathlib import Path

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
timeout_seconds: 600
"""
CONFIG = "version: 1\nsuites: [{name: bench, harnesses: [./harness.yml], thresholds: {overall: 0.5}}]\n"
SCORES = [0.75, 0.75, 1.0]
QUESTION = "question {}: " + " ".join(["what is the capital of the country that lies to the north of it?"] * 3)


def write_project(folder: Path, model_port: int, examples: int, concurrency: int) -> Path:
    """Write a configuration, a harness and a dataset of so many rows (a multiple of four); gives the dataset's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matchspec.yml").write_text(CONFIG)
    (folder / "harness.yml").write_text(HARNESS.format(port=model_port, concurrency=concurrency))
    dataset = folder / "dataset.jsonl"
    write_dataset(dataset, examples)
    return dataset


def write_dataset(path: Path, examples: int) -> None:
    """Write so many rows, as JSONL."""
    with path.open("w") as file:
        for row in rows(examples):
            file.write(json.dumps(row) + "\n")


def rows(examples: int) -> Iterator[dict[str, str]]:
    """So many examples; every fourth expects something else than the question."""
    for number in range(examples):
        question = QUESTION.format(number)
        expected = question if number % 4 else "something else"
        yield {"id": f"ex-{number:07d}", "input": question, "expected": expected}
