"""The code that a harness runs and that can't be pinned: scripts of commands, a user's own graders. By digest."""

from pathlib import Path

from domain.grader_spec import Grader, PythonGrader, RegisteredGrader
from domain.model_spec import CommandModel, Model
from service.graders.factories import code_of
from service.models.scripts import scripts_of


def find_code(model: Model, graders: list[Grader], folder: Path) -> dict[str, str]:
    """Name each file, or registered grader, with what identifies its contents; `folder` is the harness file's."""
    code = scripts_of(model, folder) if isinstance(model, CommandModel) else {}
    for grader in graders:
        if isinstance(grader, PythonGrader | RegisteredGrader):
            code |= code_of(grader, folder)
    return code
