"""`/openapi.json`: the API in OpenAPI 3.1, made from `OPERATIONS`, the documents' types and the table of problems."""

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from service.api.media import JSON
from service.api.operations import ETAG, OPERATIONS, RETRY_AFTER, Field, Operation
from service.api.problems import KINDS, MEDIA_TYPE, Problem, http_problem, problem_type
from service.files.schema import Schema, anything, tidy
from service.version import VERSION

_PLACE = "#/components/schemas/{name}"
_BEARER = "bearer"
_CHALLENGE = Field("WWW-Authenticate", str, "How to send the key: `Bearer`.")
_HEADERS = {401: _CHALLENGE, 429: RETRY_AFTER, 503: RETRY_AFTER}


@cache
def describe(*, keyed: bool, guarded: bool) -> bytes:
    """Give the description of a server with a key, of one without that refuses other sites (`guarded`), or of an open
    one.
    """
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        methods = paths.setdefault(operation.path, {})
        own = methods[operation.method.lower()] = _operation(operation, keyed, guarded)
        if operation.method == "GET":
            methods["head"] = _head(own)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "matchspec",
            "version": VERSION,
            "description": "Every other method of these paths is answered 405, every other path 404.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": _documents()},
    }
    if keyed:
        document["components"]["securitySchemes"] = {_BEARER: {"type": "http", "scheme": "bearer"}}
        document["security"] = [{_BEARER: []}]
    return msgspec.json.encode(document)


def _operation(operation: Operation, keyed: bool, guarded: bool) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.text,
        "parameters": list(_parameters(operation)),
        "responses": {**_answers(operation), **_refusals(operation, keyed, guarded)},
    }
    if operation.body:
        described["requestBody"] = {"required": False, "content": {JSON: {"schema": _reference(operation.body)}}}
    if keyed and operation.open:
        described["security"] = []
    return described


def _head(get: Schema) -> Schema:
    """As GET, without what is in the bodies of the answers."""
    bare = {
        status: {part: value for part, value in answer.items() if part in ("description", "headers")}
        for status, answer in get["responses"].items()
    }
    return get | {"operationId": f"{get['operationId']}Head", "responses": bare}


def _parameters(operation: Operation) -> Iterator[Schema]:
    for place, fields in (("path", operation.path_fields), ("header", operation.headers)):
        for field in fields:
            yield _parameter(place, field.name, field.text, _schema(field.kind))
    query = _query(operation.query)
    for name, schema in query.get("properties", {}).items():
        own = _parameter("query", name, schema.pop("description", ""), schema)
        yield own | {"required": name in query.get("required", ())}


def _parameter(place: str, name: str, text: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "description": text, "required": place == "path", "schema": schema}


def _answers(operation: Operation) -> Schema:
    full = {str(status): _answer(operation, status) for status in (operation.status, *operation.also)}
    return full | {str(status): _bare_answer(status) for status in operation.bare}


def _bare_answer(status: int) -> Schema:
    tagged = {"headers": _headers(ETAG)} if status == HTTPStatus.NOT_MODIFIED else {}
    return {"description": HTTPStatus(status).phrase} | tagged


def _answer(operation: Operation, status: int) -> Schema:
    answer: Schema = {"description": HTTPStatus(status).phrase}
    if isinstance(operation.answer, tuple):
        answer["content"] = {media_type: {} for media_type in operation.answer}
    else:
        answer["content"] = {JSON: {"schema": _reference(operation.answer)}}
    if operation.answer_headers:
        answer["headers"] = _headers(*operation.answer_headers)
    if operation.links:
        answer["links"] = {link.operation: _link(*link) for link in operation.links}
    return answer


def _link(operation: str, parameter: str, field: str) -> Schema:
    return {"operationId": operation, "parameters": {parameter: f"$response.body#/{field}"}}


def _refusals(operation: Operation, keyed: bool, guarded: bool) -> dict[str, Schema]:
    """Every status of a refusal with the problems it may tell."""
    told: dict[int, dict[str, str]] = {}
    for error in operation.problems:
        status, name, title = KINDS[error]
        told.setdefault(status, {})[problem_type(name)] = title
    plain = {401: keyed and not operation.open, 403: guarded, 413: operation.method == "POST", 431: True}
    for problem in (http_problem(status, "") for status, there in plain.items() if there):
        told.setdefault(problem.status, {})[problem.type] = problem.title
    return {str(status): _refusal(status, told[status]) for status in sorted(told)}


def _refusal(status: int, kinds: dict[str, str]) -> Schema:
    """One status; `kinds` are the titles of its problems by their types."""
    limits = {"properties": {"type": {"enum": list(kinds)}, "status": {"const": status}}}
    content = {MEDIA_TYPE: {"schema": {"allOf": [_reference(Problem), limits]}}}
    refusal: Schema = {"description": "; ".join(kinds.values()), "content": content}
    if status in _HEADERS:
        refusal["headers"] = _headers(_HEADERS[status])
    return refusal


def _headers(*fields: Field) -> Schema:
    return {
        field.name: {"description": field.text, "required": True, "schema": _schema(field.kind)} for field in fields
    }


def _documents() -> Schema:
    kinds = [kind for one in OPERATIONS for kind in (one.answer, one.body) if kind and not isinstance(kind, tuple)]
    _, documents = msgspec.json.schema_components([*kinds, Problem], schema_hook=anything, ref_template=_PLACE)
    tidied: Schema = tidy(documents)
    return tidied


def _reference(kind: type[msgspec.Struct]) -> Schema:
    return {"$ref": _PLACE.format(name=kind.__name__)}


def _query(query: type[msgspec.Struct] | None) -> Schema:
    if query is None:
        return {}
    _, schemas = msgspec.json.schema_components([query])
    described: Schema = schemas[query.__name__]
    return described


def _schema(kind: Any) -> Schema:
    schema: Schema = msgspec.json.schema(kind)
    return schema
