"""The `command` model: one process per input, bounded, and nothing of it outlives the call. Under both event loops."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from over_httpx import sending_to

from domain.errors import ModelError
from domain.model_spec import CommandModel, EchoModel, Input, NoopModel
from service.models.ask import Ask
from service.models.model import open_model
from service.models.scripts import scripts_of

Run = Callable[[Coroutine[Any, Any, Any]], Any]
NO_NETWORK = sending_to(httpx.MockTransport(lambda _request: httpx.Response(500)))


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give each event loop's way to run a coroutine."""
    chosen: Run = request.param
    return chosen


def command_model(*argv: str, via: Input = "stdin", folder: Path = Path(), **variables: str) -> Ask:
    """Open a `command` model with our PATH and the variables given."""
    spec = CommandModel(command=list(argv), input_via=via)
    environment = {"PATH": os.environ["PATH"]} | variables
    return open_model(spec, folder=folder, environment=environment, send=NO_NETWORK)


def shell(script: str, via: Input = "stdin", folder: Path = Path(), **variables: str) -> Ask:
    """Open a `command` model that runs a shell script."""
    return command_model("sh", "-c", script, via=via, folder=folder, **variables)


async def ask(model: Ask, text: str = "hi") -> str:
    """Ask as a coroutine that a loop can run; gives the output."""
    return (await model(text)).output


def failure_of(run: Run, model: Ask, text: str = "hi") -> ModelError:
    """Ask, and give the error that comes of it."""
    with pytest.raises(ModelError) as caught:
        run(ask(model, text))
    return caught.value


def is_alive(pid: int) -> bool:
    """Tell whether a process runs (a killed one whose parent is gone may be a zombie for a moment)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_in(path: Path) -> int:
    """Read the process id that a script has left."""
    return int(path.read_text())


@pytest.mark.parametrize("text", ["hé\nllo 😀", "", "x" * 3_000_000, "a\0b"], ids=["text", "empty", "long", "zero"])
def test_the_input_goes_to_stdin(run: Run, text: str) -> None:
    """Whatever the input holds, the process reads it whole."""
    assert run(ask(command_model("cat"), text)) == text


def test_the_input_goes_in_as_the_last_argument(run: Run) -> None:
    """`input_via: arg` appends it, untouched by any shell."""
    model = command_model("printf", "%s|%s", "first", via="arg")

    assert run(ask(model, "$(echo no) 'x'")) == "first|$(echo no) 'x'"


def test_the_input_goes_in_as_a_variable(run: Run) -> None:
    """`input_via: env` sets INPUT."""
    assert run(ask(shell('printf %s "$INPUT"', via="env"), "a b")) == "a b"


def test_the_environment_is_ours_less_the_api_key(run: Run) -> None:
    """The process sees our variables, but never MATCHSPEC_API_KEY."""
    model = shell('echo "$MODEL_KEY/${MATCHSPEC_API_KEY-unset}"', MODEL_KEY="k", MATCHSPEC_API_KEY="secret-token")

    assert run(ask(model)) == "k/unset"


def test_a_command_runs_in_the_folder_of_its_harness(run: Run, tmp_path: Path) -> None:
    """Relative paths, the program's own too, start there."""
    script = tmp_path / "model.sh"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o700)

    assert run(ask(command_model("./model.sh", folder=tmp_path))) == str(tmp_path.resolve())


@pytest.mark.parametrize(
    ("said", "output"),
    [(r"a\n", "a"), (r"a\n\n", "a\n"), (r"a\r\n", "a"), (r" a", " a"), (r"\n", ""), (r"\377\n", "\ufffd")],
)
def test_the_output_is_stdout_without_its_final_newline(run: Run, said: str, output: str) -> None:
    """One newline goes, the rest stays; what is not UTF-8 becomes U+FFFD."""
    assert run(ask(shell(f"printf '{said}'"))) == output


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo half; echo 'no such model' >&2; exit 3", "command exited with 3: no such model"),
        ("exit 1", "command exited with 1"),
        ("kill -SEGV $$", "command was killed by SIGSEGV"),
    ],
)
def test_a_process_that_fails_is_a_model_error_to_be_retried(run: Run, script: str, told: str) -> None:
    """The exit code or signal and the end of stderr are told."""
    error = failure_of(run, shell(script))

    assert error.message == told
    assert error.retry


def test_only_the_end_of_stderr_is_kept(run: Run) -> None:
    """The last 2,000 bytes, however much was said."""
    error = failure_of(run, shell("yes no | head -c 1000000 >&2; printf '%01999d.' 0 >&2; exit 1"))

    assert error.message == f"command exited with 1: {'0' * 1_999}."


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["no-such-program"], "not found (the program, or the interpreter that its first line names)"),
        (["./orphan"], "not found (the program, or the interpreter that its first line names)"),
        (["./plain"], "not executable"),
    ],
)
def test_a_program_that_can_not_be_started_is_told(run: Run, tmp_path: Path, argv: list[str], told: str) -> None:
    """The program is named as it is written; a further attempt would not help."""
    for name, content, mode in [("orphan", "#!/no/such\n", 0o700), ("plain", "", 0o600)]:
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)

    error = failure_of(run, command_model(*argv, folder=tmp_path))

    assert str(error) == f"command '{argv[0]}' can't be started: {told}"
    assert not error.retry


def test_a_folder_that_is_gone_is_told(run: Run, tmp_path: Path) -> None:
    """It is not mistaken for a missing program."""
    error = failure_of(run, command_model("cat", folder=tmp_path / "gone"))

    assert str(error) == "command 'cat' can't be started: the harness file's folder is gone"


@pytest.mark.parametrize("via", ["arg", "env"])
def test_an_input_that_no_argument_can_carry_is_told(run: Run, via: Input) -> None:
    """A zero character, or more than the system takes, is a model error that names the way out."""
    zero = failure_of(run, command_model("true", via=via), "a\0b")
    long = failure_of(run, command_model("true", via=via), "x" * 3_000_000)

    assert str(zero) == "the input holds a zero character, which only `input_via: stdin` can carry"
    assert str(long) == (
        "command 'true' can't be started: the input is too long for an argument or a variable; use `input_via: stdin`"
    )
    assert not zero.retry
    assert not long.retry


def test_a_process_may_leave_its_input_unread(run: Run) -> None:
    """Exiting or closing stdin early is no error, however long the input."""
    long = "x" * 3_000_000

    assert run(ask(shell("echo fine"), long)) == "fine"
    assert run(ask(shell("exec 0<&-; sleep 0.1; echo fine"), long)) == "fine"


def test_an_endless_output_is_cut_at_eight_megabytes(run: Run, tmp_path: Path) -> None:
    """The process is killed and the error is not to be retried."""
    error = failure_of(run, shell("echo $$ > pid; exec yes", folder=tmp_path))

    assert str(error) == "reply over 8 MB"
    assert not error.retry
    assert not is_alive(pid_in(tmp_path / "pid"))


def test_eight_megabytes_are_taken(run: Run) -> None:
    """The cap itself is allowed."""
    assert len(run(ask(shell("head -c 8000000 /dev/zero")))) == 8_000_000


def test_a_grandchild_that_keeps_stdout_open_does_not_hang_the_call(run: Run, tmp_path: Path) -> None:
    """The answer is there soon after the exit, and the grandchild goes with the group."""
    began = time.monotonic()

    assert run(ask(shell("sleep 30 & echo $! > pid; echo fine", folder=tmp_path))) == "fine"
    assert time.monotonic() - began < 2
    assert dies_soon(pid_in(tmp_path / "pid"))


def dies_soon(pid: int) -> bool:
    """Wait up to a second for a killed process to be gone."""
    deadline = time.monotonic() + 1
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


@pytest.mark.parametrize("how", ["deadline", "cancel"])
def test_a_cancelled_call_kills_the_whole_group(run: Run, tmp_path: Path, how: str) -> None:
    """Neither the process nor what it started survives, not even when they ignore polite signals."""
    script = "trap '' TERM INT; sleep 30 & echo $! > child; echo $$ > parent; wait; sleep 30"
    model = shell(script, folder=tmp_path)

    async def cut_short() -> None:
        call = asyncio.ensure_future(model("hi"))
        while not (tmp_path / "parent").exists() or not (tmp_path / "parent").read_text():
            await asyncio.sleep(0.01)
        if how == "cancel":
            call.cancel()
        async with asyncio.timeout(0.05):
            await call

    with pytest.raises((asyncio.CancelledError, TimeoutError)):
        run(cut_short())

    assert dies_soon(pid_in(tmp_path / "parent"))
    assert dies_soon(pid_in(tmp_path / "child"))


def test_a_call_cancelled_while_it_starts_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """However early the cancellation comes, no process is left."""
    model = shell("echo $$ >> pids; exec sleep 30", folder=tmp_path)

    async def cut_short() -> None:
        for steps in range(12):
            call = asyncio.ensure_future(model("hi"))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()

    run(cut_short())

    pids = (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else []
    assert not any(is_alive(int(pid)) for pid in pids)


def test_many_commands_at_once_all_answer(run: Run) -> None:
    """Calls do not get in each other's way."""

    async def all_at_once() -> list[str]:
        model = command_model("cat")
        return await asyncio.gather(*(ask(model, str(number)) for number in range(40)))

    assert run(all_at_once()) == [str(number) for number in range(40)]


def test_echo_and_noop_need_no_process(run: Run) -> None:
    """`echo` gives the input back, `noop` nothing."""
    echo, noop = (
        open_model(spec, folder=Path(), environment={}, send=NO_NETWORK) for spec in (EchoModel(), NoopModel())
    )

    assert (run(ask(echo, "hé")), run(ask(noop, "hé"))) == ("hé", "")


def test_the_files_a_command_names_are_told_by_digest(tmp_path: Path) -> None:
    """Arguments that are regular files count, under the path as written; folders, pipes and other words do not."""
    (tmp_path / "model.py").write_bytes(b"print(1)\n")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    argv = ["python3", "./model.py", "folder", "pipe", "--flag", "", "a\0b", "x" * 5_000]

    found = scripts_of(CommandModel(command=argv), tmp_path)

    assert found == {"./model.py": hashlib.sha256(b"print(1)\n").hexdigest()}


def test_a_changed_script_has_another_digest(tmp_path: Path) -> None:
    """The digest follows the content."""
    spec = CommandModel(command=["sh", "model.sh"])
    digests = set()
    for content in [b"echo 1", b"echo 2"]:
        (tmp_path / "model.sh").write_bytes(content)
        digests.add(scripts_of(spec, tmp_path)["model.sh"])

    assert len(digests) == 2
