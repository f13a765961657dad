"""A JSON Schema (draft 2020-12) for each kind of file a user writes in YAML, for editors.

It says what a field alone may be. Rules over several fields, and what a text must mean (a URL, a pattern, a path),
are left to `matchspec validate`.
"""

from inspect import cleandoc
from typing import Any, Literal, get_args

import msgspec

from domain.grader_spec import Grader, RegisteredGrader
from domain.spec import Config, DatasetFile, Harness

Kind = Literal["config", "harness", "dataset"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FILES: dict[Kind, tuple[type, str]] = {
    "config": (Config, "matchspec.yml"),
    "harness": (Harness, "matchspec harness file"),
    "dataset": (DatasetFile, "matchspec dataset file"),
}
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*\Z"

Schema = dict[str, Any]


def schema_of(kind: Kind) -> Schema:
    """Give the schema of a file: `config`, `harness` or `dataset`."""
    file, title = _FILES[kind]
    (root,), definitions = msgspec.json.schema_components([file], schema_hook=anything, ref_template="#/$defs/{name}")
    if RegisteredGrader.__name__ in definitions:
        _free_type(definitions[RegisteredGrader.__name__])
    own: Schema = definitions.pop(root["$ref"].rpartition("/")[2])
    whole: Schema = tidy({"$schema": DIALECT, **own, "title": title, "$defs": definitions})
    return whole


def anything(kind: type) -> Schema:
    """Tell msgspec how to describe a field of any value."""
    if kind is object:
        return {"description": "Any value."}
    raise NotImplementedError


def _free_type(registered: Schema) -> None:
    """A user writes the name of a registered grader as its `type`: any text that is no type of ours."""
    taken = [kind.__struct_config__.tag for kind in get_args(Grader)]
    free = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": _NO_CONTROLS, "not": {"enum": taken}}
    registered["description"] = "A grader that an installed package registers under this type."
    registered["properties"]["type"] = free
    del registered["properties"]["entry_point"]
    registered["required"] = ["type"]


def tidy(node: Any) -> Any:
    """Rewrite what validators or editors read otherwise than it is meant."""
    if isinstance(node, list):
        return [tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidied = {key: tidy(value) for key, value in node.items() if key != "discriminator"}  # OpenAPI's
    if tidied.get("pattern") == _NO_CONTROLS:  # JavaScript has no \Z, and Python's $ allows a newline
        del tidied["pattern"]
        tidied["allOf"] = [{"not": {"pattern": r"[\x00-\x1f\x7f-\x9f]"}}]
    if tidied.get("default", 0) is None:
        del tidied["default"]  # editors would write null
    if isinstance(tidied.get("description"), str):
        tidied["description"] = cleandoc(tidied["description"])
    return tidied
