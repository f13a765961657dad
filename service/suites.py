"""The suites of the server's own config, as last read without a mistake."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from domain.errors import InvalidFiles
from service.files.config import ConfigFiles, read_config


class SuitesNow(NamedTuple):
    """The last good configuration; `error` says what is wrong with the file as it is now."""

    files: ConfigFiles
    error: str | None


class OwnConfig:
    """Reads the server's config again for each question: an edit needs no restart."""

    def __init__(self, path: Path, files: ConfigFiles) -> None:
        self.path = path
        self._good = files

    async def read(self) -> SuitesNow:
        """Give the suites as they are, or the last good ones with what is wrong."""
        try:
            return SuitesNow(await self.load(), None)
        except InvalidFiles as error:
            return SuitesNow(self._good, str(error))

    async def load(self) -> ConfigFiles:
        """Give the configuration as it is; InvalidFiles where it has mistakes."""
        self._good = await asyncio.to_thread(read_config, self.path)
        return self._good


class GivenConfig(OwnConfig):
    """A configuration made for one command: what it was made from is not read again."""

    async def load(self) -> ConfigFiles:
        """Give the configuration."""
        return self._good
