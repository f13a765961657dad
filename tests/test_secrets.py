"""What comes back from a model never carries the value of a secret variable into the log."""

import base64

import pytest

from domain.model_spec import CommandModel, EchoModel, HttpModel
from domain.secrets import Secrets, named_variables


def test_every_occurrence_is_replaced_by_the_name_of_its_variable() -> None:
    """Each value becomes `[secret NAME]`, and the names are told."""
    secrets = Secrets({"API_KEY": "sk-12345678", "ORG": "org-87654321"})

    text, names = secrets.replace("key sk-12345678, again sk-12345678, of org-87654321")

    assert text == "key [secret API_KEY], again [secret API_KEY], of [secret ORG]"
    assert names == ("API_KEY", "ORG")


def test_a_text_without_secrets_comes_back_as_it_was() -> None:
    """Nothing found means the same text and no names."""
    assert Secrets({"API_KEY": "sk-12345678"}).replace("sk-1234567 is too short") == ("sk-1234567 is too short", ())


def test_without_values_nothing_is_replaced() -> None:
    """No secrets, no change."""
    assert Secrets({}).replace("anything") == ("anything", ())


def test_the_longest_value_wins() -> None:
    """A value that holds another is replaced whole."""
    secrets = Secrets({"SHORT": "abcdefgh", "LONG": "abcdefgh-ijkl"})

    assert secrets.replace("abcdefgh-ijkl abcdefgh") == ("[secret LONG] [secret SHORT]", ("LONG", "SHORT"))


def test_a_value_below_eight_characters_is_left() -> None:
    """Seven characters stay, eight go."""
    secrets = Secrets({"SEVEN": "1234567", "EIGHT": "abcdefgh"})

    assert secrets.replace("1234567 abcdefgh") == ("1234567 [secret EIGHT]", ("EIGHT",))


def test_a_replacement_is_not_looked_at_again() -> None:
    """A value that looks like the mark of another one does no harm: one pass."""
    secrets = Secrets({"FIRST": "some-value", "SECOND": "[secret FIRST]"})

    assert secrets.replace("some-value") == ("[secret FIRST]", ("FIRST",))


def test_a_value_with_the_characters_of_a_pattern_is_taken_as_text() -> None:
    """Values are no regular expressions."""
    assert Secrets({"KEY": "a.c+(e)|f"}).replace("aXc+(e)|f a.c+(e)|f") == ("aXc+(e)|f [secret KEY]", ("KEY",))


def test_two_variables_with_one_value_are_told_as_the_first_by_name() -> None:
    """The name shown does not depend on the order of the environment."""
    assert Secrets({"B": "same-value", "A": "same-value"}).replace("same-value") == ("[secret A]", ("A",))


FORMS = {
    "small letters": "q7\"zx\\w9/k+e=&<v>%d;t'0u",
    "in JSON": "q7\\\"Zx\\\\w9/K+e=&<v>%d;T'0u",
    "in an address": "q7%22Zx%5Cw9%2FK%2Be%3D%26%3Cv%3E%25d%3BT%270u",
    "in an address, with small digits": "q7%22Zx%5cw9%2fK%2be%3d%26%3cv%3e%25d%3bT%270u",
    "in HTML": "q7&quot;Zx\\w9/K+e=&amp;&lt;v&gt;%d;T&#x27;0u",
    "as Python shows it": "q7\"Zx\\\\w9/K+e=&<v>%d;T\\'0u",
    "in hex": "7137225a785c77392f4b2b653d263c763e25643b54273075",
    "in base64": "cTciWnhcdzkvSytlPSY8dj4lZDtUJzB1",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_value_is_known_in_every_form_that_programs_give_it(form: str) -> None:
    """What JSON, addresses, HTML, hex and base64 make of a value is replaced as the value is."""
    secrets = Secrets({"KEY": "q7\"Zx\\w9/K+e=&<v>%d;T'0u"})

    assert secrets.replace(f"({form})") == ("([secret KEY])", ("KEY",))


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "Bearer ", "user:", "user:and:"])
@pytest.mark.parametrize("after", ["", ":b", "\n", "..."])
def test_a_value_is_known_in_the_midst_of_base64(before: str, after: str) -> None:
    """Whatever stands before and behind it: at most a character that it shares with each neighbour is left."""
    encoded = base64.b64encode(f"{before}sk-12345678{after}".encode()).decode()

    text, names = Secrets({"KEY": "sk-12345678"}).replace(encoded)

    assert names == ("KEY",)
    left = text.replace("[secret KEY]", "")
    assert len(left) * 6 // 8 <= len(before + after) + 4
    assert "MTIzNDU2Nzg" not in left


def test_the_values_are_not_in_the_repr() -> None:
    """Printing the secrets shows names only."""
    assert repr(Secrets({"API_KEY": "sk-12345678", "B": "short"})) == "Secrets(API_KEY)"


def test_a_model_names_the_variables_of_its_key_endpoint_and_headers() -> None:
    """`api_key_env` and each `${NAME}` count; the template does not."""
    spec = HttpModel(
        endpoint="https://${HOST}/v1/${TENANT}",
        headers={"X-Api-Key": "${KEY}", "X-Plain": "text"},
        api_key_env="OPENAI_API_KEY",
        request_template='{"a": "${NOT_EXPANDED} {{input}}"}',
    )

    assert named_variables(spec) == {"HOST", "TENANT", "KEY", "OPENAI_API_KEY"}


def test_models_without_settings_name_no_variables() -> None:
    """A command's arguments are not expanded."""
    assert named_variables(EchoModel()) == named_variables(CommandModel(command=["echo", "${HOME}"])) == set()
