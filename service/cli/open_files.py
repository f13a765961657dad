"""How many files, connections among them, this process may have open."""

import sys

PLENTY = 65_536


def raise_limit(plenty: int = PLENTY) -> int:
    """Raise the limit as far as the system lets us, up to what is `plenty`; gives it."""
    if sys.platform == "win32":
        return plenty
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return plenty
    wanted = plenty if hard == resource.RLIM_INFINITY else min(hard, plenty)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
