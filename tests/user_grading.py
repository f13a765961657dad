"""Opens the graders of `user_graders.py` and grades with them."""

import asyncio
import os
from pathlib import Path

from domain.errors import GraderError
from domain.graded import Asked
from domain.grader_spec import PythonGrader
from domain.secrets import Secrets
from service.graders.user_grader import UserGrader, open_python_grader

HERE = Path(__file__).parent


def opened(factory: str, folder: Path = HERE, **config: object) -> UserGrader:
    """Open a grader of `user_graders.py`, or of another file: `FILE.py:NAME`."""
    named = factory if ":" in factory else f"user_graders.py:{factory}"
    environment = {"PATH": os.environ["PATH"], "MATCHSPEC_API_KEY": "sesame"}
    return open_python_grader(PythonGrader(config={"callable": named, **config}), folder, environment, Secrets({}))


def asked(output: str, expected: str = "", metadata: dict[str, object] | None = None) -> Asked:
    """An answer to grade."""
    return Asked("a question", expected, output, metadata)


async def outcome(grader: UserGrader, output: str) -> float | str:
    """Give the score, or what the error says."""
    try:
        return (await grader.grade(asked(output))).score
    except GraderError as error:
        return str(error)


async def outcomes(grader: UserGrader, *outputs: str) -> list[float | str]:
    """Grade one after another, then close."""
    try:
        return [await outcome(grader, output) for output in outputs]
    finally:
        await grader.close()


async def at_once(grader: UserGrader, *outputs: str) -> list[float | str]:
    """Grade all at the same time, then close."""
    try:
        return await asyncio.gather(*(outcome(grader, output) for output in outputs))
    finally:
        await grader.close()
