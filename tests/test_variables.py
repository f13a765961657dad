"""`${NAME}` in a text."""

import pytest

from domain.variables import expand, has_broken_reference, is_name, names


def test_names_lists_each_variable_once_in_order() -> None:
    """The order is that of the text."""
    assert names("${B}/${A_1}/${B} $C {D} ${}") == ["B", "A_1"]


def test_expand_puts_values_in_once() -> None:
    """What stands in a value is not looked at again."""
    assert expand("http://${HOST}:${PORT}/$X", {"HOST": "${PORT}", "PORT": "80"}) == "http://${PORT}:80/$X"


def test_expand_names_a_variable_that_is_not_set() -> None:
    """The KeyError carries the name."""
    with pytest.raises(KeyError, match=r"^'TOKEN'$"):
        expand("Bearer ${TOKEN}", {})


@pytest.mark.parametrize("text", ["${", "a ${1A}", "${A-B}", "${ A }", "${A", "${A}${}", "${A:-x}"])
def test_an_unfinished_reference_is_seen(text: str) -> None:
    """A `${` that begins no variable is told apart."""
    assert has_broken_reference(text)


@pytest.mark.parametrize("text", ["", "$A", "${A}", "a${A}b${_b1}", "}{$"])
def test_whole_references_are_no_mistake(text: str) -> None:
    """Dollars and braces alone are plain text."""
    assert not has_broken_reference(text)


def test_a_name_is_letters_digits_and_underscores() -> None:
    """It does not begin with a digit, nor end with a line."""
    assert [text for text in ("A", "_a1", "1A", "", "A-B", "A\n", "Ä") if is_name(text)] == ["A", "_a1"]
