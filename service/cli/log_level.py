"""What the program says on stderr while it works."""

import logging
import re
import sys
from collections.abc import Mapping

from domain.errors import InvalidFiles
from domain.mistakes import Mistake, nearest

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class OneLine(logging.Formatter):
    """Writes each record on one line, a traceback too, with every control character as an escape: nothing that comes
    from outside can pass for a record, or steer a terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        return _UNSAFE.sub(_escaped, super().format(record))


def set_up_logging(environment: Mapping[str, str]) -> None:
    """Log to stderr from MATCHSPEC_LOG_LEVEL on; InvalidFiles where that is none."""
    level = environment.get("MATCHSPEC_LOG_LEVEL") or "info"
    if level.lower() not in LEVELS:
        raise InvalidFiles([Mistake(f"MATCHSPEC_LOG_LEVEL: unknown level '{level}'{nearest(level, LEVELS)}")])
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[to_stderr])
    logging.getLogger("matchspec").setLevel(LEVELS[level.lower()])


def _escaped(unsafe: re.Match[str]) -> str:
    return unsafe[0].encode("unicode_escape").decode()
