"""What a user of pydantic-evals writes: a task, a dataset, evaluators, and the report kept as JSON at the end."""

import asyncio
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected, Evaluator, EvaluatorContext
from pydantic_evals.reporting import EvaluationReportAdapter

BRIEF = re.compile(r"^\S+( \S+)*$")


@dataclass
class ContainsExpected(Evaluator[str, str, None]):
    """The built-in `Contains` has one value for all cases."""

    def evaluate(self, ctx: EvaluatorContext[str, str, None]) -> bool:
        """Whether the answer has it."""
        return ctx.expected_output in ctx.output


@dataclass
class Brief(Evaluator[str, str, None]):
    """There is no built-in evaluator for a pattern."""

    def evaluate(self, ctx: EvaluatorContext[str, str, None]) -> bool:
        """Whether the answer matches."""
        return BRIEF.search(ctx.output) is not None


async def evaluate(cases: list[Case[str, str, None]], base_url: str, concurrency: int) -> bytes:
    """The report of all cases, as JSON."""
    client = AsyncOpenAI(base_url=base_url, api_key="none")

    async def ask(text: str) -> str:
        answer = await client.chat.completions.create(model="echo", messages=[{"role": "user", "content": text}])
        return answer.choices[0].message.content or ""

    evals = Dataset(name="bench", cases=cases, evaluators=[EqualsExpected(), ContainsExpected(), Brief()])
    done = await evals.evaluate(ask, max_concurrency=concurrency, progress=False)
    return EvaluationReportAdapter.dump_json(done)


def main() -> None:
    """Reads the examples and writes the report."""
    dataset, base_url, concurrency, report = sys.argv[1:]
    rows = [json.loads(line) for line in Path(dataset).read_text().splitlines()]
    cases = [Case(name=row["id"], inputs=row["input"], expected_output=row["expected"]) for row in rows]
    Path(report).write_bytes(asyncio.run(evaluate(cases, base_url, int(concurrency))))


main()
