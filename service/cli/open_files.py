"""How many files, connections among them, this process may have open."""

import sys

PLENTY = 65_536


def raise_limit() -> int:
    """Raise the limit as far as the system lets us; gives it."""
    if sys.platform == "win32":
        return PLENTY
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return PLENTY
    wanted = PLENTY if hard == resource.RLIM_INFINITY else min(hard, PLENTY)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
