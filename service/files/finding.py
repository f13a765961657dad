"""Where the configuration is."""

import stat
from collections.abc import Mapping
from pathlib import Path

from domain.errors import ConfigNotAllowed, InvalidFiles
from domain.mistakes import Mistake


def find_config(explicit: str | None, environment: Mapping[str, str], cwd: Path, home: Path) -> Path:
    """Find `matchspec.yml`: `--config`, MATCHSPEC_CONFIG, ./matchspec.yml, $HOME/.matchspec/config.yml.

    Raises InvalidFiles, which tells every place it looked at.
    """
    for name, source in ((explicit, "--config"), (environment.get("MATCHSPEC_CONFIG"), "MATCHSPEC_CONFIG")):
        if name:
            return _named(cwd / name, name, source)
    usual = {"./matchspec.yml": cwd / "matchspec.yml", "$HOME/.matchspec/config.yml": home / ".matchspec/config.yml"}
    for path in usual.values():
        if _exists(path):
            return path
    looked = " and ".join(usual)
    raise InvalidFiles(
        [Mistake(f"no configuration file: looked for {looked}; name another one with --config or MATCHSPEC_CONFIG")]
    )


def resolve_requested(config: str, root: Path) -> Path:
    """Resolve the `config` of a request, relative to the folder `root`.

    Raises ConfigNotAllowed, always with the same text, unless it is a regular file below `root`. What leads out of
    `root` by its words is refused before the disk is touched: else it would tell what is there.
    """
    try:
        path = _below(config, root).resolve(strict=True)
        if path.is_relative_to(root.resolve(strict=True)) and stat.S_ISREG(path.stat().st_mode):
            return path
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links
        pass
    raise ConfigNotAllowed


def _below(config: str, root: Path) -> Path:
    """Take out `..` word by word; ConfigNotAllowed where a step leads above `root`, or an absolute path elsewhere."""
    path = Path(config)
    if path.is_absolute():
        if ".." in path.parts or not any(path.is_relative_to(folder) for folder in (root, root.resolve())):
            raise ConfigNotAllowed
        return path
    names: list[str] = []
    for name in path.parts:
        if name != "..":
            names.append(name)
        elif names:
            names.pop()
        else:
            raise ConfigNotAllowed
    return root.joinpath(*names)


def _named(path: Path, name: str, source: str) -> Path:
    if not _exists(path):
        raise InvalidFiles([Mistake(f"no such file (named by {source})", file=name)])
    return path


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True
