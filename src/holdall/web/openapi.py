"""OpenAPI 3.1 documents, built from what each dialect writes down beside its routes.

Bodies are read piece by piece here, so no signature tells what they are: a dialect describes its operations by hand,
and ``tests/api/test_openapi.py`` keeps description and routes equal. What can be had from the code is: examples of
answers come from the dialect's own wire, and examples of failures from its own error renderer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from holdall.errors import HoldallError
from holdall.web.dialect import Render

Json = dict[str, Any]
Failures = Mapping[str, HoldallError]
"""What can go wrong with an operation: a phrase for readers, and the error as the story raises it."""

VERSION = "3.1.0"
EXTENSION = "**An extension of Holdall's**: the original API does not have it."
_EVERY_ANSWER_HAS = {"content-type", "content-length", "cache-control", "x-content-type-options"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path, as a client sees it."""

    method: str
    path: str
    """From the root of the site, parameters in braces."""
    id: str
    summary: str
    responses: Mapping[str, Json]
    """By status."""
    tags: Sequence[str]
    description: str = ""
    parameters: Sequence[Json] = ()
    request_body: Json | None = None
    security: Sequence[Mapping[str, Sequence[str]]] = ()
    """Empty: nobody needs to say who they are."""


@dataclass(frozen=True, slots=True)
class Names:
    """That an operation's answer names something, which others take in their paths."""

    parameter: str
    """What they call it."""
    pointer: str
    """Where it stands in the answer: a JSON pointer (RFC 6901)."""
    below: str = ""
    """Where the paths of the others begin, if one name means different things in different paths."""


@dataclass(frozen=True, slots=True)
class Description:
    """All that one dialect says of itself."""

    title: str
    text: str
    operations: Sequence[Operation]
    schemas: Mapping[str, Json]
    security_schemes: Mapping[str, Json]
    tags: Mapping[str, str] = field(default_factory=dict)
    """What each tag gathers, in the order to be read."""
    names: Mapping[str, Names] = field(default_factory=dict)
    """By the id of the operation that answers: what links are made of."""


def describe(described: Description, version: str, site_url: str) -> Json:
    """The document of one dialect."""
    return document(
        title=described.title,
        version=version,
        description=described.text,
        servers=[site_url],
        operations=described.operations,
        components=described.schemas,
        security_schemes=described.security_schemes,
        tags=described.tags,
        names=described.names,
    )


def merge(title: str, text: str, described: Sequence[Description]) -> Description:
    """Several dialects as one; each names its schemas and operations so that none clash."""
    return Description(
        title=title,
        text="\n\n".join([text, *(f"# {each.title}\n\n{each.text}" for each in described)]),
        operations=[operation for each in described for operation in each.operations],
        schemas={name: schema for each in described for name, schema in each.schemas.items()},
        security_schemes={name: scheme for each in described for name, scheme in each.security_schemes.items()},
        tags={name: text for each in described for name, text in each.tags.items()},
        names={id: named for each in described for id, named in each.names.items()},
    )


def document(
    title: str,
    version: str,
    description: str,
    servers: Sequence[str],
    operations: Sequence[Operation],
    components: Mapping[str, Json],
    security_schemes: Mapping[str, Json],
    tags: Mapping[str, str],
    names: Mapping[str, Names],
) -> Json:
    """An OpenAPI 3.1 document."""
    paths: dict[str, Json] = {}
    for operation in operations:
        links = _links(operation, names.get(operation.id), operations)
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, links)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": server} for server in servers],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {"schemas": dict(components), "securitySchemes": dict(security_schemes)},
    }


def _operation(operation: Operation, links: Json) -> Json:
    responses = dict(sorted(operation.responses.items()))
    if links:
        responses["200"] = {**responses["200"], "links": links}
    written: Json = {
        "operationId": operation.id,
        "tags": list(operation.tags),
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [*_path_parameters(operation), *operation.parameters],
        "responses": responses,
        "security": [dict(need) for need in operation.security],
    }
    if operation.request_body is not None:
        written["requestBody"] = operation.request_body
    return written


def _links(operation: Operation, named: Names | None, operations: Sequence[Operation]) -> Json:
    """To every operation whose path takes what this one's answer names, and nothing that its own path does not have."""
    if named is None:
        return {}
    known = {name: f"$request.path.{name}" for name in _in_path(operation)}
    known[named.parameter] = f"$response.body#{named.pointer}"
    return {
        target.id: {"operationId": target.id, "parameters": {name: known[name] for name in _in_path(target)}}
        for target in operations
        if named.parameter in _in_path(target)
        and target.path.startswith(named.below)
        and known.keys() >= {*_in_path(target)}
    }


def _in_path(operation: Operation) -> list[str]:
    return re.findall(r"{(\w+)}", operation.path)


def _path_parameters(operation: Operation) -> list[Json]:
    """Those that the operation does not describe itself."""
    told = {parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"}
    names = [name for name in _in_path(operation) if name not in told]
    return [parameter("path", name, {"type": "string"}) for name in names]


# ── parts of an operation ────────────────────────────────────────────────────────────────────────────────────────


def parameter(where: str, name: str, schema: Json, description: str = "", example: Any = None) -> Json:
    """A parameter in the path (always needed), the query or a header."""
    written: Json = {"in": where, "name": name, "schema": schema, "required": where == "path"}
    if description:
        written["description"] = description
    if example is not None:
        written["example"] = example
    return written


def json_body(schema: Json, description: str, examples: Mapping[str, Any]) -> Json:
    """A body in JSON; ``examples`` by phrase."""
    return {
        "description": description,
        "required": True,
        "content": {"application/json": {"schema": schema, "examples": _examples(examples)}},
    }


def form_body(schema: Json, description: str) -> Json:
    """A body of form parts, some of them files."""
    return {"description": description, "required": True, "content": {"multipart/form-data": {"schema": schema}}}


def success(description: str, schema: Json, examples: Mapping[str, Any], headers: Json | None = None) -> Json:
    """The 200 of an operation that answers in JSON; ``examples`` by phrase."""
    return {
        "200": {
            "description": description,
            **({"headers": headers} if headers else {}),
            "content": {"application/json": {"schema": schema, "examples": _examples(examples)}},
        }
    }


def failures(render: Render, schema: Json, failures: Failures, request: Request) -> dict[str, Json]:
    """The answers to what can go wrong, rendered by the very code that renders them for clients."""
    return failed(schema, {phrase: render(error, request) for phrase, error in failures.items()})


def failed(schema: Json, answers: Mapping[str, Response]) -> dict[str, Json]:
    """Failed answers by status; those of one status become examples of one response."""
    by_status: dict[int, dict[str, Response]] = {}
    for phrase, answer in answers.items():
        by_status.setdefault(answer.status_code, {})[phrase] = answer
    return {str(status): _failed(schema, alike) for status, alike in by_status.items()}


def _failed(schema: Json, answers: Mapping[str, Response]) -> Json:
    examples = {phrase: msgspec.json.decode(answer.body) for phrase, answer in answers.items()}
    headers = {name: value for answer in answers.values() for name, value in answer.headers.items()}
    told = {_header_name(name): _told(name, value) for name, value in headers.items() if name not in _EVERY_ANSWER_HAS}
    causes = [_cause(phrase, answers[phrase].status_code, body["code"]) for phrase, body in examples.items()]
    return {
        "description": "\n".join(f"- {cause}" for cause in causes),
        **({"headers": told} if told else {}),
        "content": {"application/json": {"schema": schema, "examples": _examples(examples)}},
    }


def _cause(phrase: str, status: int, code: str | int) -> str:
    """A phrase, behind the code in the body where that says more than the status."""
    return f"{phrase[:1].upper()}{phrase[1:]}." if code == status else f"`{code}`: {phrase}."


_HEADERS = {
    "retry-after": "Seconds after which another try makes sense.",
    "www-authenticate": "How to say who you are.",
    "set-cookie": "Takes the cookie back, when one was sent.",
}


def _told(name: str, value: str) -> Json:
    """A header with its value as an example, but for a cookie, which tells the time of the moment."""
    return header(_HEADERS.get(name, ""), "" if name == "set-cookie" else value)


def header(description: str, example: str = "") -> Json:
    """A header of an answer."""
    return {"description": description, "schema": {"type": "string"}, **({"example": example} if example else {})}


def _header_name(name: str) -> str:
    return "WWW-Authenticate" if name == "www-authenticate" else name.title()


def _examples(examples: Mapping[str, Any]) -> Json:
    return {_key(phrase): {"summary": phrase, "value": value} for phrase, value in examples.items()}


def _key(phrase: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", phrase.lower()).strip("-")


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────


def ref(name: str) -> Json:
    """A schema by its name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str = "", **more: Any) -> Json:
    """A string."""
    return {"type": "string", **({"description": description} if description else {}), **more}


def whole(description: str = "", **more: Any) -> Json:
    """A whole number."""
    return {"type": "integer", **({"description": description} if description else {}), **more}


def object_of(properties: Mapping[str, Json], *, description: str = "", optional: Sequence[str] = ()) -> Json:
    """An object whose properties are all there, less the ``optional`` ones."""
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "required": [name for name in properties if name not in optional],
        "properties": dict(properties),
    }


def list_of(items: Json, description: str = "", **more: Any) -> Json:
    """A list."""
    return {"type": "array", **({"description": description} if description else {}), "items": items, **more}


FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
"""The bytes of a file in a form part."""
