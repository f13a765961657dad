"""`matchspec init`: a starter configuration, with a harness and a dataset that run without a key."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from domain.errors import MatchspecError, Refused
from service.cli.failures import tell

NEXT = """
Next:
  matchspec validate    checks the files
  matchspec run         runs them: no key, no network

evals/capitals/model.sh stands in for a model; the harness file beside it shows
how to name a real one. Runs leave logs and results in .matchspec/: keep that
folder out of version control."""


def init(folder: Path, *, with_examples: bool, force: bool) -> int:
    """Write the starter files into a folder and say what was written; gives the exit code."""
    contents = starter_files(with_examples=with_examples)
    try:
        _refuse_to_overwrite(folder, list(contents), force=force)
        for name, content in contents.items():
            _write(folder / name, content, name)
            click.echo(f"wrote {name}")
    except MatchspecError as error:
        return tell(error)
    click.echo(NEXT)
    return 0


def starter_files(*, with_examples: bool) -> dict[str, bytes]:
    """Give the starter files by their paths; those of the examples take the place of basic ones of the same name."""
    starter = files("service.cli").joinpath("starter")
    contents = _below(starter.joinpath("basic"))
    return contents | _below(starter.joinpath("examples")) if with_examples else contents


def _below(folder: Traversable, at: str = "") -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name)):
        name = at + entry.name
        contents |= _below(entry, f"{name}/") if entry.is_dir() else {name: entry.read_bytes()}
    return contents


def _refuse_to_overwrite(folder: Path, names: list[str], *, force: bool) -> None:
    there = [name for name in names if (folder / name).is_symlink() or (folder / name).exists()]
    if there and not force:
        listed = "".join(f"\n  {name}" for name in there)
        raise Refused(f"nothing was written: --force would overwrite what is already there:{listed}")
    for name in names:
        if (folder / name).is_dir():
            raise Refused(f"nothing was written: {name} is a folder, and must be a file")
        for parent in (folder / name).relative_to(folder).parents:
            if (folder / parent).exists() and not (folder / parent).is_dir():
                raise Refused(f"nothing was written: {parent} is a file, and must be a folder")


def _write(path: Path, content: bytes, name: str) -> None:
    """Put a file in the place of whatever is there: what a link leads to stays as it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise MatchspecError(f"{name} can't be written: {error.strerror}") from error
