"""Where a command looks for a configuration that it can do without."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from domain.errors import InvalidFiles
from service.files.finding import find_config
from service.log.address import LogAddress, parse_address


class Places(NamedTuple):
    """The environment, the folder in which the command was typed, the user's own folder."""

    environment: Mapping[str, str]
    cwd: Path
    home: Path


def find_server_log(db: str | None, folder: Path, here: Places) -> LogAddress:
    """Tell where a server has its log: `--db`, MATCHSPEC_DB, or beside the configuration in `folder`."""
    named = db or here.environment.get("MATCHSPEC_DB")
    return parse_address(named, here.cwd) if named else folder / ".matchspec" / "matchspec.db"


def find_config_if_any(explicit: str | None, places: Places) -> Path | None:
    """Find the configuration; None where there is none. InvalidFiles where one was named and is not there."""
    try:
        return find_config(explicit, *places)
    except InvalidFiles:
        if explicit or places.environment.get("MATCHSPEC_CONFIG"):
            raise
        return None
