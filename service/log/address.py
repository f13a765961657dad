"""Where a log is: in a file, or in a database on PostgreSQL that a URL names."""

import re
from pathlib import Path
from typing import NamedTuple

_SCHEMES = ("postgresql://", "postgres://")
_PASSWORD = re.compile(r"(?<=//)([^:/@?]*):.*@")
_PARAMETERS = re.compile(r"([?&](?:ssl)?password=)[^&]*")


class PostgresUrl(NamedTuple):
    """A database's URL, as libpq reads it. It is shown without its password."""

    url: str

    def __str__(self) -> str:
        return _PARAMETERS.sub(r"\1***", _PASSWORD.sub(r"\1@", self.url))

    def __repr__(self) -> str:
        return str(self)


LogAddress = Path | PostgresUrl


def parse_address(text: str, folder: Path) -> LogAddress:
    """Read what names a log; a file is relative to a folder."""
    return PostgresUrl(text) if text.startswith(_SCHEMES) else folder / text
