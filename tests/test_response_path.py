"""`response_path`: names and places are followed as JMESPath follows them."""

import jmespath
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ModelError
from service.models.message import Answer
from service.models.response_path import compile_path

NAMES = ("a", "b")
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=8,
)
steps = st.sampled_from(NAMES).map("{}".format) | st.integers(-4, 3).map("[{}]".format)
paths = st.builds(
    lambda first, rest: first + "".join(step if step[0] == "[" else f".{step}" for step in rest),
    st.sampled_from(NAMES),
    st.lists(steps, max_size=3),
)


@given(trees, paths)
def test_names_and_places_lead_where_jmespath_leads(tree: object, path: str) -> None:
    """The string there is the output; whatever else is there, or nothing, is an error."""
    answer = Answer(200, [], msgspec.json.encode(tree))
    try:
        found: object = compile_path(path)(answer.body, answer).output
    except ModelError:
        found = None

    there = jmespath.search(path, tree)
    assert found == (there if isinstance(there, str) else None)
