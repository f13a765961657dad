"""Two sentinel keys on more than forty failing paths: nothing that is written or told holds one, whole or in part."""

import asyncio
import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from echoing import ECHOES, echoing
from project import Fields, suite, write_config, write_harness
from running import Document
from server import MATCHSPEC, Server, environment

KEY = "kQ9vR2mX7pLw4TzB8nYc5HdJ3sFg6A"
ODD = "q7\"Zx\\w9/K+e=&<v>%d;T'0u"
HELD = {
    "BROKEN_ADDRESS": f"no host {KEY}",
    "PORT": f"port{KEY}",
    "PROXY": f"http://user:{KEY}@127.0.0.1:1",
    "HOST_NAME": f"{KEY}.invalid",
    "LINES": f"{KEY}\nX: y",
}
EXAMPLE: Fields = {"id": "a", "input": "question", "expected": "answer"}
EXACT: Fields = {"type": "exact_match"}
WHOLE = {"type": "http", "api_key_env": "KEY"}
BY_PATH = WHOLE | {"response_path": "a.b"}

COMMANDS: dict[str, list[str]] = {
    "prints": ["printenv", "KEY", "ODD"],
    "prints-all": ["env"],
    "complains": ["sh", "-c", 'echo "bad: $KEY $ODD" >&2; exit 3'],
    "complains-at-length": ["sh", "-c", 'for i in $(seq 160); do printf "%s|" "$KEY" >&2; done; exit 1'],
    "is-killed": ["sh", "-c", "env >&2; kill -9 $$"],
    "in-base64": ["sh", "-c", 'printf "user:%s" "$KEY" | base64 >&2; exit 1'],
}

GRADERS = {
    "raises": "raise ValueError(dict(os.environ))",
    "raises-at-length": "raise ValueError('x' * 19_990 + os.environ['KEY'])",
    "raises-cut": "raise ValueError('x' * 1_990 + os.environ['KEY'] + 'y' * 5_000)",
    "gives-metadata": "return {'score': 1, 'metadata': dict(os.environ)}",
    "gives-text": "return os.environ['KEY']",
    "gives-long-text": "return 'x' * 85 + os.environ['KEY']",
    "prints-and-exits": "print(os.environ); os._exit(3)",
    "prints-at-length": "print(os.environ['KEY'] * 3_000); os._exit(3)",
    "gives-a-strange-mapping": "return {os.environ['KEY']: 1}",
}
GRADER = """
import os

class Grader:
    def __call__(self, input, expected, output, metadata):
        {body}
    def teardown(self):
        raise ValueError(dict(os.environ))

def make(config):
    return Grader()
"""


def failing_paths(port: int) -> dict[str, tuple[Fields, Fields]]:
    """A model and a grader for each path, by name."""
    url = f"http://127.0.0.1:{port}"
    echo: Fields = {"type": "echo"}
    paths: dict[str, tuple[Fields, Fields]] = {}
    for name in ECHOES:
        paths[f"model-{name}"] = (BY_PATH | {"endpoint": f"{url}/{name}"}, EXACT)
        paths[f"model-odd-{name}"] = (BY_PATH | {"endpoint": f"{url}/{name}", "headers": {"X-Odd": "${ODD}"}}, EXACT)
    for name in ("unauthorized", "chat", "finish", "keys", "not-json", "cut-at-1000", "too-large", "encoding-cut"):
        judge = {"type": "llm_judge", "config": service("endpoint", f"{url}/{name}")}
        embeddings = {"type": "semantic_similarity", "config": service("embedding_endpoint", f"{url}/{name}")}
        paths[f"judge-{name}"], paths[f"embeddings-{name}"] = (echo, judge), (echo, embeddings)
    paths["embeddings-embedding"] = (
        echo, {"type": "semantic_similarity", "config": service("embedding_endpoint", f"{url}/embedding")},
    )  # fmt: skip
    for name, command in COMMANDS.items():
        paths[f"command-{name}"] = ({"type": "command", "command": command}, EXACT)
    for name in GRADERS:
        paths[f"grader-{name}"] = (echo, {"type": "python", "config": {"callable": f"{name}.py:make"}})
    addresses: dict[str, Fields] = {
        "broken": {"endpoint": "http://${BROKEN_ADDRESS}/"},
        "port": {"endpoint": "http://127.0.0.1:${PORT}/"},
        "name": {"endpoint": "http://${HOST_NAME}/"},
        "refused": {"endpoint": "http://127.0.0.1:1/${KEY}?key=${ODD}"},
        "tls": {"endpoint": f"https://127.0.0.1:{port}/${{KEY}}"},
        "proxy-down": {"endpoint": f"{url}/output", "proxy": "${PROXY}"},
        "proxy-refuses": {"endpoint": "https://model.test/", "proxy": f"{url}/${{KEY}}"},
        "lines": {"endpoint": f"{url}/output", "headers": {"X-Lines": "${LINES}"}},
        "no-such-path": WHOLE | {"endpoint": f"{url}/${{KEY}}"},
    }
    paths |= {f"address-{name}": ({"type": "http", **model}, EXACT) for name, model in addresses.items()}
    return paths


def service(field: str, url: str) -> dict[str, object]:
    """The config of a grader that asks a service with the key."""
    return {field: url, "model": "m", "api_key_env": "KEY", "timeout_seconds": 2}


def write_paths(folder: Path, paths: dict[str, tuple[Fields, Fields]]) -> Path:
    """Write a suite of all paths but those over addresses, which may end a run: each of them has its own."""
    for name, (model, grader) in paths.items():
        write_harness(
            folder,
            name,
            examples=[EXAMPLE],
            model=model,
            graders=[{**grader, "name": name}],
            retries=0,
            timeout_seconds=2,
        )
    for name, body in GRADERS.items():
        (folder / f"evals/grader-{name}/{name}.py").write_text(GRADER.format(body=body))
    alone = [name for name in paths if name.startswith("address-")]
    return write_config(
        folder, [suite("all", *(name for name in paths if name not in alone)), *(suite(name, name) for name in alone)]
    )


def traces() -> set[bytes]:
    """What would betray a key: eight characters of it, and of what others make of it."""
    found = set()
    for secret in (KEY, ODD):
        found |= parts(secret, 8) | parts(secret.lower(), 8) | parts(json.dumps(secret)[1:-1], 8)
        found |= parts(quote(secret, safe=""), 12) | parts(html.escape(secret), 12) | parts(repr(secret)[1:-1], 12)
        found |= parts(secret.encode().hex(), 16) | parts(secret.encode().hex().upper(), 16)
        for before in ("", "user:", "Bearer ", "x"):
            encoded = base64.b64encode((before + secret).encode()).decode()
            found |= parts(encoded[len(before) * 4 // 3 + 1 : -2], 8)
    return {trace.encode() for trace in found}


def parts(text: str, length: int) -> set[str]:
    """Parts of a text that are so long: one in every longer part by three, the first, and the last."""
    return {text[start : start + length] for start in range(0, len(text) - length + 1, 3)} | {text[-length:]}


def betrayed(written: dict[str, bytes]) -> dict[str, bytes]:
    """Where a trace is found, with what stands around it."""
    looked_for = traces()
    found = {}
    for place, content in written.items():
        for trace in looked_for:
            if (at := content.find(trace)) >= 0:
                found[place] = content[max(0, at - 60) : at + 60]
    return found


def files_below(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by name."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_key_is_nowhere_after_every_failure(tmp_path: Path) -> None:
    """Log, WAL, results, listing and stderr of a server hold no eight characters of a key after 120 failing paths."""
    async with echoing() as port:
        paths = failing_paths(port)
        config = write_paths(tmp_path, paths)
        written = await asyncio.to_thread(served, config)
    assert len(paths) > 100
    assert betrayed(written) == {}


def served(config: Path) -> dict[str, bytes]:
    """Run every suite on a real server; gives all that it wrote and told."""
    names = [str(one["name"]) for one in json.loads(config.read_text())["suites"]]
    written: dict[str, bytes] = {}
    with Server(config, MATCHSPEC_LOG_LEVEL="debug", KEY=KEY, ODD=ODD, **HELD) as server:
        runs = {name: server.start_run(suite=name) for name in names}
        for name, run_id in runs.items():
            document: Document = server.result(run_id)
            assert document["status"] in ("passed", "failed", "error")
            written[name] = json.dumps(document, ensure_ascii=False).encode()
            written[f"{name} as sent"] = json.dumps(document).encode()
        written |= {"listing": json.dumps(server.get("/results")).encode()}
        written |= files_below(config.parent / ".matchspec")
        assert server.stop() == 0
    written |= files_below(config.parent / ".matchspec") | {"stderr": server.output.read_bytes()}
    return written


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_key_is_in_no_report(tmp_path: Path) -> None:
    """What `matchspec run` prints, verbosely, and its result files hold none either."""
    async with echoing() as port:
        paths = failing_paths(port)
        write_paths(tmp_path, paths)
        options = ["-s", "all", "--verbose", "--show-all-failures", "-o", "junit"]
        variables = environment(KEY=KEY, ODD=ODD, **HELD)
        with (tmp_path / "printed.txt").open("wb") as printed:
            running = await asyncio.create_subprocess_exec(
                MATCHSPEC, "run", *options, cwd=tmp_path, env=variables, stdout=printed, stderr=printed
            )
            assert await running.wait() == 3
    written = files_below(tmp_path / ".matchspec") | {"printed": (tmp_path / "printed.txt").read_bytes()}
    assert betrayed(written) == {}
