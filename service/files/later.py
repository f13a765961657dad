"""What the file format has but this version does not do yet. It is told so, not as a typing error."""

LATER_FIELDS: dict[type, frozenset[str]] = {}
LATER_TYPES = frozenset[str]()
LATER_ENDINGS = frozenset({".csv"})


def not_supported(what: str) -> str:
    """Say that something is for a later version."""
    return f"{what} is not supported by this version of matchspec"
