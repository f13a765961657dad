"""Two hundred ways to name a file outside the server's folder: all refused in one way, and none of them is read."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from live import check_problem, in_process
from project import write_project, write_yaml

SENTINEL = "kQ9vR2mX7pLw4TzB8nYc5HdJ3sFg6A"
REFUSED = 400

Spelling = Callable[[str], str]

# What may stand in place of `../` and `/` and `.`, each of them tried on what exists and on what does not.
SPELLINGS: dict[str, Spelling] = {
    "up": lambda name: f"../{name}",
    "from here": lambda name: f"./../{name}",
    "up twice": lambda name: f"../../{{parent}}/{name}",
    "far up": lambda name: f"{'../' * 64}{{folder}}/{name}",
    "down and up": lambda name: f"inner/../../{name}",
    "through nothing": lambda name: f"nowhere/../../{name}",
    "through a file": lambda name: f"matchspec.yml/../../{name}",
    "with more slashes": lambda name: f"..//{name}",
    "with many slashes": lambda name: f"..{'/' * 50}{name}",
    "with dots between": lambda name: f".././././{name}",
    "back into the folder and out": lambda name: f"../served/../{name}",
    "absolute": lambda name: f"{{folder}}/{name}",
    "absolute, two slashes": lambda name: f"/{{folder}}/{name}",
    "absolute, from within": lambda name: f"{{folder}}/served/../{name}",
    "by the process": lambda name: f"/proc/self/root{{folder}}/{name}",
    "by the working folder": lambda name: f"/proc/self/cwd/{{folder}}/{name}",
    "by a link to the folder": lambda name: f"up/{name}",
    "by a link to a link": lambda name: f"upper/{name}",
    "by a link and back": lambda name: f"up/served/../{name}",
    "by a link within": lambda name: f"inner/up/{name}",
    "percent": lambda name: f"%2e%2e/{name}",
    "percent, large": lambda name: f"%2E%2E%2F{name}",
    "percent of the slash": lambda name: f"..%2f{name}",
    "percent of one dot": lambda name: f".%2e/{name}",
    "percent twice": lambda name: f"%252e%252e%252f{name}",
    "percent thrice": lambda name: f"%25252e%25252e%25252f{name}",
    "percent of all": lambda name: quote(f"../{name}", safe="").replace(".", "%2e"),
    "overlong": lambda name: f"%c0%ae%c0%ae%c0%af{name}",
    "overlong, decoded": lambda name: f"\u00c0\u00ae\u00c0\u00ae/{name}",
    "sixteen bits": lambda name: f"%u002e%u002e%u2215{name}",
    "backslash": lambda name: f"..\\{name}",
    "backslash and slash": lambda name: f"..\\/{name}",
    "backslash within": lambda name: f"inner\\..\\..\\{name}",
    "percent of the backslash": lambda name: f"..%5c{name}",
    "a drive": lambda name: f"C:\\{name}",
    "a share": lambda name: f"\\\\localhost\\c$\\{name}",
    "a long path": lambda name: f"\\\\?\\{{folder}}\\{name}",
    "NUL behind": lambda name: f"../{name}\0",
    "NUL and an ending": lambda name: f"../{name}\0.yml",
    "NUL in front": lambda name: f"\0../{name}",
    "NUL, percent": lambda name: f"../{name}%00",
    "NUL within dots": lambda name: f".\0./{name}",
    "four dots": lambda name: f"..../{name}",
    "four dots and slashes": lambda name: f"....//{name}",
    "dots and a semicolon": lambda name: f"..;/{name}",
    "dots and a space": lambda name: f".. /{name}",
    "a space before": lambda name: f" ../{name}",
    "a dot behind": lambda name: f"../{name}.",
    "a slash behind": lambda name: f"../{name}/",
    "a slash and a dot behind": lambda name: f"../{name}/.",
    "a stream": lambda name: f"../{name}::$DATA",
    "full width": lambda name: f"\uff0e\uff0e\uff0f{name}",
    "dot leaders": lambda name: f"\u2024\u2024/{name}",
    "two dots in one": lambda name: f"\u2025/{name}",
    "a division slash": lambda name: f"..\u2215{name}",
    "a fraction slash": lambda name: f"..\u2044{name}",
    "an invisible mark": lambda name: f".\u200b./{name}",
    "a mark of direction": lambda name: f"\u202e../{name}",
    "a combining mark": lambda name: f"..\u0338{name}",
    "large letters": lambda name: f"../{name.upper()}",
    "large letters of the folder": lambda name: f"../SERVED/../{name}",
    "a line break": lambda name: f"../\n{name}",
    "a carriage return": lambda name: f"..\r/{name}",
    "a tab": lambda name: f"..\t/{name}",
    "an address": lambda name: f"file://{{folder}}/{name}",
    "an address of this machine": lambda name: f"file://localhost{{folder}}/{name}",
    "another server": lambda name: f"http://127.0.0.1:1/{name}",
    "a home": lambda name: f"~/../..{{folder}}/{name}",
    "somebody's home": lambda name: f"~root/../..{{folder}}/{name}",
    "a variable": lambda name: f"$PWD/../{name}",
    "a variable in braces": lambda name: f"${{{{PWD}}}}/../{name}",
    "a pattern": lambda name: f"../{name[:3]}*",
    "a pattern of folders": lambda name: f"../*/{name}",
    "a command": lambda name: f"$(cat ../{name})",
    "a pipe": lambda name: f"|cat ../{name}",
    "two names": lambda name: f"matchspec.yml:../{name}",
    "two names, comma": lambda name: f"matchspec.yml,../{name}",
    "two lines": lambda name: f"matchspec.yml\n../{name}",
    "a long name": lambda name: f"../{name}/{'x' * 300}",
    "a long path of nothing": lambda name: f"{'x/' * 2_100}../{name}",
    "a long path of dots": lambda name: f"{'./' * 2_100}../{name}",
    "a query": lambda name: f"../{name}?x=matchspec.yml",
    "a fragment": lambda name: f"../{name}#matchspec.yml",
    "a sibling with the same beginning": lambda name: f"../served-too/{name}",
    "an absolute sibling": lambda name: f"{{folder}}/served-too/{name}",
}

SYSTEM = ["/proc/self/environ", "/proc/self/mem", "/proc/self/fd/0", "/proc/1/environ", "/dev/zero", "/dev/full"]
SYSTEM += [
    "/dev/stdin",
    "/dev/tty",
    "/dev/fd/0",
    "/etc/passwd",
    "/etc/shadow",
    "/",
    "//",
    "/.",
    "/..",
    ".",
    "..",
    "./..",
]
SYSTEM += [
    "",
    " ",
    "-",
    "*",
    "~",
    "\0",
    "con",
    "nul",
    "aux.yml",
    "x" * 300,
    "x" * 100_000,
    "inner",
    "inner/",
    "fifo.yml",
]
SYSTEM += ["zero.yml", "environ.yml", "loop.yml", "dead.yml", "linked.yml", "inner/linked.yml", "fifo.yml"]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service in the folder `served`, with its own secret beside it, and links that lead out."""
    served = tmp_path / "served"
    (served / "inner").mkdir(parents=True)
    (tmp_path / "served-too").mkdir()
    outside = {"version": 1, "suites": [{"name": SENTINEL, "harnesses": [SENTINEL]}], SENTINEL: SENTINEL}
    for place in (tmp_path, tmp_path / "served-too"):
        write_yaml(place / "outside.yml", outside)
    links = {
        "up": tmp_path,
        "upper": served / "up",
        "inner/up": tmp_path,
        "linked.yml": tmp_path / "outside.yml",
        "inner/linked.yml": Path("../../outside.yml"),
        "dead.yml": tmp_path / "nowhere.yml",
        "loop.yml": served / "loop.yml",
        "zero.yml": Path("/dev/zero"),
        "environ.yml": Path("/proc/self/environ"),
    }
    for name, target in links.items():
        (served / name).symlink_to(target)
    os.mkfifo(served / "fifo.yml")
    async with in_process(write_project(served)) as opened:
        yield opened
        assert (await opened.get("/results")).json()["total"] == 0
    for path in (served / ".matchspec").iterdir():
        assert SENTINEL.encode() not in path.read_bytes()


def spellings(folder: Path) -> list[str]:
    """Every spelling, of a file that is there and of one that is not."""
    named = [spell(name) for spell in SPELLINGS.values() for name in ("outside.yml", "nowhere.yml")]
    filled = [name.replace("{folder}", str(folder)).replace("{parent}", folder.name) for name in named]
    return list(dict.fromkeys(filled + SYSTEM))


@pytest.mark.timeout(30)
async def test_nothing_outside_is_read_however_it_is_named(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """Each is 400 with one document, whether or not there is a file: nobody learns what exists, or what it says."""
    names = spellings(tmp_path)
    assert len(names) >= 200
    told = set()
    for name in names:
        async with asyncio.timeout(5):
            answer = await client.post("/run", json={"config": name})
        assert answer.status_code == REFUSED, name
        check_problem(answer)
        told.add(answer.text)
    (only,) = told
    assert SENTINEL not in only
    assert str(tmp_path) not in only


# Ways back into the folder through something outside it, once there and once not.
DETOURS = [
    ("/etc/passwd/../../{folder}/served/matchspec.yml", "/etc/nobody/../../{folder}/served/matchspec.yml"),
    ("/etc/../{folder}/served/matchspec.yml", "/nowhere/../{folder}/served/matchspec.yml"),
    ("/proc/self/../..{folder}/served/matchspec.yml", "/proc/nobody/../..{folder}/served/matchspec.yml"),
    ("/proc/self/root{folder}/served/matchspec.yml", "/proc/nobody/root{folder}/served/matchspec.yml"),
    ("{folder}/served-too/../served/matchspec.yml", "{folder}/served-not/../served/matchspec.yml"),
    ("{folder}/alias/matchspec.yml", "{folder}/no-alias/matchspec.yml"),
    ("../served-too/../served/matchspec.yml", "../served-not/../served/matchspec.yml"),
    ("inner/../../served-too/../served/matchspec.yml", "inner/../../served-not/../served/matchspec.yml"),
    ("../served/matchspec.yml", "../served-not/matchspec.yml"),
    ("../alias/matchspec.yml", "../no-alias/matchspec.yml"),
    ("up/served-too/../../served/matchspec.yml", "up/served-not/../../served/matchspec.yml"),
]


@pytest.mark.parametrize(("there", "missing"), DETOURS)
async def test_a_way_through_what_is_outside_tells_nothing(
    client: httpx.AsyncClient, tmp_path: Path, there: str, missing: str
) -> None:
    """What is outside the folder may be there or not: a path through it has the same answer, and the disk no say."""
    (tmp_path / "alias").symlink_to(tmp_path / "served")
    answers = [
        await client.post("/run", json={"config": path.replace("{folder}", str(tmp_path))}) for path in (there, missing)
    ]
    assert [answer.status_code for answer in answers] == [REFUSED, REFUSED]
    assert answers[0].text == answers[1].text


async def test_what_is_no_text_is_no_name(client: httpx.AsyncClient) -> None:
    """Half a surrogate, raw or escaped, is refused as what it is: no JSON."""
    for body in (b'{"config": "\\ud800"}', b'{"config": "\xed\xa0\x80"}'):
        answer = await client.post("/run", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == REFUSED
        assert "JSON" in check_problem(answer) or "UTF-8" in check_problem(answer)


async def test_a_link_that_changes_meanwhile_leads_nowhere_else(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """While a link is pointed inside and outside by turns, a request reads the inner file or none."""
    served = tmp_path / "served"
    write_yaml(served / "empty.yml", {"version": 1, "suites": [{"name": "empty", "harnesses": []}]})
    swapping = True

    def swap() -> None:
        turn = 0
        while swapping:
            turn += 1
            new = served / "new.yml"
            new.symlink_to((tmp_path / "outside.yml", served / "empty.yml")[turn % 2])
            new.rename(served / "swapped.yml")

    swapper = asyncio.create_task(asyncio.to_thread(swap))
    answers = [await client.post("/run", json={"config": "swapped.yml", "suite": "empty"}) for _ in range(200)]
    swapping = False
    await swapper
    assert {answer.status_code for answer in answers} == {REFUSED}
    kinds = {answer.json()["type"].rpartition(":")[2] for answer in answers}
    assert kinds <= {"config-not-allowed", "refused"}
    assert not any(SENTINEL in answer.text for answer in answers)
