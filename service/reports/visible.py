"""Text of others, made harmless and fitted: nothing in it can steer a terminal or hide from a reader."""

import re

from rich.cells import cell_len, chop_cells, set_cell_size

GAP = " … "

# Control characters, what turns the direction of writing, invisible ones, separators, and what is no character.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_NEWLINE = re.compile("\r\n|[\n\r\u2028\u2029]")
_CONTEXT = 4


def visible(text: str) -> str:
    """Keep lines and tabs; write every other character that can't be seen as its number, such as `<U+001B>`."""
    return _HIDDEN.sub(_numbered, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Make a text visible on a single line: `↵` for a new line, `⇥` for a tab."""
    return visible(_NEWLINE.sub("↵", text).replace("\t", "⇥"))


def quoted(text: str) -> str:
    """Make a text visible on a single line, in quotes where it would not show how it begins or ends."""
    line = one_line(text)
    return line if line and line == line.strip() else f'"{line}"'


def shortened(text: str, limit: int) -> str:
    """Cut a text in the middle to at most `limit` characters."""
    if len(text) <= limit:
        return text
    tail = (limit - len(GAP)) // 2
    return text[: limit - len(GAP) - tail] + GAP + text[len(text) - tail :]


def fitted(text: str, cells: int) -> str:
    """Cut a line in the middle to at most `cells` columns of a terminal; wide characters take two."""
    line = shortened(text, _CONTEXT * max(cells, len(GAP)))
    if cell_len(line) <= cells:
        return line
    half = max(0, cells - len(GAP)) // 2
    tail = line[-half:] if half else ""
    while cell_len(tail) > half:
        tail = tail[1:]
    return (set_cell_size(line, half).rstrip() + GAP + tail.lstrip())[: max(cells, 1)]


def wrapped(line: str, cells: int) -> list[str]:
    """Break a line at spaces, or anywhere in a long word, so that none is wider than `cells`."""
    lines = []
    while cell_len(line) > cells:
        head = chop_cells(line, cells)[0]
        place = len(head) if line[len(head)] == " " else head.rfind(" ")
        cut = place if place > len(head) // 2 else len(head)
        lines.append(line[:cut].rstrip())
        line = line[cut:].lstrip()
    return [*lines, line]


def _numbered(match: re.Match[str]) -> str:
    character = match[0]
    return character if character in "\n\t" else f"<U+{ord(character):04X}>"
