"""What stands before the framework: the key, the Host and origin check."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from live import serving
from project import write_project
from wrong_keys import KEY, RIGHT, WRONG, Sent

from service.api.guard import LOOPBACK_NAMES, Guard
from service.cli.serve import Options, make_settings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
PATHS = ("/run", "/results", "/results/run-20260315-143022-a3f7", "/suites", "/page", "/nothing", "/metrics", "/docs")

Message = MutableMapping[str, Any]


class Answer(NamedTuple):
    """What a request was answered with; 200 is the application behind the guard."""

    status: int
    headers: dict[str, str]
    problem: dict[str, object]


async def passed_on(_scope: Message, _receive: object, send: Any) -> None:
    """The application behind the guard."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def ask(guard: Guard, headers: Sent, method: str = "GET", path: str = "/results", body: bytes = b"") -> Answer:
    """Send one request straight to the guard, with header bytes that no client would send."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    scope: Message = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], answered, msgspec.json.decode(content))


def with_key(key: str | None = KEY) -> Guard:
    """A guard that asks for a key."""
    return Guard(passed_on, key, None)


def without_key(*names: str) -> Guard:
    """A keyless guard on loopback."""
    return Guard(passed_on, None, names or LOOPBACK_NAMES)


@pytest.mark.parametrize("headers", WRONG.values(), ids=list(WRONG))
async def test_no_trick_with_the_key_passes(headers: Sent) -> None:
    """What is not exactly one `Authorization: Bearer` with exactly the key is 401 with a challenge."""
    for method, path in (("GET", "/results"), ("POST", "/run")):
        answer = await ask(with_key(), headers, method, path)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].split()[0] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= answer.problem.keys()
        assert answer.problem["status"] == 401
        assert KEY not in str(answer.problem)


def test_at_least_sixty_tricks_were_tried() -> None:
    """The table above has at least 60 rows."""
    assert len(WRONG) >= 60


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_scheme_may_be_written_in_any_case(scheme: str) -> None:
    """The key passes whatever the case of `Bearer` (RFC 9110), and with spaces around it."""
    for sent in (f"{scheme} {KEY}", f"{scheme}   {KEY}", f"{scheme} {KEY} "):
        assert (await ask(with_key(), [("Authorization", sent)])).status == 200


@pytest.mark.parametrize("key", ["a", "with space", "Schlüssel-ß", "a=b,c;d", "Bearer", "Bearer x"])
async def test_any_key_can_be_used(key: str) -> None:
    """A key is whatever bytes the variable holds, sent as UTF-8."""
    sent = [("Authorization", "Bearer " + key.encode().decode("latin-1"))]
    assert (await ask(with_key(key), sent)).status == 200
    assert (await ask(with_key(key), [("Authorization", "Bearer")])).status == 401


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_key_every_path_and_method_is_401(path: str) -> None:
    """401 comes before 404, 405, 413, 415 and 400: nothing is told to who has no key."""
    for method in METHODS:
        sent = [("Content-Type", "text/plain"), ("Content-Length", "50000000")]
        assert (await ask(with_key(), sent, method, path, b"{")).status == 401


@pytest.mark.parametrize(
    "path", ["/health/", "//health", "/HEALTH", "/health/..", "/health/../run", "/health;x", "/healthz", "/health\0"]
)
async def test_only_health_itself_is_open(path: str) -> None:
    """`/health` needs no key; what merely looks like it does."""
    assert (await ask(with_key(), [], "GET", "/health")).status == 200
    assert (await ask(with_key(), [], "GET", path)).status == 401


HOSTS = {
    "localhost": 200,
    "localhost:8090": 200,
    "LocalHost:1": 200,
    "127.0.0.1": 200,
    "127.0.0.1:8090": 200,
    "[::1]": 200,
    "[::1]:65535": 200,
    "": 403,
    " ": 403,
    "evil.com": 403,
    "evil.com:8090": 403,
    "localhost.evil.com": 403,
    "localhost.evil.com:8090": 403,
    "127.0.0.1.evil.com": 403,
    "127.0.0.1.nip.io": 403,
    "evil-localhost": 403,
    "evil.localhost.com": 403,
    "localhost@evil.com": 403,
    "evil.com@localhost": 403,
    "evil.com@localhost:8090": 403,
    "user:password@localhost": 403,
    "localhost:8090@evil.com": 403,
    "localhost:80:80": 403,
    "localhost:evil.com": 403,
    "localhost:80 evil.com": 403,
    "localhost,evil.com": 403,
    "localhost/evil.com": 403,
    "localhost#evil.com": 403,
    "localhost\\evil.com": 403,
    "localhost\0.evil.com": 403,
    "localhost:²": 403,
    "[::1].evil.com": 403,
    "[::1": 403,
    "[::2]": 403,
    "0.0.0.0": 403,
    "192.168.0.1": 403,
    "10.0.0.1:8090": 403,
    "http://localhost": 403,
}


@pytest.mark.parametrize(("host", "status"), HOSTS.items(), ids=[repr(host) for host in HOSTS])
async def test_without_a_key_only_loopback_hosts_are_answered(host: str, status: int) -> None:
    """A keyless server on loopback answers to the names of the loopback, any port; to others with 403."""
    for method, path in (("GET", "/results"), ("POST", "/run")):
        answer = await ask(without_key(), [("Host", host)], method, path)
        assert answer.status == status
        if status == 403:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.problem["status"] == 403


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Host", "localhost"), ("Host", "localhost")],
        [("Host", "localhost"), ("Host", "evil.com")],
        [("Host", "evil.com"), ("Host", "localhost")],
        [("X-Forwarded-Host", "localhost")],
        [("Host", "evil.com"), ("X-Forwarded-Host", "localhost"), ("Forwarded", "host=localhost")],
    ],
)
async def test_without_a_key_one_host_header_must_name_this_machine(headers: Sent) -> None:
    """No Host, two of them, or one that a proxy speaks of: 403."""
    assert (await ask(without_key(), headers)).status == 403


SITES: list[tuple[Sent, int]] = [
    ([("Origin", "http://localhost:8090")], 200),
    ([("Origin", "https://localhost:8090")], 200),
    ([("Origin", "HTTP://LOCALHOST:8090")], 200),
    ([("Sec-Fetch-Site", "none")], 200),
    ([("Sec-Fetch-Site", "same-origin")], 200),
    ([("Origin", "http://localhost:8090"), ("Sec-Fetch-Site", "same-origin")], 200),
    ([("Origin", "http://evil.com")], 403),
    ([("Origin", "https://evil.com:8090")], 403),
    ([("Origin", "null")], 403),
    ([("Origin", "")], 403),
    ([("Origin", "http://localhost:8090.evil.com")], 403),
    ([("Origin", "http://localhost:8090@evil.com")], 403),
    ([("Origin", "http://evil.com/http://localhost:8090")], 403),
    ([("Origin", "http://localhost.evil.com:8090")], 403),
    ([("Origin", "file://")], 403),
    ([("Origin", "chrome-extension://abcdefgh")], 403),
    ([("Origin", "http://localhost:8090 http://evil.com")], 403),
    ([("Origin", "http://localhost:8090"), ("Origin", "http://evil.com")], 403),
    ([("Sec-Fetch-Site", "cross-site")], 403),
    ([("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-origin")], 403),
    ([("Sec-Fetch-Site", "same-origin"), ("Origin", "http://evil.com")], 403),
    ([("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost:8090")], 403),
]


@pytest.mark.parametrize(("headers", "status"), SITES)
async def test_without_a_key_no_other_web_site_is_answered(headers: Sent, status: int) -> None:
    """A request that Origin or Sec-Fetch-Site shows to come from another site is 403, whatever its Host."""
    sent = [("Host", "localhost:8090"), *headers]
    for method, path in (("POST", "/run"), ("GET", "/results")):
        assert (await ask(without_key(), sent, method, path)).status == status


LINK = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
REPORT = "/results/run-20260315-143022-a3f7/report"
OTHERS = ("/compare", "/openapi.json", "/results/a/b/report", f"{REPORT}/", f"/{REPORT}", "/results//report")


def link(**changed: str | None) -> Sent:
    """The headers of a link that is followed from another site, with changes; None leaves one out."""
    headers = dict(LINK) | {"Host": "localhost:8090"}
    headers |= {name.replace("_", "-"): value for name, value in changed.items() if value is not None}
    return [(name, value) for name, value in headers.items() if changed.get(name.replace("-", "_"), "") is not None]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/", "/assets/index.js", "/health", REPORT])
async def test_a_link_to_the_page_or_a_report_may_be_followed(path: str, site: str) -> None:
    """Of another site and of another port of this machine, by GET and HEAD."""
    guard = Guard(passed_on, None, LOOPBACK_NAMES, frozenset({"/", "/assets/index.js", "/health"}))
    for method in ("GET", "HEAD"):
        assert (await ask(guard, link(Sec_Fetch_Site=site, Sec_Fetch_User="?1"), method, path)).status == 200


LESS: list[Sent] = [
    link(Sec_Fetch_Mode="cors"),
    link(Sec_Fetch_Mode="no-cors"),
    link(Sec_Fetch_Mode=None),
    link(Sec_Fetch_Dest="iframe"),
    link(Sec_Fetch_Dest="frame"),
    link(Sec_Fetch_Dest="object"),
    link(Sec_Fetch_Dest="empty"),
    link(Sec_Fetch_Dest=None),
    link(Sec_Fetch_Site="Cross-Site"),
    link(Sec_Fetch_Site=""),
    link(Origin="http://evil.com"),
    link(Origin="null"),
    link(Host="evil.com"),
    link(Content_Length="1"),
    link(Transfer_Encoding="chunked"),
    [*link(), ("Sec-Fetch-Dest", "document")],
    [*link(), ("Sec-Fetch-Mode", "cors")],
    [*link(), ("Sec-Fetch-Site", "same-origin")],
]


@pytest.mark.parametrize("headers", LESS)
async def test_what_is_no_followed_link_is_refused(headers: Sent) -> None:
    """Loads, frames, scripts and forms of other sites, rebound names, and headers that no browser sends so."""
    guard = Guard(passed_on, None, LOOPBACK_NAMES, frozenset({"/"}))
    for path in ("/", REPORT):
        assert (await ask(guard, headers, "GET", path)).status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in (*PATHS, *OTHERS)),
        *((method, path) for method in METHODS[2:] for path in ("/", REPORT, "/run")),
    ],
)
async def test_no_link_leads_to_anything_else(method: str, path: str) -> None:
    """Not to what programs read, and never by a method that could change something."""
    guard = Guard(passed_on, None, LOOPBACK_NAMES, frozenset({"/"}))
    assert (await ask(guard, link(), method, path)).status == 403


async def test_with_a_key_or_beyond_loopback_no_host_is_checked() -> None:
    """With a key, and on other addresses, any Host and any site is answered."""
    foreign = [("Host", "evil.com"), ("Origin", "http://evil.com"), ("Sec-Fetch-Site", "cross-site")]
    assert (await ask(with_key(), [*foreign, ("Authorization", RIGHT)])).status == 200
    assert (await ask(Guard(passed_on, None, None), foreign)).status == 200


def options(**changed: object) -> Options:
    """What `matchspec serve` takes when nothing is typed."""
    usual: dict[str, object] = {
        "port": 8090,
        "host": "127.0.0.1",
        "config": None,
        "db": None,
        "config_root": None,
        "allowed_host": [],
        "max_model_calls": 256,
        "max_active_runs": 16,
        "max_waiting_runs": 1_000,
    }
    return msgspec.convert(usual | changed, Options)


@pytest.mark.parametrize("key", [None, "", " ", "\t \n"])
def test_an_empty_key_is_none(tmp_path: Path, key: str | None) -> None:
    """Unset, empty or blank, MATCHSPEC_API_KEY leaves the server open to this machine."""
    write_project(tmp_path)
    environment = {} if key is None else {"MATCHSPEC_API_KEY": key}
    settings = make_settings(options(), environment, tmp_path, tmp_path)
    assert settings.key is None
    assert settings.local_names is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.53"])
async def test_a_keyless_server_on_loopback_checks_the_host(tmp_path: Path, host: str) -> None:
    """On a loopback address, its own name and the loopback's names pass, and those that --allowed-host adds."""
    write_project(tmp_path)
    settings = make_settings(options(host=host, allowed_host=["Build.Intern"]), {}, tmp_path, tmp_path)
    assert settings.local_names is not None
    guard = without_key(*settings.local_names)
    own = f"[{host}]" if ":" in host else host
    for name in (own, "localhost", "build.intern", "BUILD.intern:8090"):
        assert (await ask(guard, [("Host", name)])).status == 200
    for name in ("evil.com", "build.intern.evil.com", "intern"):
        assert (await ask(guard, [("Host", name)])).status == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7"])
def test_beyond_loopback_nothing_is_checked(tmp_path: Path, host: str) -> None:
    """Listening on other addresses, with or without a key, and on loopback with one, any Host is answered."""
    write_project(tmp_path)
    assert make_settings(options(host=host), {}, tmp_path, tmp_path).local_names is None
    keyed = make_settings(options(), {"MATCHSPEC_API_KEY": KEY}, tmp_path, tmp_path)
    assert (keyed.key, keyed.local_names) == (KEY, None)


@pytest.mark.slow
def test_a_real_server_asks_for_its_key(tmp_path: Path) -> None:
    """Over the wire: the key passes, anything else is 401 on every path and method, and `/health` is open."""
    with serving(write_project(tmp_path), MATCHSPEC_API_KEY=KEY) as live, live.client() as client:
        right = {"Authorization": RIGHT}
        assert client.get("/health").status_code == 200
        assert client.get("/suites", headers=right).status_code == 200
        assert client.get("/suites", headers=right | {"Host": "evil.com"}).status_code == 200
        assert client.get("/nothing", headers=right).status_code == 404
        for method in METHODS:
            for path in (*PATHS, "/health/../run", "/health%2f..%2frun", "/health%00", "/%72un"):
                refused = client.request(method, path, content=b"{")
                assert refused.status_code == 401
                assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        huge = client.post("/run", content=bytes(20_000_000))
        assert huge.status_code == 401
        assert client.get("/results", headers=right).json()["total"] == 0


@pytest.mark.slow
def test_a_real_keyless_server_refuses_other_sites(tmp_path: Path) -> None:
    """Over the wire: a foreign Host or site is 403, an allowed one and the loopback's names are answered."""
    config = write_project(tmp_path)
    with serving(config, "--allowed-host", "build.intern") as live, live.client() as client:
        for host in ("localhost", f"127.0.0.1:{live.port}", "[::1]", "build.intern", "build.intern:80"):
            assert client.get("/suites", headers={"Host": host}).status_code == 200
        for headers in ({"Host": "evil.com"}, {"Origin": "http://evil.com"}, {"Sec-Fetch-Site": "cross-site"}):
            assert client.post("/run", headers=headers).status_code == 403
            assert client.post("/run", headers=headers, content=bytes(2_000_000)).status_code == 403
        assert client.get("/results").json()["total"] == 0


@pytest.mark.slow
def test_a_real_server_on_all_addresses_checks_no_host(tmp_path: Path) -> None:
    """`--host 0.0.0.0` without a key warns at the start, and answers any Host."""
    with serving(write_project(tmp_path), "--host", "0.0.0.0") as live, live.client() as client:
        assert client.get("/suites", headers={"Host": "evil.com"}).status_code == 200
        assert "MATCHSPEC_API_KEY" in live.said()
