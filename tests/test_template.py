"""`request_template`: the input goes in as a JSON value and can't alter the request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.template import INPUT, compile_template

JSON_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
TEXTS = st.text() | st.lists(st.sampled_from([INPUT, '"', "\\", "{", "}", "a", "\n", "é", "😀"])).map("".join)
TREES = st.recursive(
    JSON_TREES | TEXTS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXTS, children, max_size=4),
    max_leaves=12,
)


def replaced(tree: object, text: str) -> object:
    """Do to a tree of plain values what filling a template does."""
    match tree:
        case str():
            return text.join(tree.split(INPUT))
        case list():
            return [replaced(value, text) for value in tree]
        case dict():
            return {key: replaced(value, text) for key, value in tree.items()}
        case _:
            return tree


@given(tree=TREES, text=TEXTS)
def test_a_filled_template_is_the_tree_with_its_strings_replaced(tree: object, text: str) -> None:
    """For any template and any input, the body parses to the template's tree with the input in its string values."""
    body = compile_template(json.dumps(tree)).fill(text)

    assert json.loads(body) == replaced(tree, text)


def test_without_a_template_the_body_is_an_object_with_the_input() -> None:
    """No template sends the input under the key `input`."""
    assert compile_template(None).fill('say "hi"\n') == b'{"input":"say \\"hi\\"\\n"}'


def test_an_input_can_not_add_a_key() -> None:
    """Quotes and braces of the input stay inside its string."""
    body = compile_template('{"prompt": "Q: {{input}}", "max": 5}').fill('x", "max": 9, "y": "')

    assert json.loads(body) == {"prompt": 'Q: x", "max": 9, "y": "', "max": 5}


def test_an_input_that_holds_the_placeholder_stays_as_it_is() -> None:
    """`{{input}}` within an input is text, not a place."""
    body = compile_template('["{{input}}", "{{input}} and {{input}}"]').fill("a {{input}} b")

    assert json.loads(body) == ["a {{input}} b", "a {{input}} b and a {{input}} b"]


def test_keys_are_left_as_they_are() -> None:
    """A placeholder in a key is not replaced."""
    assert compile_template('{"{{input}}": 1}').fill("x") == b'{"{{input}}":1}'


@pytest.mark.parametrize("text", ['{"a": }', "{{input}}", '{"a": NaN}', '"\\ud800"', "1e999"])
def test_a_template_that_is_not_json_is_refused(text: str) -> None:
    """Text that JSON does not allow raises a ValueError that says so."""
    with pytest.raises(ValueError, match=r"^is not JSON: "):
        compile_template(text)


@pytest.mark.parametrize("depth", [400, 900, 200_000])
def test_a_deep_template_works_or_is_refused(depth: int) -> None:
    """Nesting never ends in anything but a template or a ValueError."""
    try:
        template = compile_template("[" * depth + '"{{input}}"' + "]" * depth)
    except ValueError as error:
        assert str(error) == "is nested too deep"  # noqa: PT017 - either outcome is right
    else:
        assert template.fill("x") == b"[" * depth + b'"x"' + b"]" * depth
