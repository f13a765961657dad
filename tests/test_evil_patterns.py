"""Fifty patterns that freeze other engines, each on 100,000 characters: graded or refused, and the server answers."""

import asyncio
from pathlib import Path

import pytest
from project import write_project
from running import serving

TEXT = "a" * 100_000 + "!"

NESTED = [
    f"^({inner}){outer}$"
    for inner in ("a+", "a*", "a?a+", "a|aa", "a|a?", "[a-z]+", r"\w+", r"\w*\s?", "(a+)+", "(a*)*")
    for outer in ("+", "*", "{1,50}")
]
OTHERS = [
    "(x+x+)+y",
    "^(a|b|ab)*c$",
    "^(.*)*$b",
    "^(.+)+b",
    "(.*a){20}b",
    "(a+){10}b",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$",
    r"^(\s*a\s*)+b",
    r"\s+$b",
    "a*a*a*a*a*a*a*a*b",
    "a?" * 30 + "a" * 30 + "b",
    "(a{0,30}){0,30}b",
    "(?:a|a|a|a|a|a|a|a)+b",
    "(?s).*.*.*.*b",
    "(a|[^b])*b",
    "^(?:(?:a+)?b?)+c",
    r"(\d|\w|a)+;",
    "(aa|aaa)+b",
    "^(a+)+(a+)+(a+)+b",
]
PATTERNS = NESTED + OTHERS


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_no_pattern_freezes_the_server(tmp_path: Path) -> None:
    """Each gives a score or an error of its own, the run ends, and meanwhile the loop never stands still for long."""
    assert len(PATTERNS) == 50
    graders = [
        {"type": "regex", "name": f"evil-{n}", "config": {"pattern": one}, "threshold": 0.5}
        for n, one in enumerate(PATTERNS)
    ]
    config = write_project(tmp_path, examples=[{"id": "a", "input": TEXT, "expected": "x"}], graders=graders)
    async with serving(config) as client:
        running = asyncio.create_task(client.run())
        longest, loop = 0.0, asyncio.get_running_loop()
        while not running.done():
            begun = loop.time()
            assert (await client.http.get("/health")).status_code == 200
            await asyncio.sleep(0.01)
            longest = max(longest, loop.time() - begun)
        (example,) = (await running)["examples"]
    graded = example["scores"].keys() | example.get("errors", {}).keys()
    assert len(graded) == 50
    assert longest < 5, f"stood still for {longest:.1f} s"
