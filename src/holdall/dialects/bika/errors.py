"""Bika's failures: one envelope, the HTTP status as its code, and a message that says what to do."""

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall import errors
from holdall.dialects.bika import wire
from holdall.domain.findings import FINDINGS
from holdall.domain.structure import Removal, Report
from holdall.web.dialect import json_response

INVALID_CELL = 4031
"""The one code of Bika's that is no HTTP status; answered with 400 (contract bika, section 12)."""
_VALUE_LENGTH = 200
"""As much of a refused value as is worth repeating."""


def render(error: errors.HoldallError, _request: Request) -> Response:
    """The envelope for any error of the tree."""
    status, code, message = describe(error)
    headers: dict[str, str] = {}
    match error:
        case errors.RateLimited(retry_after_seconds=seconds) | errors.Conflict(retry_after_seconds=seconds) if seconds:
            headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        case errors.Unauthenticated():
            headers["WWW-Authenticate"] = 'Bearer realm="holdall"'
        case errors.Unavailable():
            headers["Retry-After"] = "5"
    body = {"success": False, "code": code, "message": message, "data": _data(error)}
    return json_response(body, status, headers)


def _data(error: errors.HoldallError) -> dict[str, Any]:
    """Of a change that was not made for what it would cost, what that is."""
    match error:
        case errors.LossRefused(report=Report() as report):
            return wire.report(report)
        case errors.LossRefused(report=Removal() as removal):
            return wire.removal(removal)
        case _:
            return {}


def describe(error: errors.HoldallError) -> tuple[int, int, str]:
    """HTTP status, code in the envelope, message."""
    match error:
        case errors.FieldUnknown(key=key):
            return 400, 400, f"Field {key} not found"
        case errors.CellRefused(field=field, value=value, reason=reason):
            shown = str(value)[:_VALUE_LENGTH]
            return 400, INVALID_CELL, f"The input value of field {field} is invalid: {shown} ({reason})"
        case _:
            status, message = _plain(error)
            return status, status, message


def _plain(error: errors.HoldallError) -> tuple[int, str]:
    match error:
        case errors.Malformed(part=part, reason=reason):
            return 400, f"The request's {part} cannot be read: {reason}"
        case errors.HeadersTooLarge(max_bytes=max_bytes):
            return 431, f"The request's headers are too large: at most {max_bytes} bytes together"
        case errors.TooSlow(seconds=seconds):
            return 408, f"The body came too slowly and was given up after {seconds:.0f} s"
        case errors.EncodingRefused(encoding=encoding):
            return 415, f"Content-Encoding {encoding} is not read; send the body as it is"
        case errors.ChoiceRefused(parameter=parameter, value=value, allowed=allowed):
            return 400, f"{parameter} is {value!r}; it can be {', '.join(allowed)}"
        case errors.FileMissing(field=field):
            return 400, f"The form has no file part called {field} with a file name"
        case errors.TooManyFiles(allowed=allowed):
            return 400, f"At most {allowed} files in one request"
        case errors.TooLarge(max_bytes=max_bytes):
            return 413, f"Too large: at most {max_bytes} bytes are taken"
        case errors.TypeRefused(extension=extension):
            return 415, f"Files ending in {extension!r} are not taken here"
        case errors.ContentCorrupt(detected=detected, reason=reason):
            return 422, f"The file begins like {detected} and does not read as one: {reason}"
        case errors.FindingRefused(detected=detected, finding=finding):
            reason = FINDINGS.get(finding, finding)
            return 422, f"The file reads as {detected} and is not taken, since {reason} ({finding})"
        case errors.ImageTooLarge(reason=reason):
            return 422, f"The image is too large to be decoded: {reason}"
        case errors.ContentRefused(detected=detected):
            return 415, f"The file's content is {detected}, which is not what its name says or not taken here"
        case errors.Infected(signature=signature):
            return 422, f"The file matches the malware rule {signature} and was not kept"
        case errors.DigestMismatch(algorithm=algorithm):
            return 400, f"The {algorithm} digest that was announced is not that of the bytes that arrived"
        case errors.StructureRefused(part=part, reason=reason):
            return 400, f"{part} cannot be taken: {reason}"
        case errors.LossRefused(report=Removal()):
            return 409, "There are nodes below it; nothing was deleted. recursive=true deletes them too"
        case errors.LossRefused():
            return 409, "Values would be lost, see data; nothing was changed. allowLoss=true changes it all the same"
        case errors.SettingUnknown(key=key):
            return 400, f"There is no setting {key[:_VALUE_LENGTH]!r}"
        case errors.SettingRefused(key=key, reason=reason):
            return 400, f"The setting {key} cannot have that value: {reason}"
        case errors.NotEnabled(feature=feature):
            return 400, f"{feature} is not enabled on this server"
        case errors.KeyReused():
            return 422, "This Idempotency-Key was used with another request"
        case errors.Stale(revision=revision):
            return 412, f"The record has changed since: it is at revision {revision} now; nothing was changed"
        case errors.Unauthenticated():
            return 401, "Unauthorized"
        case errors.Forbidden(needed=needed, lacking="role"):
            return 403, f"Forbidden: your role in this space does not let you {needed}"
        case errors.Forbidden(needed=needed):
            return 403, f"Forbidden: this token lacks the scope {needed}"
        case errors.ReadOnly(thing=thing, where=where):
            return 403, f"Forbidden: this {thing} is read-only here; change it through {where}, by which it came"
        case errors.OriginRefused(origin=origin):
            return 403, f"Forbidden: pages of {origin} may not call with a visitor's cookie"
        case errors.QuotaExceeded(holder=holder, what=what, limit=limit):
            return 507, f"No room: this {holder} may keep {limit} {what} at most; nothing was kept"
        case errors.RateLimited():
            return 429, "Too many requests"
        case errors.BytesLost():
            return 410, "The file's bytes are lost; whoever has the file can upload it again, and all is as it was"
        case errors.Missing(thing="record", id=id):
            return 404, f"Record not found: {id}"
        case errors.Missing(thing=thing, id=id):
            return 404, f"Not Found: {thing} {id}".rstrip()
        case errors.BookRefused(code=code):
            return 400, f"The books do not take it: {code}"
        case errors.Conflict(reason=reason):
            return 409, f"Conflict: {reason}"
        case errors.StorageFull():
            return 507, "The server has no room left for files; nothing was kept"
        case errors.NotScanned():
            return 503, "The malware scanner could not look at the file; it was not kept, try again later"
        case errors.Unavailable():
            return 503, "The server could not do this now; nothing was changed, try again later"
        case _:
            return 400, "The request was refused"
