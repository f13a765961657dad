"""`GET /docs`: the description of the API for people, as one page that loads nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from litestar import Response, route
from litestar.datastructures import State

from service.api.media import READING
from service.reports.page import POLICY, Element, Part, node, write_page

Schema = dict[str, Any]
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


@route("/docs", http_method=READING)
async def get_docs(state: State) -> Response[bytes]:
    """Show the description of this API."""
    return Response(state.docs, media_type="text/html", headers=HEADERS)


def write_docs(description: bytes) -> bytes:
    """Write the page of a description in OpenAPI."""
    document: Schema = msgspec.json.decode(description)
    schemas: Schema = document["components"]["schemas"]
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "head"
    ]
    page = write_page(
        "matchspec: the HTTP API",
        node("h1", f"matchspec {document['info']['version']}: the HTTP API"),
        node("p", "For programs: ", node("a", "openapi.json", href="openapi.json"), ". HEAD works where GET does."),
        node("ul", *(_item(name, operation["operationId"]) for name, operation in operations)),
        *(part for name, operation in operations for part in _operation(name, operation)),
        node("h2", "Documents"),
        *(part for name, schema in sorted(schemas.items()) for part in _schema(name, schema)),
    )
    return page.encode()


def _item(text: str, place: str) -> Element:
    return node("li", node("a", node("code", text), href=f"#{place}"))


def _operation(name: str, operation: Schema) -> Iterator[Element]:
    yield node("h2", node("code", name), id=operation["operationId"])
    yield node("p", operation["summary"])
    if "requestBody" in operation:
        yield node("p", "Body: ", *_content(operation["requestBody"]))
    parameters = [
        (node("code", one["name"]), one["in"], node("span", *_type(one["schema"])), one.get("description", ""))
        for one in operation["parameters"]
    ]
    if parameters:
        yield _table(("parameter", "in", "type", "meaning"), parameters)
    answers = [
        (status, node("span", *_content(answer)), answer["description"])
        for status, answer in operation["responses"].items()
    ]
    yield _table(("status", "answer", "meaning"), answers)


def _schema(name: str, schema: Schema) -> Iterator[Element]:
    yield node("h3", name, id=name)
    if "description" in schema:
        yield node("p", schema["description"])
    required = schema.get("required", [])
    fields = [
        (node("code", field), node("span", *_type(own)), "always there" if field in required else "")
        for field, own in schema.get("properties", {}).items()
    ]
    if fields:
        yield _table(("field", "type", ""), fields)


def _table(head: tuple[str, ...], rows: Sequence[tuple[Part, ...]]) -> Element:
    names = node("thead", node("tr", *(node("th", name) for name in head)))
    lines = node("tbody", *(node("tr", *(node("td", cell) for cell in row)) for row in rows))
    return node("div", node("table", names, lines), class_="scroll")


def _content(answer: Schema) -> Iterator[Part]:
    for media_type, content in answer.get("content", {}).items():
        yield f"{media_type} "
        yield from _type(content.get("schema", {}))


def _type(schema: Schema) -> Iterator[Part]:
    """Name a type shortly; what has a name of its own is a link to it."""
    match schema:
        case {"$ref": str() as place}:
            name = place.rpartition("/")[2]
            yield node("a", name, href=f"#{name}")
        case {"allOf": [first, *_]}:
            yield from _type(first)
        case {"anyOf": [*options]} | {"oneOf": [*options]}:
            for number, option in enumerate(options):
                yield " or " if number else ""
                yield from _type(option)
        case {"type": "array", "items": dict() as items}:
            yield "array of "
            yield from _type(items)
        case {"enum": [*values]}:
            yield " | ".join(map(str, values))
        case {"type": str() as name}:
            yield name + _limits(schema)
        case _:
            yield "any"


def _limits(schema: Schema) -> str:
    names = {
        "minimum": "from",
        "maximum": "to",
        "minLength": "length from",
        "maxLength": "length to",
        "default": "else",
    }
    told = [f"{text} {schema[name]}" for name, text in names.items() if name in schema]
    return f" ({', '.join(told)})" if told else ""
