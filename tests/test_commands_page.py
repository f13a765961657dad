"""docs/commands.md: every command and option of the program, and no other."""

import re
import subprocess
from pathlib import Path

import click
import pytest
from doc_pages import ROOT, anchors, blocks, links, marked_tables, table_under
from server import MATCHSPEC, environment

from service.cli.carrying import EXIT_CODES
from service.cli.failures import INTERRUPTED, RUNTIME, USAGE
from service.cli.main import main

PAGE = ROOT / "docs/commands.md"
COMPLETIONS = table_under(PAGE, "| shell | file | line |")


def options_of(command: click.Command) -> list[click.Option]:
    """The options of a command, without the --help that all have."""
    return [option for option in command.params if isinstance(option, click.Option)]


def section(name: str) -> str:
    """What stands below a heading."""
    return PAGE.read_text().partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_command_has_its_place() -> None:
    """The table at the top and the sections below name the commands that there are."""
    told = [re.findall(r"matchspec (\w+)", row[0])[0] for row in table_under(PAGE, "| command | does |")]
    assert set(told) == set(main.commands)
    assert set(told) <= anchors(PAGE)
    assert {mark.removeprefix("options ") for mark in marked_tables(PAGE)} == set(main.commands)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_is_told_and_no_other(name: str) -> None:
    """Names are those of the program, in its order; a value has a name where the option takes one."""
    rows = marked_tables(PAGE)[f"options {name}"]
    options = options_of(main.commands[name])
    told = [re.findall(r"(?<![\w-])--?[a-z][\w-]*", row[0]) for row in rows]
    assert told == [[*option.opts, *option.secondary_opts] for option in options]
    values = [bool(re.search(r" [A-Z][\w.,]*`?$", row[0])) for row in rows]
    assert values == [not option.is_flag for option in options]


@pytest.mark.parametrize("name", sorted(main.commands))
def test_values_and_defaults_are_those_of_the_program(name: str) -> None:
    """A value's name is the one of --help, a default stands in the meaning, and so does each value of a choice."""
    rows = marked_tables(PAGE)[f"options {name}"]
    for (written, meaning), option in zip(rows, options_of(main.commands[name]), strict=True):
        if option.metavar:
            assert written.rstrip("`").endswith(f" {option.metavar}")
        default = option.to_info_dict()["default"]
        if default not in (None, False, ()):
            assert f"`{default}`" in meaning
        for choice in getattr(option.type, "choices", ()):
            assert f"`{choice}`" in meaning


def test_the_kinds_of_schema_are_told() -> None:
    """Each value of the argument stands in the section of `schema`, the default first."""
    (kind,) = [one for one in main.commands["schema"].params if isinstance(one, click.Argument)]
    assert isinstance(kind.type, click.Choice)
    assert "config (the default), harness or dataset" in section("schema")
    assert list(kind.type.choices) == ["config", "harness", "dataset"]


def test_the_exit_codes_are_those_of_the_program() -> None:
    """0, what failed, what the user wrote, the rest, and Ctrl-C."""
    rows = table_under(
        PAGE, "| code | `run` | `report` | `export` | `replay` | `serve`, `worker` | `init`, `validate`, `schema` |"
    )
    told = [int(row[0]) for row in rows]
    assert told == [EXIT_CODES["passed"], EXIT_CODES["failed"], USAGE, RUNTIME, INTERRUPTED] == [0, 1, 2, 3, 130]


def test_commands_in_blocks_are_commands_that_there_are() -> None:
    """Each line of a shell block is a command with options that it has."""
    lines = [
        line.partition("#")[0].split() for one in blocks(PAGE) if one.language == "sh" for line in one.text.splitlines()
    ]
    assert lines
    for program, name, *words in lines:
        assert program == "matchspec"
        known = {opt for option in options_of(main.commands[name]) for opt in option.opts}
        assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize(("shell", "line"), [(row[0], row[2]) for row in COMPLETIONS])
def test_the_lines_for_completion_work(shell: str, line: str) -> None:
    """The command in each line prints a script for that shell."""
    name = shell.split(maxsplit=1)[0]
    assignment = re.findall(r"_MATCHSPEC_COMPLETE=(\w+) matchspec", line)
    assert assignment == [f"{name}_source"]
    env = environment(_MATCHSPEC_COMPLETE=assignment[0])
    done = subprocess.run([MATCHSPEC], env=env, capture_output=True, text=True, timeout=30, check=True)
    assert "matchspec" in done.stdout


def test_bash_completes_after_its_line(tmp_path: Path) -> None:
    """A bash that ran the line offers the commands."""
    line = COMPLETIONS[0][2].replace(r"\|", "|")
    script = (
        f"{line}\nCOMP_WORDS=(matchspec val)\nCOMP_CWORD=1\n_matchspec_completion matchspec\necho ${{COMPREPLY[@]}}\n"
    )
    env = environment(PATH=f"{MATCHSPEC.parent}:/usr/bin:/bin", HOME=str(tmp_path))
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("validate\n", "")


@pytest.mark.parametrize("name", ["commands", "first-steps", "ci"])
def test_links_lead_somewhere(name: str) -> None:
    """Every link of the pages about commands names a file that is there, and a heading in it."""
    page = ROOT / f"docs/{name}.md"
    for link in links(page):
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        assert path.is_file(), link
        assert not anchor or anchor in anchors(path), link
