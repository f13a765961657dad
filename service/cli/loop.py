"""The event loop that commands run in."""

import asyncio
from collections.abc import Coroutine


def run_loop(serving: Coroutine[None, None, int]) -> int:
    """Run a command to its exit code."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.run(serving)
    code: int = uvloop.run(serving)
    return code
