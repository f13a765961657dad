"""The `http` model: what it sends, what it takes as the output, and how it tells what went wrong."""

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from over_httpx import sending_to

from domain.errors import ModelError
from domain.model_spec import HttpModel
from service.models.ask import Ask
from service.models.model import open_model
from service.models.transport import Transport

ENDPOINT = "http://model.test/v1"
CHAT = "choices[0].message.content"

Handler = Callable[[httpx.Request], httpx.Response]


def http_model(handler: Handler, **settings: object) -> Ask:
    """Open an `http` model whose server is a function."""
    spec = HttpModel(**({"endpoint": ENDPOINT} | settings))  # type: ignore[arg-type]
    environment = {"HOST": "model.test", "KEY": "sk-12345678", "BROKEN": "sk-1234\n5678"}
    return open_model(spec, folder=Path(), environment=environment, send=sending_to(httpx.MockTransport(handler)))


def answering(content: bytes | str, status: int = 200, **headers: str) -> Handler:
    """Make a server that always answers the same; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(status, content=content, headers=named)


async def said(model: Ask) -> str:
    """Ask, and give the output."""
    return (await model("hi")).output


async def failure_of(model: Ask, text: str = "hi") -> ModelError:
    """Ask, and give the error that comes of it."""
    with pytest.raises(ModelError) as caught:
        await model(text)
    return caught.value


async def test_the_request_is_what_the_settings_say() -> None:
    """Method, address, headers, key and body come from the harness file, variables expanded."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text="fine")

    model = http_model(
        handler,
        endpoint="http://${HOST}/v1",
        method="PUT",
        headers={"X-Tenant": "t-${HOST}", "accept": "text/plain"},
        api_key_env="KEY",
        request_template='{"q": "{{input}}"}',
    )
    await model('a "b"')

    (request,) = seen
    assert (request.method, str(request.url)) == ("PUT", "http://model.test/v1")
    assert json.loads(request.content) == {"q": 'a "b"'}
    assert dict(request.headers) == {
        "content-type": "application/json",
        "accept": "text/plain",
        "accept-encoding": "identity",
        "user-agent": "matchspec/0.1.0",
        "x-tenant": "t-model.test",
        "authorization": "Bearer sk-12345678",
    }


async def test_without_a_path_the_output_is_the_text_of_the_body() -> None:
    """The body goes through as it is."""
    assert await said(http_model(answering(" 42\n"))) == " 42\n"


async def test_an_empty_body_is_an_empty_output() -> None:
    """A 2xx answer without a body is an answer; 204 as well."""
    assert await said(http_model(answering(b"", 204))) == ""


@pytest.mark.parametrize(
    ("content", "content_type", "output"),
    [
        (b"caf\xe9", "text/plain; charset=iso-8859-1", "café"),
        (b"caf\xe9", "text/plain", "caf\ufffd"),
        (b"caf\xc3\xa9", "text/plain; charset=nonsense", "café"),
        (b"\\ud800", "text/plain; charset=unicode_escape", "\\ud800"),
        (b"a\xed\xa0\x80b", "text/plain; charset=utf-8", "a\ufffd\ufffd\ufffdb"),
        ("hé".encode("utf-16"), "text/plain; charset=utf-16", "hé"),
    ],
)
async def test_a_text_is_read_in_its_charset(content: bytes, content_type: str, output: str) -> None:
    """The header's charset counts if it is a known one, else UTF-8; what can't be read becomes U+FFFD."""
    assert await said(http_model(answering(content, content_type=content_type))) == output


async def test_the_output_stands_where_the_path_says() -> None:
    """`response_path` picks a string out of the JSON."""
    body = '{"choices": [{"message": {"content": "42 \\ud83d\\ude00"}}]}'

    assert await said(http_model(answering(body), response_path=CHAT)) == "42 😀"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"error": {}, "id": 1}', "there is no 'choices' in the reply; an object is there, with the keys error, id"),
        ('{"choices": []}', "there is no [0] in the reply; a list of 0 is there"),
        ('{"choices": [{"message": {}}]}', "there is no 'content' in the reply; an empty object is there"),
        ('{"choices": [{"message": null}]}', "there is no 'content' in the reply; null is there, not a string"),
        ('{"choices": [{"message": {"content": null}}]}', "null is there, not a string"),
        ('{"choices": [{"message": {"content": 42}}]}', "a number is there, not a string"),
        ('{"choices": [{"message": {"content": true}}]}', "a boolean is there, not a string"),
        ('{"choices": [{"message": {"content": ["a"]}}]}', "a list of 1 is there"),
        ('"choices"', "there is no 'choices' in the reply; a string is there"),
    ],
)
async def test_a_path_that_leads_to_no_string_says_what_is_there(body: str, told: str) -> None:
    """The place where the path left the reply is described, and there is no further attempt."""
    error = await failure_of(http_model(answering(body), response_path=CHAT))

    assert str(error) == f"response_path {CHAT}: {told}"
    assert not error.retry


async def test_a_path_with_functions_that_fails_is_told() -> None:
    """A JMESPath error on a reply is a model error; nothing found is told without a place."""
    failed = await failure_of(http_model(answering('{"a": 1}'), response_path="length(a)"))
    nothing = await failure_of(http_model(answering('{"a": []}'), response_path="a[?b].c | [0]"))

    assert failed.message.startswith("response_path length(a) failed on the reply: In function length()")
    assert str(nothing) == "response_path a[?b].c | [0]: nothing was found in the reply"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>no</html>",
        b"",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": "x"}',
        b'{"a": "\xff"}',
        b'{"a": 1e999}',
        b'{"a": ' + b"1" * 5_000 + b"}",
        b'{"a": "x"} {}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
async def test_a_reply_that_is_not_json_is_a_model_error(body: bytes) -> None:
    """With a path the reply must be JSON as the standard has it; anything else is told and not asked for again."""
    error = await failure_of(http_model(answering(body), response_path="a"))

    assert str(error).startswith(("the reply is not valid JSON (", "the reply is JSON nested too deep"))
    assert len(str(error)) < 400
    assert not error.retry


async def test_a_refusal_shows_status_and_the_beginning_of_its_body() -> None:
    """A non-2xx answer may be tried again; 200 characters of it are shown on one line."""
    error = await failure_of(http_model(answering("over\nloaded \x1b[31m" + "x" * 5_000, 503)))

    assert error.message == f"{ENDPOINT} answered 503 Service Unavailable: over loaded [31m{'x' * 184}"
    assert error.retry


async def test_a_redirect_is_not_followed() -> None:
    """A 302 is an answer that is not 2xx."""
    error = await failure_of(http_model(answering(b"", 302, location="http://elsewhere.test/")))

    assert str(error) == f"{ENDPOINT} answered 302 Found"
    assert error.retry


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("GZIP", gzip.compress(b"hello", mtime=0)),
        ("identity", b"hello"),
    ],
    ids=["gzip", "deflate", "capitals", "identity"],
)
async def test_a_body_compressed_without_being_asked_is_read(encoding: str, content: bytes) -> None:
    """gzip and deflate are undone."""
    handler = stored(content, encoding)

    assert await said(http_model(handler)) == "hello"


@pytest.mark.parametrize(
    ("encoding", "content", "told"),
    [
        ("gzip", gzip.compress(bytes(30_000_000), 1, mtime=0), "reply over 8 MB"),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-9], "the compressed reply was cut off"),
        ("gzip", b"hello", "the reply is not in the encoding that it names"),
        ("br", b"hello", "the reply's encoding is neither gzip nor deflate: br"),
    ],
    ids=["bomb", "cut off", "broken", "unknown"],
)
async def test_a_compressed_body_that_can_not_be_read_is_told(encoding: str, content: bytes, told: str) -> None:
    """Over 8 MB once unpacked, cut off, broken or unknown: a model error."""
    assert (await failure_of(http_model(stored(content, encoding)))).message == told


def stored(content: bytes, encoding: str) -> Handler:
    """Make a server whose body is encoded already (httpx would decode `content=` itself when it is read)."""
    return lambda _request: httpx.Response(
        200, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(content)
    )


async def test_eight_megabytes_are_taken_and_a_byte_more_is_not() -> None:
    """The cap is 8,000,000 bytes, and a reply over it is not asked for again."""
    assert len(await said(http_model(answering(b"x" * 8_000_000)))) == 8_000_000
    error = await failure_of(http_model(answering(b"x" * 8_000_001)))

    assert str(error) == "reply over 8 MB"
    assert not error.retry


async def test_a_network_error_tells_its_kind_and_the_address_as_written() -> None:
    """The expanded address, which may hold a secret, is not in the message nor in the chain of causes."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    error = await failure_of(http_model(handler, endpoint="http://${HOST}/v1"))

    assert str(error) == "http://${HOST}/v1: connection refused"
    assert error.retry
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"endpoint": "http://${GONE}/"}, "the environment variable GONE is not set"),
        ({"api_key_env": "GONE"}, "the environment variable GONE is not set"),
        ({"api_key_env": "BROKEN"}, "BROKEN holds a line break or a zero character, which can't be sent in a header"),
        (
            {"headers": {"X-Key": "${BROKEN}"}},
            "the header X-Key holds a line break or a zero character, which can't be sent in a header",
        ),
        (
            {"endpoint": "ftp://${HOST}/"},
            "ftp://${HOST}/ is not an http:// or https:// URL without user and password, "
            "once its variables are replaced",
        ),
        (
            {"endpoint": "http://user:${KEY}@${HOST}/"},
            "http://user:${KEY}@${HOST}/ is not an http:// or https:// URL without user and password, "
            "once its variables are replaced",
        ),
        (
            {"endpoint": "${KEY}"},
            "${KEY} is not an http:// or https:// URL without user and password, once its variables are replaced",
        ),
        (
            {"endpoint": "http://${BROKEN}/"},
            "http://${BROKEN}/ is not an http:// or https:// URL without user and password, "
            "once its variables are replaced",
        ),
    ],
)
def test_settings_that_can_not_be_sent_are_told_when_the_model_is_opened(
    settings: dict[str, object], told: str
) -> None:
    """A missing variable, or a value that makes no address or header, is told by name and never by value."""
    with pytest.raises(ModelError) as caught:
        http_model(answering("fine"), **settings)

    assert str(caught.value) == told
    assert not caught.value.retry


async def test_a_missing_server_is_a_connection_refused() -> None:
    """Nobody listens: told as such over the real transport."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        error = await over_the_network(f"http://127.0.0.1:{port}/")

    assert str(error) == f"http://127.0.0.1:{port}/: connection refused"
    assert error.retry


async def test_an_unknown_host_is_a_name_not_found() -> None:
    """A name that does not resolve is told as such."""
    error = await over_the_network("http://no-such-host.invalid/")

    assert str(error) == "http://no-such-host.invalid/: name not found"
    assert error.retry


async def test_a_server_without_tls_is_a_tls_failure() -> None:
    """https to a server that speaks plain text is told as such."""

    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await over_the_network(f"https://127.0.0.1:{port}/")

    assert str(error) == f"https://127.0.0.1:{port}/: TLS failure"
    assert error.retry


async def over_the_network(endpoint: str) -> ModelError:
    """Ask over the real transport, and give the error that comes of it."""
    transport = Transport()
    try:
        spec = HttpModel(endpoint=endpoint)
        return await failure_of(open_model(spec, folder=Path(), environment={}, send=transport.send))
    finally:
        await transport.aclose()
