"""Parts of a file that are right by themselves, where the file as a whole has no value: to look for more mistakes."""

from collections.abc import Iterator

import msgspec

from domain.grader_spec import Grader
from domain.model_rules import Fault, find_model_faults
from domain.model_spec import Model
from domain.rules import find_grader_list_faults, find_suite_list_faults
from domain.spec import Suite
from service.files.registered import spell_out_registered
from service.files.tree import Mapping, Node, Sequence
from service.files.typed import convert


class _Model(msgspec.Struct, frozen=True):
    part: Model


class _Grader(msgspec.Struct, frozen=True):
    part: Grader


class _Suite(msgspec.Struct, frozen=True):
    part: Suite


def find_harness_part_faults(root: Node) -> Iterator[Fault]:
    """Tell what is wrong with the model and the graders of a harness file."""
    for node in _entry(root, "model"):
        model = convert(Mapping(node.line, {"part": node}), _Model).draft
        if model:
            yield from find_model_faults(model.part)
    drafts = [
        convert(Mapping(node.line, {"part": node}), _Grader).draft
        for node in _items(spell_out_registered(root), "graders")
    ]
    yield from find_grader_list_faults([(index, draft.part) for index, draft in enumerate(drafts) if draft])


def find_config_part_faults(root: Node) -> Iterator[Fault]:
    """Tell what is wrong with the suites of a configuration."""
    drafts = [convert(Mapping(node.line, {"part": node}), _Suite).draft for node in _items(root, "suites")]
    yield from find_suite_list_faults([(index, draft.part) for index, draft in enumerate(drafts) if draft])


def _entry(root: Node, key: str) -> list[Node]:
    found = root.entries.get(key) if isinstance(root, Mapping) else None
    return [found] if found is not None else []


def _items(root: Node, key: str) -> list[Node]:
    return [item for node in _entry(root, key) if isinstance(node, Sequence) for item in node.items]
