"""`matchspec schema`: the JSON Schema of each kind of file, for editors and other programs."""

import json
from pathlib import Path

import click

from domain.errors import MatchspecError
from service.cli.failures import tell
from service.files.schema import KINDS, Kind, schema_of


def schema(kind: Kind | None, folder: str | None) -> int:
    """Print the schema of a kind of file, or write it, or all, into a folder; gives the exit code."""
    if folder is None:
        click.echo(_schema(kind or KINDS[0]), nl=False)
        return 0
    try:
        for one in [kind] if kind else KINDS:
            _write(Path(folder) / f"{one}.schema.json", _schema(one))
    except MatchspecError as error:
        return tell(error)
    return 0


def _schema(kind: Kind) -> str:
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise MatchspecError(f"{path} can't be written: {error.strerror}") from error
    click.echo(f"wrote {path}")
