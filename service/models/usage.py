"""Tokens, where a reply tells them."""

from domain.events import Usage

_NAMES = (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens"))
"""As chat completions call them, and as other services do."""

MOST = 10**12


def usage_in(reply: object) -> Usage | None:
    """Find `usage` in a decoded reply; None where there is none, or it makes no sense."""
    usage = reply.get("usage") if isinstance(reply, dict) else None
    if not isinstance(usage, dict):
        return None
    for sent, received in _NAMES:
        tokens = [usage.get(sent), usage.get(received, 0)]
        counts = [count for count in tokens if isinstance(count, int) and not isinstance(count, bool)]
        if len(counts) == len(tokens) and all(0 <= count <= MOST for count in counts):
            return Usage(input_tokens=counts[0], output_tokens=counts[1])
    return None
