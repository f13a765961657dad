"""In what two runs differ beside their outputs, in sentences: what a reader must know before any number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.comparison import Key
from domain.events import PinnedHarness
from domain.grader_spec import Grader, grader_name
from domain.plan import Plan, PlannedHarness, PlannedSuite, threshold_of


class Made(NamedTuple):
    """What a run was made of."""

    plan: Plan
    harnesses: Sequence[PinnedHarness]
    matchspec: str


class _Place(NamedTuple):
    suite: PlannedSuite
    harness: PlannedHarness
    pinned: PinnedHarness


def tell_differences(base: Made, head: Made) -> list[str]:
    """Name what the two runs did not have in common, by harness."""
    before, after = _places(base), _places(head)
    told = [*_one_sided(before.keys(), after.keys())]
    for key in before.keys() & after.keys():
        where = f"harness '{key[1]}' of suite '{key[0]}'"
        told += [f"{where}: {difference}" for difference in _differing(before[key], after[key])]
    if sorted(base.plan.tags) != sorted(head.plan.tags):
        told.append(
            f"the tags asked for differ: {_listed(base.plan.tags)} in the base, {_listed(head.plan.tags)} in the head"
        )
    if base.matchspec != head.matchspec:
        told.append(f"matchspec {base.matchspec} graded the base, {head.matchspec} the head")
    return sorted(told)


def _places(made: Made) -> dict[Key, _Place]:
    return {(one.suite, one.harness): _Place(*made.plan.harness(one.suite, one.harness), one) for one in made.harnesses}


def _one_sided(base: Iterable[Key], head: Iterable[Key]) -> Iterator[str]:
    for side, own, other in (("base", set(base), set(head)), ("head", set(head), set(base))):
        yield from (f"harness '{harness}' of suite '{suite}' is in the {side} only" for suite, harness in own - other)


def _differing(base: _Place, head: _Place) -> Iterator[str]:
    if base.pinned.manifest != head.pinned.manifest:
        yield "another dataset, or another state of it"
    if sorted(base.suite.tags) != sorted(head.suite.tags):
        yield f"the suite's tags were {_listed(base.suite.tags)}, and are {_listed(head.suite.tags)}"
    if base.harness.repeats != head.harness.repeats:
        yield f"repeats were {base.harness.repeats}, and are {head.harness.repeats}"
    fields = _differing_fields(base.harness.model, head.harness.model, beside=("prices",))
    if fields:
        yield f"another model: {fields}"
    scripts = base.harness.code.keys() | head.harness.code.keys()
    yield from (
        f"the code of {script} differs"
        for script in sorted(scripts)
        if base.harness.code.get(script) != head.harness.code.get(script)
    )
    yield from _differing_graders(base, head)


def _differing_graders(base: _Place, head: _Place) -> Iterator[str]:
    before, after = _graders(base.harness), _graders(head.harness)
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"grader '{name}' is in the {'base' if name in before else 'head'} only"
            continue
        fields = _differing_fields(before[name], after[name], beside=("name", "threshold"))
        if fields:
            yield f"grader '{name}': {fields}"
        marks = threshold_of(before[name], base.suite), threshold_of(after[name], head.suite)
        if marks[0] != marks[1]:
            yield f"grader '{name}': the threshold was {marks[0]:g}, and is {marks[1]:g}"


def _graders(harness: PlannedHarness) -> Mapping[str, Grader]:
    return {grader_name(grader): grader for grader in harness.graders}


def _differing_fields(base: msgspec.Struct, head: msgspec.Struct, beside: Sequence[str] = ()) -> str:
    """Name the fields that differ; not their values: a prompt has many lines."""
    before, after = msgspec.to_builtins(base), msgspec.to_builtins(head)
    fields = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    differing = [name for name in fields if name not in beside]
    return f"{', '.join(differing)} differ{'s' if len(differing) == 1 else ''}" if differing else ""


def _listed(tags: Sequence[str]) -> str:
    return ", ".join(sorted(tags)) or "none"
