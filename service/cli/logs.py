"""Where the logs are that a command reads: the server's, and those of runs of the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from domain.errors import MatchspecError, RunNotFound
from service.cli.places import Places, find_config_if_any
from service.cli.run_here import find_run_log
from service.log.verifying import holds_run


class Logs(NamedTuple):
    """The server's log, which may not be there, and the folders below which runs have theirs."""

    server: Path
    folders: list[Path]

    @property
    def runs(self) -> list[Path]:
        """The logs of runs of the command line, the oldest first."""
        found = [log for folder in self.folders for log in (folder / ".matchspec" / "runs").glob("run-*.db")]
        return sorted(found, key=lambda log: log.name)

    @property
    def looked_in(self) -> str:
        """The places, for a message."""
        return ", ".join([*(str(folder / ".matchspec" / "runs") for folder in self.folders), str(self.server)])


def find_logs(config: str | None, db: str | None, environment: Mapping[str, str], cwd: Path, home: Path) -> Logs:
    """Find them from what was typed: the server's as the server finds it, runs beside the configuration and here."""
    found = find_config_if_any(config, Places(environment, cwd, home))
    folder = found.parent if found else cwd
    named = db or environment.get("MATCHSPEC_DB")
    server = cwd / named if named else folder / ".matchspec" / "matchspec.db"
    return Logs(server.resolve(), list(dict.fromkeys([folder, cwd])))


def find_log_of(logs: Logs, run_id: str) -> Path:
    """Find the log that holds a run; RunNotFound where none does."""
    own = find_run_log(logs.folders, run_id)
    if own:
        return own.resolve()
    if logs.server.is_file() and holds_run(logs.server, run_id):
        return logs.server
    raise RunNotFound(f"there is no run '{run_id}': looked in {logs.looked_in}")


def existing(log: Path) -> Path:
    """Give a log's path; MatchspecError where there is no file."""
    if not log.is_file():
        raise MatchspecError(f"there is no log {log}")
    return log
