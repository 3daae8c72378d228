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

from holdall.domain.policy import UploadPolicy
from holdall.errors import (
    ContentCorrupt,
    ContentRefused,
    DatabaseUnavailable,
    DigestMismatch,
    EncodingRefused,
    HoldallError,
    ImageTooLarge,
    Infected,
    InspectorUnavailable,
    Malformed,
    NotScanned,
    StorageFull,
    StorageUnavailable,
    TooLarge,
    TooManyFiles,
    TooSlow,
    TypeRefused,
)
from holdall.flows.once import MAX_KEY_LENGTH
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
class Description:
    """All that one dialect says of itself."""

    title: str
    text: str
    operations: Sequence[Operation]
    schemas: Mapping[str, Json]
    security_schemes: Mapping[str, Json]
    tags: Mapping[str, str] = field(default_factory=dict)
    """What each tag gathers, in the order to be read."""


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
) -> Json:
    """An OpenAPI 3.1 document."""
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": server} for server in servers],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {"schemas": dict(components), "securitySchemes": dict(security_schemes)},
    }


def _operation(operation: Operation) -> Json:
    written: Json = {
        "operationId": operation.id,
        "tags": list(operation.tags),
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [*_path_parameters(operation), *operation.parameters],
        "responses": dict(sorted(operation.responses.items())),
        "security": [dict(need) for need in operation.security],
    }
    if operation.request_body is not None:
        written["requestBody"] = operation.request_body
    return written


def _path_parameters(operation: Operation) -> list[Json]:
    """Those that the operation does not describe itself."""
    told = {parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"}
    names = [name for name in re.findall(r"{(\w+)}", operation.path) if name not in told]
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
    headers = {name: text for answer in answers.values() for name, text in answer.headers.items()}
    told = {
        _header_name(name): header(_HEADERS.get(name, ""), example=text)
        for name, text in headers.items()
        if name not in _EVERY_ANSWER_HAS
    }
    return {
        "description": "\n".join(f"- {_sentence(phrase)}" for phrase in answers),
        **({"headers": told} if told else {}),
        "content": {"application/json": {"schema": schema, "examples": _examples(examples)}},
    }


_HEADERS = {
    "retry-after": "Seconds after which another try makes sense.",
    "www-authenticate": "How to say who you are.",
    "set-cookie": "Takes the cookie back, when one was sent.",
}


def header(description: str, example: str = "") -> Json:
    """A header of an answer."""
    return {"description": description, "schema": {"type": "string"}, **({"example": example} if example else {})}


def _header_name(name: str) -> str:
    return "WWW-Authenticate" if name == "www-authenticate" else name.title()


def _sentence(phrase: str) -> str:
    return f"{phrase[:1].upper()}{phrase[1:]}."


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


# ── what every door shares ───────────────────────────────────────────────────────────────────────────────────────

_DIGEST = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"

UPLOAD_HEADERS = (
    parameter(
        "header",
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
        f"Makes a repeated request safe: the same key with the same fields and bytes answers as the first time and "
        f"keeps nothing twice, for a day. The same key with another request is refused. {EXTENSION}",
        "a1f4c0de-0001",
    ),
    parameter(
        "header",
        "Content-Digest",
        {"type": "string"},
        "RFC 9530, `sha-256` or `sha-512`: of the whole body or, where the form has one file, of that file. A part of "
        f"the form may carry it too. Bytes with another digest are refused. {EXTENSION}",
        _DIGEST,
    ),
    parameter("header", "Repr-Digest", {"type": "string"}, f"As Content-Digest. {EXTENSION}", _DIGEST),
)


def reading_failures(max_bytes: int, seconds: float = 20) -> Failures:
    """What can be wrong with any body, in JSON or not, before its content is looked at."""
    return {
        "a header that cannot be read": Malformed("header", "Content-Length is not a number"),
        "a body that breaks off": Malformed("body", "the client went away in mid-body"),
        "a body that comes too slowly": TooSlow(seconds),
        "a compressed body": EncodingRefused("gzip"),
        "a body over the limit": TooLarge(max_bytes),
    }


def form_failures(max_files: int, seconds: float = 20) -> Failures:
    """What can be wrong with a form, whatever its files are."""
    digests = "a digest field is not a dictionary of byte sequences (RFC 9530)"
    return {
        "no form, or one that is broken": Malformed("multipart", "the body must be multipart/form-data"),
        "a header that cannot be read": Malformed("header", digests),
        "a body that comes too slowly": TooSlow(seconds),
        "a compressed body": EncodingRefused("gzip"),
        "too many files": TooManyFiles(max_files),
        "a digest that does not fit the bytes": DigestMismatch("sha-256"),
    }


def file_failures(policy: UploadPolicy) -> Failures:
    """Why a policy does not let a file in."""
    kind = policy.kind
    said = kind.name
    page = "text/html"
    broken = ContentCorrupt(said, kind.mimes[0], kind.mimes, reason="the data ends before the end of the file")
    return {
        f"{said}: an extension that is not taken": TypeRefused(said, "exe", kind.extensions),
        f"{said}: content that is not what the name says, or an empty file": ContentRefused(said, page, kind.mimes),
        f"{said}: content that does not read to the end as what it begins like": broken,
        f"{said}: over the limit of {kind.max_bytes} bytes": TooLarge(kind.max_bytes),
    }


def image_failures(policy: UploadPolicy) -> Failures:
    """As ``file_failures``, for what only images can have."""
    kind = policy.kind
    limit = policy.limits.max_pixels
    too_large = ImageTooLarge(kind.name, "image/png", kind.mimes, reason=f"30000 × 30000 pixels, at most {limit}")
    return {f"{kind.name}: more pixels or frames than are decoded": too_large}


KEEPING_FAILURES: Failures = {
    "a malware rule that matches": Infected("EICAR_Test_File"),
    "the scanner could not look at the file": NotScanned("the scanner did not answer"),
    "the inspector could not be started": InspectorUnavailable("no process"),
    "the store does not answer": StorageUnavailable("no answer"),
    "no room left for files": StorageFull("no space left"),
}
"""What can happen to a file that is fine so far."""

DATABASE_FAILURES: Failures = {"the database does not answer": DatabaseUnavailable("no answer")}


def served_file(example_name: str) -> dict[str, Json]:
    """The answers that stand for a stored file, whole or in part; those of a refusal are the dialect's."""
    headers = {
        "ETag": header("Strong: the file's digest.", '"sha256-9f86d081…"'),
        "Last-Modified": header("When it was uploaded."),
        "Content-Disposition": header(
            "Raster images are shown, all else is a download.", f'inline; filename="{example_name}"'
        ),
        "Repr-Digest": header("RFC 9530: the digest of the whole file.", _DIGEST),
        "Accept-Ranges": header("", "bytes"),
        "Cache-Control": header("", "private, max-age=3600, must-revalidate"),
        "Content-Security-Policy": header("Nothing in a file may run.", "default-src 'none'; sandbox"),
        "X-Content-Type-Options": header("", "nosniff"),
    }
    bytes_of = {"*/*": {"schema": FILE}}
    content_range = {"Content-Range": header("Which bytes these are.", "bytes 0-1023/20511")}
    size = {"Content-Range": header("How many bytes there are.", "bytes */20511")}
    return {
        "200": {"description": "The file, under its detected type.", "headers": headers, "content": bytes_of},
        "206": {
            "description": "The ranges asked for; several come as `multipart/byteranges`.",
            "headers": headers | content_range,
            "content": bytes_of,
        },
        "304": {"description": "The client has it already. No body.", "headers": headers},
        "412": {"description": "An If-Match or If-Unmodified-Since that does not hold. No body."},
        "416": {"description": "None of the ranges touches the file. No body.", "headers": size},
    }


FILE_HEADERS = (
    parameter("header", "Range", {"type": "string"}, "Some of the bytes only.", "bytes=0-1023"),
    parameter("header", "If-None-Match", {"type": "string"}, "The ETag that the client has.", '"sha256-9f86d081…"'),
    parameter("header", "If-Modified-Since", {"type": "string"}, "As If-None-Match, by date."),
    parameter("header", "If-Range", {"type": "string"}, "Range counts only if the file still has this ETag or date."),
    parameter("header", "If-Match", {"type": "string"}, "The answer is 412 unless the file has this ETag."),
)
