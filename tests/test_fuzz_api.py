"""schemathesis over `/openapi.json` on a real server; the long form is `scripts/fuzz_api.py` with its own count."""

import importlib.util
import os
from pathlib import Path

import fuzz_api
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2_400),
    pytest.mark.skipif(
        not importlib.util.find_spec("schemathesis"), reason="the package schemathesis is not installed: no fuzzing"
    ),
]

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))


def test_the_api_is_as_it_tells(tmp_path: Path) -> None:
    """No answer of 500, none that is not told, no wrong media type or document, no route without the key, and what the
    description does not allow is refused.
    """
    found = fuzz_api.fuzz(tmp_path, fuzz_api.COUNT, fuzz_api.SEED) if LONG else fuzz_api.fuzz(tmp_path, 1, 1, cases=3)
    assert not found.failures, found.failures
    assert found.cases >= (fuzz_api.COUNT if LONG else 200)
