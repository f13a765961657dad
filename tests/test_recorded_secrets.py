"""No secret is ever in the log or in a result: not from a reply, an error, or a command's output."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from project import Fields, suite, write_config, write_harness, write_project
from running import HTTP, Document, FakeModel, log_of, serving

KEY = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"
TOKEN = "tok/with+odd=characters&more"
ENVIRONMENT = {"KEY": KEY, "TOKEN": TOKEN, "PATH": "/usr/bin:/bin"}
SECURED = HTTP | {"api_key_env": "KEY", "headers": {"X-Token": "${TOKEN}"}}


def asking(*inputs: str, expected: str = "") -> list[Fields]:
    """Examples with these inputs."""
    return [{"id": f"ex-{n}", "input": text, "expected": expected} for n, text in enumerate(inputs)]


def log_bytes(config: Path) -> bytes:
    """Every byte of the log's files: the database, the WAL and what else stands beside them."""
    return b"".join(path.read_bytes() for path in sorted(log_of(config).parent.iterdir()))


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A project whose log must hold no secret when the test is over, and must have held none while it ran."""
    path = tmp_path / "matchspec.yml"
    yield path
    assert_clean(log_bytes(path))


def assert_clean(content: bytes) -> None:
    """Look for the values, and for any part of them that is long enough to be of use."""
    for value in (KEY, TOKEN):
        for start in range(len(value) - 11):
            assert value[start : start + 12].encode() not in content


async def result_of(config: Path, model: FakeModel | None = None) -> Document:
    """Run everything; the log is searched while it is open, the result as well."""
    async with serving(config, model, environment=ENVIRONMENT) as client:
        run_id = await client.start()
        document = await client.over(run_id)
        assert_clean(log_bytes(config))
        assert_clean((await client.http.get(f"/results/{run_id}")).content)
    return document


async def test_a_model_that_echoes_its_key(config: Path) -> None:
    """The value is replaced in the output before it is graded, and the example says whose it was."""

    async def answer(text: str) -> str:
        return {"key": f"the key is {KEY}", "both": f"{TOKEN} and {KEY}{KEY}", "none": "nothing"}[text]

    examples = asking("key", expected="the key is [secret KEY]") + asking("both", "none")[0:0]
    examples += [
        {"id": "both", "input": "both", "expected": "x"},
        {"id": "none", "input": "none", "expected": "nothing"},
    ]
    write_project(config.parent, examples=examples, model=SECURED)
    document = await result_of(config, FakeModel(answer))

    key, both, none = document["examples"]
    assert (key["output"], key["scores"], key["secrets"]) == (
        "the key is [secret KEY]", {"exact_match": 1.0}, ["KEY"],
    )  # fmt: skip
    assert (both["output"], both["secrets"]) == ("[secret TOKEN] and [secret KEY][secret KEY]", ["KEY", "TOKEN"])
    assert (none["output"], none["passed"], "secrets" in none) == ("nothing", True, False)


async def test_a_refusal_that_quotes_the_key(config: Path) -> None:
    """An error's text is recorded without the value it quotes."""

    async def answer(_text: str) -> httpx.Response:
        return httpx.Response(401, text=f"Incorrect API key provided: {KEY}.")

    write_project(config.parent, examples=asking("q"), model=SECURED)
    (example,) = (await result_of(config, FakeModel(answer)))["examples"]

    assert example["error"].endswith("answered 401 Unauthorized: Incorrect API key provided: [secret KEY].")
    assert (example["output"], example["secrets"]) == (None, ["KEY"])


@pytest.mark.parametrize("before", [160, 176, 190])
async def test_a_refusal_that_is_cut_off_inside_the_key(config: Path, before: int) -> None:
    """Where only the beginning of a refusal is shown, no beginning of a value is shown with it."""

    async def answer(_text: str) -> httpx.Response:
        return httpx.Response(401, text="x" * before + KEY + " is wrong")

    write_project(config.parent, examples=asking("q"), model=SECURED)
    (example,) = (await result_of(config, FakeModel(answer)))["examples"]

    assert "401 Unauthorized: xxx" in example["error"]


@pytest.mark.parametrize("before", [150, 176, 190, 199])
async def test_a_reply_that_is_no_json_with_the_key_in_it(config: Path, before: int) -> None:
    """The beginning of a reply that can't be read shows no beginning of a value, nor does a list of its keys."""

    async def answer(text: str) -> httpx.Response:
        return httpx.Response(200, text="x" * before + KEY if text == "text" else f'{{"{"k" * before}{KEY}": 1}}')

    write_project(config.parent, examples=asking("text", "object"), model=SECURED | {"response_path": "a.b"})
    text, listed = (await result_of(config, FakeModel(answer)))["examples"]

    assert "not valid JSON" in text["error"]
    assert "an object is there" in listed["error"]


async def test_a_key_that_comes_back_as_part_of_an_address(tmp_path: Path) -> None:
    """A value is known in the encoding that addresses and JSON give it, not only as it is."""
    odd = 'tok-en"x\\SECRET/12 34'

    async def answer(_text: str) -> str:
        return f"{quote(odd)} {quote(odd, safe='')} {json.dumps(odd)}"

    write_project(tmp_path, examples=asking("q"), model=HTTP | {"headers": {"X-Key": "${ODD}"}})
    async with serving(tmp_path / "matchspec.yml", FakeModel(answer), environment={"ODD": odd}) as client:
        (example,) = (await client.over(await client.start()))["examples"]

    assert example["output"] == '[secret ODD] [secret ODD] "[secret ODD]"'


async def test_a_command_that_prints_the_key_of_a_suite_that_does_not_run(config: Path) -> None:
    """The variables of every harness of the configuration count, whichever suite was asked for."""
    says = {"type": "command", "command": ["printenv", "KEY"]}
    write_harness(config.parent, "says", examples=asking("q"), model=says)
    write_harness(config.parent, "secured", examples=asking("q"), model=SECURED)
    write_config(config.parent, [suite("talk", "says"), suite("other", "secured")])

    async with serving(config, environment=ENVIRONMENT) as client:
        (example,) = (await client.over(await client.start(suite="talk")))["examples"]

    assert example["output"] == "[secret KEY]"


async def test_an_address_with_a_secret_in_it(config: Path) -> None:
    """A network failure shows the address as it is written in the file."""

    async def answer(_text: str) -> str:
        raise httpx.ConnectError(f"no route to {KEY}.model.test")

    model = {"type": "http", "endpoint": "http://${KEY}.model.test/ask"}
    write_project(config.parent, examples=asking("q"), model=model)
    (example,) = (await result_of(config, FakeModel(answer)))["examples"]

    assert example["error"] == "http://${KEY}.model.test/ask: no route to [secret KEY].model.test"


async def test_a_command_that_prints_what_another_harness_names(config: Path) -> None:
    """A command inherits the environment: the keys of the run's other harnesses are replaced in all it says."""
    commands = {
        "says": ["printenv", "KEY"],
        "complains": ["sh", "-c", 'echo "bad: $KEY $TOKEN" >&2; exit 3'],
    }
    for name, command in commands.items():
        write_harness(config.parent, name, examples=asking("q"), model={"type": "command", "command": command})
    write_harness(config.parent, "secured", examples=asking("q", expected="q"), model=SECURED)
    write_config(config.parent, [suite("qa", "says", "complains", "secured")])

    says, complains, _ = (await result_of(config))["examples"]
    assert (says["output"], says["secrets"]) == ("[secret KEY]", ["KEY"])
    assert complains["error"] == "command exited with 3: bad: [secret KEY] [secret TOKEN]"
    assert complains["secrets"] == ["KEY", "TOKEN"]


async def test_a_command_that_complains_at_length(config: Path) -> None:
    """Of a long stderr the end is recorded, and no end of a value at its beginning."""
    script = 'printf "%s" "$KEY"; i=0; while [ $i -lt 198 ]; do printf 0123456789; i=$((i+1)); done'
    command = ["sh", "-c", f"({script}) >&2; exit 1"]
    write_harness(config.parent, "complains", examples=asking("q"), model={"type": "command", "command": command})
    write_harness(config.parent, "secured", examples=asking("q", expected="q"), model=SECURED)
    write_config(config.parent, [suite("qa", "complains", "secured")])

    complains, _ = (await result_of(config))["examples"]
    assert complains["error"].endswith("0123456789" * 198)


async def test_a_short_value_is_no_secret(tmp_path: Path) -> None:
    """Values below eight characters are ordinary words: replacing them would mangle the output."""
    config = write_project(
        tmp_path, examples=asking("q", expected="eu-west"), model=HTTP | {"headers": {"X-Region": "${REGION}"}}
    )

    async def answer(_text: str) -> str:
        return "eu-west"

    async with serving(config, FakeModel(answer), environment={"REGION": "eu-west"}) as client:
        (example,) = (await client.run())["examples"]

    assert (example["output"], example["passed"]) == ("eu-west", True)
