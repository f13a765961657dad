"""Why a text is not JSON, in words of a user."""

import re

_HALF_PAIR = re.compile(r"\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]", re.IGNORECASE)


def why_not_json(text: str, error: Exception) -> str:
    """Say what msgspec's DecodeError, or a RecursionError, means for this text."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if _HALF_PAIR.search(text):
        return "half of a surrogate pair, such as \\ud800 alone, is no character"
    reason = str(error).removeprefix("JSON is malformed: ")
    return "it ends too early" if reason == "Input data was truncated" else reason[:1].lower() + reason[1:]
