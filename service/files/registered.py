"""Grader types that installed packages register: a user writes their names as `type`."""

from importlib.metadata import entry_points

from service.files.tree import Mapping, Node, Scalar, Sequence

GROUP = "matchspec.graders"


def registered_types() -> set[str]:
    """Give the grader types that installed packages register."""
    return {point.name for point in entry_points(group=GROUP)}


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
        {**grader.entries, "type": Scalar(kind.line, "text", "registered", "registered"), "entry_point": kind},
    )
