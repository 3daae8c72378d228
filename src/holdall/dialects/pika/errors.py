"""Pika's failures: ``{code, message, data: {status}}`` with the documented codes and texts (contract pika, 1.1, 3.2).

Where a documented code covers several causes, ``data.detail`` says which it was; clients that read only ``code``
and ``message`` see what they always saw.
"""

import math
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from holdall import errors
from holdall.dialects.pika import cookie
from holdall.domain.findings import FINDINGS
from holdall.web.dialect import json_response

MIB = 1 << 20
_EXTENSION_ORDER = ("jpg", "jpeg", "png", "gif", "svg", "webp", "pdf", "doc", "docx", "txt")
_MIME_ORDER = ("image/png", "image/jpeg", "image/gif", "image/svg+xml", "image/webp")
_CHOICES = {
    "type": ("invalid_type", "File type not allowed. Allowed file types are: {}."),
    "attachmentType": ("invalid_attachment_type", "Attachment type not allowed. Allowed attachment types are: {}."),
    "size": ("invalid_size", "Size not available. Available sizes are: {}."),
    "crop": ("invalid_size", "Size not available. Available sizes are: {}."),
    "deleted": ("invalid_request", "Invalid request."),
    "entityType": ("invalid_entity_type", "Entity type not allowed. Allowed entity types are: {}."),
}
_BOOKS = {
    "invalid_person_name": (400, "invalid_name", "Invalid person name"),
    "invalid_email": (400, "invalid_email", "Invalid email"),
    "invalid_avatar": (400, "invalid_avatar", "Invalid avatar id"),
    "person_already_exists": (400, "person_already_exists", "Person with same name and email already exists"),
    "person_has_transactions": (
        400,
        "person_has_transactions",
        "Person has transactions. Please delete the transactions first.",
    ),
    "invalid_name": (400, "invalid_name", "Invalid name."),
    "invalid_icon": (400, "invalid_icon", "Invalid icon."),
    "invalid_color": (400, "invalid_color", "Invalid color. Use hex format like #000000."),
    "invalid_bg_color": (400, "invalid_bg_color", "Invalid background color. Use hex format like #000000."),
    "account_name_not_unique": (400, "account_name_not_unique", "Account with this name already exists"),
    "invalid_avatar_id": (400, "invalid_avatar_id", "Invalid avatar id"),
    "account_has_transactions": (
        400,
        "account_has_transactions",
        "Account has transactions. Please delete the transactions first.",
    ),
    "invalid_title": (400, "invalid_title", "Invalid title"),
    "invalid_amount": (400, "invalid_amount", "Invalid amount, must be greater than 0"),
    "invalid_date": (400, "invalid_date", "Invalid date"),
    "invalid_type": (400, "invalid_type", 'Invalid type, must be "income", "expense" or "transfer"'),
    "invalid_category_id": (400, "invalid_category_id", "Invalid category id"),
    "invalid_account_id": (400, "invalid_account_id", "Invalid account id"),
    "invalid_person_id": (400, "invalid_person_id", "Invalid person id"),
    "invalid_to_account_id": (400, "invalid_to_account_id", "Invalid to account id"),
    "invalid_tags": (400, "invalid_tags", "Invalid tags"),
    "invalid_attachments": (400, "invalid_attachments", "Invalid attachments"),
    "invalid_category_name": (400, "invalid_name", "Invalid category name."),
    "invalid_parent_category": (400, "invalid_parent_category", "Invalid parent category."),
    "category_name_not_unique": (400, "category_name_not_unique", "Category with this name already exists"),
    "category_has_children": (
        400,
        "category_has_children",
        "Category has child categories. Please delete the child categories first.",
    ),
    "category_has_transactions": (
        400,
        "category_has_transactions",
        "Category has transactions. Please delete the transactions first.",
    ),
    "invalid_tag_name": (400, "invalid_name", "Invalid tag name."),
    "tag_name_not_unique": (400, "tag_name_not_unique", "Tag with this name already exists"),
    "unauthorized": (401, "unauthorized", "Unauthorized access."),
    "no_update": (400, "no_update", "Nothing to update."),
    "rest_forbidden": (403, "rest_forbidden", "Sorry, you are not allowed to do that."),
}
"""What books refuse: status, code and text by the rule that was broken."""
_FEATURES = {"push": "Push notifications are", "ai": "AI is"}
_MISSING = {
    "person": ("person_not_found", "Person not found"),
    "account": ("account_not_found", "Account not found"),
    "transaction": ("not_found", "Transaction not found"),
    "category": ("category_not_found", "Category not found."),
    "tag": ("tag_not_found", "Tag not found."),
    "upload": ("upload_not_found", "Upload not found."),
    "variant": ("upload_not_found", "Upload not found."),
    "session": ("session_not_found", "Session not found"),
    "route": ("rest_no_route", "No route was found matching the URL and request method."),
}


def render(error: errors.HoldallError, request: Request) -> Response:
    """The answer for any error of the tree."""
    status, code, message, detail = describe(error)
    data: dict[str, object] = {"status": status}
    if detail:
        data["detail"] = detail
    if code == "rest_invalid_json":
        data |= {"json_error_code": 4, "json_error_message": "Syntax error"}
    response = json_response({"code": code, "message": message, "data": data}, status, _headers(error))
    if isinstance(error, errors.Unauthenticated) and cookie.is_sent(request):
        cookie.clear(response)
    return response


def said(status: int, code: str, message: str) -> Response:
    """One of the answers that a single call gives, and that no error stands for."""
    return json_response({"code": code, "message": message, "data": {"status": status}}, status)


def _headers(error: errors.HoldallError) -> dict[str, str]:
    match error:
        case errors.RateLimited(retry_after_seconds=seconds) | errors.Conflict(retry_after_seconds=seconds):
            return {"Retry-After": str(max(1, math.ceil(seconds)))}
        case errors.Unavailable():
            return {"Retry-After": "5"}
        case _:
            return {}


def describe(error: errors.HoldallError) -> tuple[int, str, str, str]:
    """Status, code, message, detail."""
    match error:
        case errors.ChoiceRefused(parameter=parameter, allowed=allowed) if parameter in _CHOICES:
            code, text = _CHOICES[parameter]
            return 400, code, text.format(", ".join(allowed)), ""
        case errors.BookRefused(code=rule, detail=detail) if rule in _BOOKS:
            return *_BOOKS[rule], detail
        case errors.FileMissing() | errors.TooManyFiles():
            return 400, "invalid_file", "File missing you request.", _detail(error)
        case errors.TypeRefused(kind=kind, allowed=allowed):
            listed = _listed(allowed, _EXTENSION_ORDER)
            text = f"{kind.capitalize()} type not allowed. Allowed {kind} types are: {listed}."
            return 400, f"invalid_{kind}_type", text, ""
        case errors.ContentRefused(kind=kind, allowed=allowed):
            listed = _listed(allowed, _MIME_ORDER)
            text = f"{kind.capitalize()} mime type not allowed. Allowed {kind} mime types are: {listed}."
            return 400, f"invalid_{kind}_mime_type", text, _detail(error)
        case errors.TooLarge(max_bytes=max_bytes):
            return 400, "file_size_exceeded", f"File size exceeded, max file size is {size_text(max_bytes)}.", ""
        case errors.NotEnabled(feature=feature):
            return 400, f"{feature}_not_enabled", f"{_FEATURES[feature]} not enabled on this server.", ""
        case errors.SettingUnknown():
            return 400, "invalid_key", "Invalid key.", _detail(error)
        case errors.SettingRefused():
            return 400, "invalid_value", "Invalid value.", _detail(error)
        case errors.Malformed(part="json"):
            return 400, "rest_invalid_json", "Invalid JSON body passed.", ""
        case errors.Malformed(part="query" | "settings"):
            return 400, "invalid_request", "Invalid request.", _detail(error)
        case errors.HeadersTooLarge():
            return 431, "invalid_request", "Invalid request.", _detail(error)
        case errors.KeyReused():
            return 422, "idempotency_key_reused", "This Idempotency-Key was used with another request.", ""
        case errors.Unauthenticated():
            return 401, "unauthorized", "Unauthorized access.", ""
        case errors.OriginRefused():
            return 403, "rest_forbidden", "Sorry, you are not allowed to do that.", _detail(error)
        case errors.Forbidden() | errors.ReadOnly() | errors.QuotaExceeded():
            return 403, "upload_not_allowed", "Upload not allowed.", _detail(error)
        case errors.RateLimited():
            return 429, "too_many_requests", "Too many requests.", ""
        case errors.BytesLost():
            text = "The file's bytes are lost. Whoever has the file can upload it again, and all is as it was."
            return 410, "file_lost", "File lost.", text
        case errors.Missing(thing=thing):
            return 404, *_MISSING.get(thing, ("not_found", "Resource not found.")), ""
        case errors.Conflict(reason=reason):
            return 409, "conflict", "The request clashes with one that is not finished.", reason
        case errors.TooSlow():
            return 408, "upload_failed", "Upload failed.", _detail(error)
        case errors.StorageFull():
            return 507, "upload_failed", "Upload failed.", "The server has no room left for files."
        case errors.DatabaseUnavailable():
            return 503, "db_error", "Database error.", ""
        case errors.LimitsUnavailable():
            return 503, "unavailable", "This is not possible at the moment. Please try again.", ""
        case errors.Unavailable():
            return 503, "upload_failed", "Upload failed.", "The server could not do this now; try again later."
        case errors.Rejected():
            return 400, "upload_failed", "Upload failed.", _detail(error)
        case _:
            return 400, "invalid_request", "Invalid request.", ""


def _detail(error: errors.HoldallError) -> str:
    """What a documented text does not say: the cause, in a sentence."""
    match error:
        case errors.TooManyFiles(allowed=allowed):
            return f"At most {allowed} files in one request."
        case errors.FileMissing(field=field):
            return f"The form has no file part called {field} with a file name."
        case errors.ContentCorrupt(detected=detected, reason=reason):
            return f"The file begins like {detected} and does not read as one: {reason}."
        case errors.FindingRefused(detected=detected, finding=finding):
            return f"The file reads as {detected} and is not taken, since {FINDINGS.get(finding, finding)} ({finding})."
        case errors.ImageTooLarge(reason=reason):
            return f"The image is too large to be decoded: {reason}."
        case errors.ContentRefused(detected=detected):
            return f"The file's content is {detected}, which is not what its name says."
        case errors.Infected(signature=signature):
            return f"The file matches the malware rule {signature} and was not kept."
        case errors.OriginRefused(origin=origin):
            return f"Pages of {origin} may not call with a visitor's cookie."
        case errors.QuotaExceeded(holder=holder, what=what, limit=limit):
            return f"No room is left: this {holder} may keep {limit} {what} at most."
        case errors.Malformed(part=part, reason=reason):
            return f"The request's {part} cannot be read: {reason}."
        case errors.HeadersTooLarge(max_bytes=max_bytes):
            return f"The request's headers are too large: at most {max_bytes} bytes together."
        case errors.SettingUnknown(key=key):
            return f"There is no setting {key[:50]!r}."
        case errors.SettingRefused(key=key, reason=reason):
            return f"{key}: {reason}."
        case errors.TooSlow():
            return "The body came too slowly."
        case errors.EncodingRefused(encoding=encoding):
            return f"Content-Encoding {encoding} is not read; send the body as it is."
        case errors.DigestMismatch(algorithm=algorithm):
            return f"The {algorithm} digest that was announced is not that of the bytes that arrived."
        case _:
            return ""


def size_text(count: int) -> str:
    """A limit as the documented text has it, ``5MB``, where it is that; else in whole KiB, or in bytes."""
    if count % MIB == 0:
        return f"{count // MIB}MB"
    return f"{count // 1024}KB" if count % 1024 == 0 else f"{count} bytes"


def _listed(allowed: Sequence[str], order: Sequence[str]) -> str:
    """The allowed values in the order that the documented texts have."""
    known = [value for value in order if value in allowed]
    return ", ".join(known + [value for value in allowed if value not in known])
