"""What a grader is that needs more than a pure function: another service, a model of its own, a child process."""

from typing import Protocol

from domain.graded import Asked, Graded


class Grader(Protocol):
    """Grades answers while a run is under way; closed when its last example is graded."""

    async def grade(self, asked: Asked) -> Graded:
        """Give a score in 0-1; GraderError where there is none."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...
