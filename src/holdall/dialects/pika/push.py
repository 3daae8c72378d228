"""What Pika has and Holdall has none of: push notifications, and readers of receipts.

Its front-end asks on every page whether there are any (contract pika, section 10), and is told the truth in the forms
that it knows. What would turn them on, or use them, is refused.
"""

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika.asking import MAX_NUMBER, caller, counted
from holdall.domain.access import Scope
from holdall.domain.access_log import Action
from holdall.errors import Missing, NotEnabled
from holdall.flows.access import holding
from holdall.web.dialect import Handler, json_response

NOTIFICATIONS_IN_A_PAGE, MOST_IN_A_PAGE = 20, 100
STATUS = {"enabled": False, "has_subscription": False, "can_receive": False}
NO_KEY = {"public_key": "", "web_push_ready": False}


async def get_status(request: Request) -> Response:
    """Push is off, and this device has no subscription."""
    await caller(request, holding(Scope.READ))
    return json_response(STATUS)


async def get_key(request: Request) -> Response:
    """There is no key to subscribe with."""
    await caller(request, holding(Scope.READ))
    return json_response(NO_KEY)


async def list_notifications(request: Request) -> Response:
    """A page of none."""
    await caller(request, holding(Scope.READ))
    page = counted(request, "page", MAX_NUMBER) or 1
    per_page = counted(request, "per_page", MOST_IN_A_PAGE) or NOTIFICATIONS_IN_A_PAGE
    return json_response(no_notifications(page, per_page))


def no_notifications(page: int, per_page: int) -> dict[str, object]:
    """What ``list_notifications`` says."""
    counts = {"page": page, "per_page": per_page, "total": 0, "total_pages": 0, "unread_count": 0}
    return {"notifications": [], "pagination": counts}


async def no_push(request: Request) -> Response:
    """Nobody subscribes to what nobody sends."""
    await caller(request, holding(Scope.WRITE))
    raise NotEnabled("push")


async def no_notification(request: Request) -> Response:
    """Of no id is there a notification."""
    await caller(request, holding(Scope.WRITE))
    raise Missing("notification", request.path_params["id"])


async def no_ai(request: Request) -> Response:
    """Nothing is read out of a text or a receipt. The body is not looked at."""
    await caller(request, holding(Scope.WRITE))
    raise NotEnabled("ai")


ROUTES: tuple[tuple[str, str, Handler, Action], ...] = (
    ("GET", "/push/status", get_status, Action.VIEW),
    ("GET", "/push/vapid-key", get_key, Action.VIEW),
    ("GET", "/push/notifications", list_notifications, Action.VIEW),
    ("PUT", "/push/notifications/{id}", no_notification, Action.CHANGE),
    ("DELETE", "/push/notifications/{id}", no_notification, Action.CHANGE),
    *(("POST", f"/push/{what}", no_push, Action.CHANGE) for what in ("subscribe", "unsubscribe", "enable", "disable")),
    *(("POST", f"/ai/{what}-to-transaction", no_ai, Action.CHANGE) for what in ("text", "receipt")),
)
"""Method, path and handler of each, and what the access log calls it."""
