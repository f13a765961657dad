"""Writes a small project to run: `matchspec.yml`, a harness file and a dataset, in a folder of its own.

JSON is YAML, so that any text in an example or a setting arrives as it was given.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Fields = Mapping[str, object]

CONFIG = "matchspec.yml"
EXACT: Fields = {"type": "exact_match"}
ECHO: Fields = {"type": "echo"}


def examples(count: int, **fields: object) -> list[dict[str, object]]:
    """Give examples `ex-0`, `ex-1`, ... that an echo model answers rightly: input and expected are `q0`, `q1`, ..."""
    return [{"id": f"ex-{n}", "input": f"q{n}", "expected": f"q{n}"} | fields for n in range(count)]


def write_project(
    folder: Path,
    *,
    examples: Sequence[Fields] = ({"id": "ex-0", "input": "q0", "expected": "q0"},),
    model: Fields = ECHO,
    graders: Sequence[Fields] = (EXACT,),
    suites: Sequence[Fields] | None = None,
    harness: Fields | None = None,
    **config: object,
) -> Path:
    """Write `matchspec.yml` with one suite `qa` over one harness `qa-v1`; gives the config's path.

    `harness` adds fields to the harness file (`{"concurrency": 1}`), `suites` replaces the suites, other keywords are
    blocks of the config (`defaults={...}`, `statistics={...}`).
    """
    write_harness(folder, "qa-v1", examples=examples, model=model, graders=graders, **(harness or {}))
    return write_config(folder, suites or [suite("qa", "qa-v1")], **config)


def suite(name: str, *harnesses: str, **fields: object) -> dict[str, object]:
    """Give a suite of the named harnesses; `tags`, `thresholds` and `statistics` as further fields."""
    return {"name": name, "harnesses": [f"evals/{one}/harness.yml" for one in harnesses]} | fields


def write_config(folder: Path, suites: Sequence[Fields], **blocks: object) -> Path:
    """Write `matchspec.yml` alone; gives its path."""
    return write_yaml(folder / CONFIG, {"version": 1, "suites": list(suites)} | blocks)


def write_harness(
    folder: Path,
    name: str,
    *,
    examples: Sequence[Fields],
    model: Fields = ECHO,
    graders: Sequence[Fields] = (EXACT,),
    **fields: object,
) -> Path:
    """Write `evals/NAME/harness.yml` and the `dataset.jsonl` beside it; gives the harness file's path."""
    home = folder / "evals" / name
    write_dataset(home / "dataset.jsonl", examples)
    content = {"version": 1, "name": name, "dataset": "./dataset.jsonl", "model": model, "graders": list(graders)}
    return write_yaml(home / "harness.yml", content | fields)


def write_dataset(path: Path, examples: Sequence[Fields]) -> Path:
    """Write a JSON Lines dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(example) + "\n" for example in examples))
    return path


def write_yaml(path: Path, content: object) -> Path:
    """Write any YAML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
    return path
