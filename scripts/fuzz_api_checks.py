"""What schemathesis checks for us beside its own checks; it loads this file itself."""

from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

INVALID = "urn:matchspec:problem:invalid-request"


@schemathesis.check
def valid_requests_have_no_mistake(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A request that the description allows may be refused for what the files or the log say, but not as mistaken."""
    meta = case.meta
    valid = meta is not None and meta.generation.mode == GenerationMode.POSITIVE
    has_float = _has_float(case.body) or _has_float(case.query)
    if valid and not has_float and response.status_code == 400 and response.json()["type"] == INVALID:
        raise AssertionError(f"/openapi.json allows what was refused: {response.json()['detail']}")


def _has_float(body: object) -> bool:
    """JSON Schema counts 8.0 as an integer; matchspec wants it written as one."""
    return isinstance(body, dict) and any(isinstance(value, float) for value in body.values())
