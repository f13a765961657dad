"""docs/security.md: every test that it names is there, and every threat names one."""

import re

import pytest
from doc_pages import README, ROOT

PAGE = ROOT / "docs/security.md"
_NAMED = re.compile(r"`(test_\w+\.py)(?:::(test_\w+))?`")


def threats() -> list[list[str]]:
    """The rows of the table of threats: threat, rule, tests."""
    section = PAGE.read_text().partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [row for row in rows[2:] if not row[0].startswith("**")]


@pytest.mark.parametrize("threat", threats(), ids=lambda row: row[0][:40])
def test_every_threat_names_a_rule_and_tests_that_are_there(threat: list[str]) -> None:
    """A row has a rule, and tests whose files and functions exist."""
    _, rule, tests = threat
    named = _NAMED.findall(tests)
    assert rule
    assert named
    assert _NAMED.sub("", tests).strip(" ,") == ""
    for file, function in named:
        source = (ROOT / "tests" / file).read_text()
        assert not function or re.search(rf"^(?:async )?def {function}\(", source, re.MULTILINE), (file, function)


def test_the_page_is_linked_and_its_scripts_are_there() -> None:
    """The README lists the page; what it says can be tried is there."""
    assert "(docs/security.md)" in README.read_text()
    kinds = re.findall(r"^\./scripts/fuzz (\w+)", PAGE.read_text(), re.MULTILINE)
    entry = (ROOT / "scripts/fuzz").read_text()
    for kind in kinds:
        assert kind in entry
