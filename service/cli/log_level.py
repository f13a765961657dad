"""What the program says on stderr while it works."""

import logging
import sys
from collections.abc import Mapping

from domain.errors import InvalidFiles
from domain.mistakes import Mistake, nearest

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def set_up_logging(environment: Mapping[str, str]) -> None:
    """Log to stderr from MATCHSPEC_LOG_LEVEL on; InvalidFiles where that is none."""
    level = environment.get("MATCHSPEC_LOG_LEVEL") or "info"
    if level.lower() not in LEVELS:
        raise InvalidFiles([Mistake(f"MATCHSPEC_LOG_LEVEL: unknown level '{level}'{nearest(level, LEVELS)}")])
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("matchspec").setLevel(LEVELS[level.lower()])
