"""What a run used: tokens, and their price."""

from math import fsum

from domain.events import Usage
from domain.model_spec import HttpModel, OpenAIModel
from domain.plan import Plan, PlannedHarness
from domain.tally import Tallies, Tally

MILLION = 1_000_000


def sum_usage(tallies: Tallies) -> Usage | None:
    """Sum the tokens that were reported; None where none were."""
    total = Usage(
        input_tokens=sum(tally.input_tokens for tally in tallies.values()),
        output_tokens=sum(tally.output_tokens for tally in tallies.values()),
    )
    return total if total.input_tokens or total.output_tokens else None


def sum_cost(plan: Plan, tallies: Tallies) -> float | None:
    """Sum the cost of the harnesses that give prices, in their currency; None where no tokens of such were reported."""
    costs = [
        cost
        for suite in plan.suites
        for harness in suite.harnesses
        if (suite.name, harness.name) in tallies
        if (cost := _cost(harness, tallies[suite.name, harness.name])) is not None
    ]
    return fsum(costs) if costs else None


def _cost(harness: PlannedHarness, tally: Tally) -> float | None:
    prices = harness.model.prices if isinstance(harness.model, HttpModel | OpenAIModel) else None
    if prices is None or not (tally.input_tokens or tally.output_tokens):
        return None
    return (tally.input_tokens * prices.input + tally.output_tokens * prices.output) / MILLION
