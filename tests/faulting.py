"""What the short forms of the fault campaigns (`scripts/faults`) have in common."""

import contextlib
import os
from collections.abc import Iterator

import pytest
from fault_shim import MissingTool

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))


@contextlib.contextmanager
def needed_tools() -> Iterator[None]:
    """Skip a test, and say why, where this machine lacks a tool or a right."""
    try:
        yield
    except MissingTool as missing:
        pytest.skip(str(missing))
