"""Text of others in markdown: whatever it holds, it stays text.

GitHub and GitLab turn `@name`, `#1` and addresses into links after markdown is done, but not inside `code` and `pre`.
"""

import html
import re

from service.reports.visible import one_line, shortened, visible

NAME = 120
PROSE = 500
BLOCK = 1_000

_PLAIN_NAME = re.compile(r"[^`|\\\s](?:[^`|\\]*[^`|\\\s])?")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_MEANING = re.compile(
    r"""[!\#$&*<>@\[\\\]^`{|}~]
    | [:%](?=\S)                       # :smile:, http://, and what GitLab makes of %name
    | (?<![^\W_])_ | _(?![^\W_])       # an underscore inside a word means nothing
    | (?<=www)\.""",
    re.VERBOSE | re.IGNORECASE,
)
"""Punctuation that may mean something in a sentence."""


def code(text: str) -> str:
    """Write a name in a line or a table cell."""
    name = shortened(one_line(text), NAME)
    if _PLAIN_NAME.fullmatch(name):
        return f"`{name}`"
    return f"<code>{_PUNCTUATION.sub(_entity, name)}</code>"


def prose(text: str) -> str:
    """Write a sentence that may quote others."""
    return _MEANING.sub(_apart, shortened(one_line(text), PROSE))


def block(text: str) -> str:
    """Write a text with its lines; it ends with the line it began."""
    return f"<pre>{html.escape(shortened(visible(text), BLOCK))}</pre>"


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _apart(match: re.Match[str]) -> str:
    """Keep a character from meaning anything: as an entity, and away from what follows, where hosts look for names."""
    return f"{_entity(match)}<!-- -->"
