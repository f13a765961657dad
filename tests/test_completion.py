"""Shell completion: the scripts that docs/commands.md tells to load, and what they complete."""

import shutil
import subprocess
from pathlib import Path

import pytest
from commanding import matchspec
from server import MATCHSPEC, environment

from service.cli.main import main

SHELLS = {
    "bash": "complete -o nosort -F",
    "zsh": "#compdef matchspec",
    "fish": "complete --no-files --command matchspec",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_comes_out(shell: str, tmp_path: Path) -> None:
    """`_MATCHSPEC_COMPLETE=SHELL_source matchspec` prints the script and nothing else."""
    done = matchspec(tmp_path, _MATCHSPEC_COMPLETE=f"{shell}_source")
    assert (done.returncode, done.stderr) == (0, "")
    assert SHELLS[shell] in done.stdout
    assert f"_MATCHSPEC_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_accepts(shell: str, tmp_path: Path) -> None:
    """The shell itself finds no mistake in it."""
    if shutil.which(shell) is None:
        assert shell != "bash"
        return  # the text is checked above; bash is always there
    script = tmp_path / "completion"
    script.write_text(matchspec(tmp_path, _MATCHSPEC_COMPLETE=f"{shell}_source").stdout)
    checked = subprocess.run([shell, "-n", script], capture_output=True, text=True, timeout=30, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def completed(folder: Path, words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    done = subprocess.run(
        [MATCHSPEC],
        cwd=folder,
        env=environment(
            _MATCHSPEC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1)
        ),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    """After the name stand the commands, after a command its options, after `schema` the kinds."""
    assert completed(tmp_path, "matchspec ") == sorted(main.commands)
    assert completed(tmp_path, "matchspec val") == ["validate"]
    assert completed(tmp_path, "matchspec init --w") == ["--with-examples"]
    assert completed(tmp_path, "matchspec schema ") == ["config", "harness", "dataset"]
