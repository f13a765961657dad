"""The project that is run: one harness with three graders, of which an echo gets three of four examples right."""

import json
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
    with dataset.open("w") as file:
        for number in range(examples):
            question = QUESTION.format(number)
            expected = question if number % 4 else "something else"
            file.write(json.dumps({"id": f"ex-{number:07d}", "input": question, "expected": expected}) + "\n")
    return dataset
