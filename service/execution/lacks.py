"""What a process lacks of what a run needs: then it leaves the run to others."""

from collections.abc import Iterator

from domain.plan import Plan, PlannedHarness
from domain.run import Run
from domain.secrets import grader_variables, named_variables
from service.execution.jobs import find_changed_code
from service.execution.world import World
from service.graders.opening import find_missing


def find_lacks(world: World, run: Run, plan: Plan) -> list[str]:
    """Name every variable, script, package and dataset that a run needs and that is not here as it must be."""
    lacks = find_changed_code(world, run, plan)
    for suite in plan.suites:
        for harness in suite.harnesses:
            pinned = run.harnesses.get((suite.name, harness.name))
            if pinned is not None:
                lacks += [f"harness '{harness.name}': {lack}" for lack in _find(world, run, plan, harness)]
                if pinned.manifest is None and not (world.config_folder(plan) / harness.dataset).is_file():
                    lacks.append(f"harness '{harness.name}': there is no dataset {harness.dataset}")
    return list(dict.fromkeys(lacks))


def _find(world: World, run: Run, plan: Plan, harness: PlannedHarness) -> Iterator[str]:
    regrades = run.started is not None and run.started.regrades is not None
    named = set[str]() if regrades else named_variables(harness.model)
    for name in sorted(named.union(*map(grader_variables, harness.graders))):
        if not world.environment.get(name):
            yield f"the environment variable {name} is not set"
    folder = world.harness_folder(plan, harness)
    for grader in harness.graders:
        for fault in find_missing(grader, folder, ()):
            yield fault.message
