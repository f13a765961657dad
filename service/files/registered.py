"""Grader types that installed packages register: a user writes their names as `type`."""

from collections.abc import Iterable
from importlib.metadata import entry_points

from service.files.tree import Mapping, Node, Scalar, Sequence

GROUP = "matchspec.graders"
SPELLED_OUT = "registered"


def registered_types() -> set[str]:
    """Give the grader types that installed packages register."""
    return {point.name for point in entry_points(group=GROUP)}


def types_to_write(types: Iterable[str]) -> set[str]:
    """Give what a user may write where these types stand: the names of registered graders, not how they are told."""
    written = set(types)
    return written - {SPELLED_OUT} | registered_types() if SPELLED_OUT in written else written


def spell_out_registered(root: Node) -> Node:
    """Write `type: NAME` of a registered grader out as `type: registered, entry_point: NAME`, for the converter."""
    graders = root.entries.get("graders") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or not isinstance(graders, Sequence):
        return root
    names = registered_types()
    spelled = Sequence(graders.line, [_spell_out(grader, names) for grader in graders.items])
    return Mapping(root.line, {**root.entries, "graders": spelled})


def _spell_out(grader: Node, names: set[str]) -> Node:
    kind = grader.entries.get("type") if isinstance(grader, Mapping) else None
    if not isinstance(grader, Mapping) or not isinstance(kind, Scalar) or kind.text not in names:
        return grader
    return Mapping(
        grader.line,
        {**grader.entries, "type": Scalar(kind.line, "text", SPELLED_OUT, SPELLED_OUT), "entry_point": kind},
    )
