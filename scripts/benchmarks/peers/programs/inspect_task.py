"""The task that Inspect AI runs, in its own environment: one question, one answer, three scorers."""

import os
import re

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, exact, includes, scorer
from inspect_ai.solver import TaskState, generate

BRIEF = re.compile(r"^\S+( \S+)*$")


@scorer(metrics=[accuracy()])
def brief() -> Scorer:
    """Whether the answer matches the pattern: Inspect's own `pattern` compares what it found with the target."""

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001 - Inspect gives it by name or by place
        return Score(value=CORRECT if BRIEF.search(state.output.completion) else INCORRECT)

    return score


@task
def bench() -> Task:
    """All examples of the dataset."""
    fields = FieldSpec(input="input", target="expected", id="id")
    return Task(
        dataset=json_dataset(os.environ["BENCH_DATASET"], fields),
        solver=generate(),
        scorer=[exact(), includes(), brief()],
    )
