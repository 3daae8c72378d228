"""What every door shares, for the OpenAPI documents: the headers of uploads and of files, and what goes wrong."""

from holdall.domain.policy import UploadPolicy
from holdall.errors import (
    ChoiceRefused,
    ContentCorrupt,
    ContentRefused,
    DatabaseUnavailable,
    DigestMismatch,
    EncodingRefused,
    FindingRefused,
    HeadersTooLarge,
    ImageTooLarge,
    Infected,
    InspectorUnavailable,
    Malformed,
    Missing,
    NotScanned,
    QuotaExceeded,
    StorageFull,
    StorageUnavailable,
    TooLarge,
    TooManyFiles,
    TooSlow,
    TypeRefused,
)
from holdall.flows.once import MAX_KEY_LENGTH
from holdall.web.dialect import HEADER_BYTES
from holdall.web.openapi import EXTENSION, FILE, Failures, Json, header, parameter
from holdall.web.sizes import SIZES

_DIGEST = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
_STALL_SECONDS = 20

UPLOAD_HEADERS = (
    parameter(
        "header",
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
        f"Makes a repeated request safe: the same key with the same fields and bytes answers as the first time and "
        f"keeps nothing twice, for a day. The same key with another request is refused. {EXTENSION}",
    ),
    parameter(
        "header",
        "Content-Digest",
        {"type": "string"},
        "RFC 9530, `sha-256` or `sha-512`: of the whole body or, where the form has one file, of that file. A part of "
        f"the form may carry it too. Bytes with another digest are refused. {EXTENSION}",
    ),
    parameter("header", "Repr-Digest", {"type": "string"}, f"As Content-Digest. {EXTENSION}"),
)


def reading_failures(max_bytes: int) -> Failures:
    """What can be wrong with any body, in JSON or not, before its content is looked at."""
    return {
        "a header that cannot be read": Malformed("header", "Content-Length is not a number"),
        "a body that breaks off": Malformed("body", "the client went away in mid-body"),
        "a body that comes too slowly": TooSlow(_STALL_SECONDS),
        "a compressed body": EncodingRefused("gzip"),
        "a body over the limit": TooLarge(max_bytes),
    }


def form_failures(max_files: int) -> Failures:
    """What can be wrong with a form, whatever its files are."""
    digests = "a digest field is not a dictionary of byte sequences (RFC 9530)"
    return {
        "no form, or one that is broken": Malformed("multipart", "the body must be multipart/form-data"),
        "a header that cannot be read": Malformed("header", digests),
        "a body that comes too slowly": TooSlow(_STALL_SECONDS),
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
        f"{said}: something in it that is not taken, such as macros": FindingRefused(
            said, kind.mimes[0], kind.mimes, finding="polyglot"
        ),
        f"{said}: over the limit": TooLarge(kind.max_bytes),
    }


def image_failures(policy: UploadPolicy) -> Failures:
    """As ``file_failures``, for what only images can have."""
    kind = policy.kind
    limit = policy.limits.max_pixels
    too_large = ImageTooLarge(kind.name, "image/png", kind.mimes, reason=f"30000 × 30000 pixels, at most {limit}")
    return {f"{kind.name}: more pixels or frames than are decoded": too_large}


KEEPING_FAILURES: Failures = {
    "a malware rule that matches": Infected("Eicar_Test_File"),
    "the scanner could not look at the file": NotScanned("the scanner did not answer"),
    "the inspector could not be started": InspectorUnavailable("no process"),
    "the store does not answer": StorageUnavailable("no answer"),
    "no room left for files": StorageFull("no space left"),
    "no room left in what the space may keep": QuotaExceeded("space", "bytes", 10 << 30),
    "no room left in what the user may keep": QuotaExceeded("user", "files", 10_000),
}
"""What can happen to a file that is fine so far."""

RENDITION_FAILURES: Failures = {
    "a size that is not offered": ChoiceRefused("size", "300", SIZES),
    "a file that has no renditions": Missing("variant", "256"),
    "too many renditions are being made": InspectorUnavailable("too many renditions are being made"),
}
"""What can happen to a rendition beside what can happen to its file."""

ANY_FAILURES: Failures = {
    "headers over 64 KB": HeadersTooLarge(HEADER_BYTES),
    "the database does not answer": DatabaseUnavailable("no answer"),
}
"""What can happen to any call."""


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
        "302": {
            "description": "Where the operator wants it: a large file is in the object store, at a URL that is good "
            "for a minute. No body.",
            "headers": {"Location": header("For this client, now."), "Cache-Control": header("", "private, no-store")},
        },
        "304": {"description": "The client has it already. No body.", "headers": headers},
        "412": {"description": "An If-Match or If-Unmodified-Since that does not hold. No body."},
        "416": {"description": "None of the ranges touches the file. No body.", "headers": size},
    }


FILE_HEADERS = (
    parameter(
        "query", "size", {"type": "string", "enum": list(SIZES)}, "A rendition fitted into this box; never enlarged."
    ),
    parameter("query", "crop", {"type": "string", "enum": list(SIZES)}, "As `size`, cropped to a square."),
    parameter("header", "Accept", {"type": "string"}, "Renditions come in WebP where this names `image/webp`."),
    parameter("header", "Range", {"type": "string"}, "Some of the bytes only, such as `bytes=0-1023`."),
    parameter("header", "If-None-Match", {"type": "string"}, "The ETag that the client has."),
    parameter("header", "If-Modified-Since", {"type": "string"}, "As If-None-Match, by date."),
    parameter("header", "If-Range", {"type": "string"}, "Range counts only if the file still has this ETag or date."),
    parameter("header", "If-Match", {"type": "string"}, "The answer is 412 unless the file has this ETag."),
    parameter("header", "If-Unmodified-Since", {"type": "string"}, "As If-Match, by date."),
)
