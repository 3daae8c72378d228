"""One request as the access log will tell of it: what the edge sees, and what the route says it was about.

A visit begins with the request and ends with the answer's last byte. Routes say what only they know (who called, which
files); status, error, bytes and route come by themselves, so that a refusal is told of wherever it was raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.types import Message, Scope, Send

from holdall.domain.access_log import Action, Event, Outcome, outcome_of
from holdall.domain.escaping import AGENT_LENGTH, one_line
from holdall.domain.files import Staged, Upload
from holdall.errors import HoldallError

if TYPE_CHECKING:
    from holdall.domain.access import Actor

HEADER = "X-Request-Id"
_HEADER = HEADER.lower().encode()
_KEY = "holdall.visit"
_MAX_ID_LENGTH = 40
_MAX_PATH_LENGTH = 200


@dataclass(frozen=True, slots=True)
class _Subject:
    """A file that the request was about."""

    action: Action | None = None
    """Where it is not that of the route."""
    upload: int | None = None
    space: int | None = None
    bytes: int | None = None
    """Where it is not the answer's."""
    detail: str = ""
    status: int = 0
    """Where the file's end was another than the answer's."""
    error: str = ""


_NOTHING = (_Subject(),)


class Visit:
    """What is known of one request so far. Harmless to write to from a database thread: each fact is one assignment."""

    __slots__ = (
        "_headers",
        "_path",
        "_sent",
        "_subjects",
        "action",
        "actor",
        "door",
        "error",
        "id",
        "route",
        "space",
        "space_id",
        "status",
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.door = self.route = self.error = self.space_id = self._path = ""
        self.status = self._sent = 0
        self.action: Action | None = None
        self.actor: Actor | None = None
        self.space: int | None = None
        self._subjects: Sequence[_Subject] = _NOTHING
        self._headers: Sequence[tuple[bytes, bytes]] = ()

    # ── what the edge sees ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def has_begun(self) -> bool:
        """Whether the answer is on its way, and cannot become another one."""
        return self.status != 0

    def arrive(self, scope: Scope, route: str, action: Action | None) -> None:
        """A route was found."""
        self.route, self.action = route, action
        asked = scope["path_params"].get("space_id")
        if asked is not None and len(asked) <= _MAX_ID_LENGTH and asked.isascii() and asked.isalnum():
            self.space_id = asked

    def fail(self, error: BaseException) -> None:
        """Something was raised; without a route, it was that there is none."""
        self.error = type(error).__name__
        self.action = self.action or Action.UNKNOWN

    def watching(self, send: Send) -> Send:
        """``send``, telling the request's id to the client and the answer's status and bytes to this visit."""

        async def watched(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.start":
                self.status, self._headers = message["status"], message["headers"]
                message = {**message, "headers": [*self._headers, (_HEADER, self.id.encode("ascii"))]}
            elif kind == "http.response.body":
                self._sent += len(message.get("body", b""))
            else:  # the server sends a whole file by itself
                self._sent += _announced(self._headers)
            await send(message)

        return watched

    # ── what the route says ──────────────────────────────────────────────────────────────────────────────────────

    def ask(self, path: str) -> None:
        """It asks for the file of this public name, whether there is one or not. The name is looked up, never shown."""
        if len(path) <= _MAX_PATH_LENGTH and path.isprintable():
            self._path = path

    def find(self, upload: Upload, recipe: str = "") -> None:
        """It is about this file, or about its variant of this recipe; both are there."""
        self._subjects = (_Subject(upload=upload.number, space=upload.space_id, detail=recipe),)

    def lead_elsewhere(self, length: int) -> None:
        """So many bytes of the file that it is about are left to the store to send."""
        self._subjects = [replace(subject, bytes=length) for subject in self._subjects]

    def bring(self, files: Sequence[Staged]) -> None:
        """It brings files; they may yet be refused."""
        if files:
            self._subjects = [_Subject(bytes=file.size, detail=one_line(file.client_name)) for file in files]

    def keep(self, uploads: Sequence[Upload]) -> None:
        """What it brought was taken in."""
        self._subjects = [
            _Subject(upload=upload.number, space=upload.space_id, bytes=upload.blob.size, detail=one_line(upload.name))
            for upload in uploads
        ]

    def turn_away(self, file: Staged, error: HoldallError, status: int) -> None:
        """It brought a file that was not taken in, and others that were; after ``keep``."""
        name, kind = one_line(file.client_name), type(error).__name__
        self._subjects = [*self._subjects, _Subject(bytes=file.size, detail=name, status=status, error=kind)]

    def tie(self, record_id: str, linked: Sequence[Upload], unlinked: Sequence[Upload] = ()) -> None:
        """It put files into cells of a record, and took others out."""
        ties = [*((Action.LINK, upload) for upload in linked), *((Action.UNLINK, upload) for upload in unlinked)]
        more = [_Subject(action, upload.number, upload.space_id, detail=record_id) for action, upload in ties]
        self._subjects = [
            *(each for each in self._subjects if each.upload is not None or each.error),
            *more,
        ] or _NOTHING

    # ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def sent(self) -> int:
        """Bytes of the answer's body so far."""
        return self._sent

    def refusals(self) -> list[str]:
        """Why it was refused or failed, and why each file was that was refused by itself; by class of error."""
        own = [self.error] if self.error else []
        return own + [subject.error for subject in self._subjects if subject.error]

    def events(self, scope: Scope, address: str, now: datetime) -> list[Event]:
        """One event for each file, or one for the request; none for what is no access (health, documentation)."""
        if self.action is None:
            return []
        outcome = outcome_of(self.status, self.error)
        sent = 0 if scope["method"] == "HEAD" else self._sent
        agent = agent_in(scope)
        return [self._event(subject, outcome, sent, address, agent, now) for subject in self._subjects]

    def _event(self, subject: _Subject, outcome: Outcome, sent: int, address: str, agent: str, now: datetime) -> Event:
        actor = self.actor
        if subject.error:
            outcome = outcome_of(subject.status, subject.error)
        return Event(
            now,
            self.id,
            subject.action or self.action or Action.UNKNOWN,
            outcome,
            subject.status or self.status,
            subject.error or self.error,
            self.door,
            self.route,
            address,
            agent,
            actor.user.number if actor else None,
            actor.token_id if actor else "",
            self.space if subject.space is None else subject.space,
            self.space_id,
            subject.upload,
            self._path,
            sent if subject.bytes is None else subject.bytes,
            subject.detail,
        )


def begin(scope: Scope, id: str) -> Visit:
    """The visit that begins with this request."""
    visit = Visit(id)
    scope[_KEY] = visit
    return visit


def visit_in(scope: Scope) -> Visit:
    """The visit that this scope belongs to."""
    return cast("Visit", scope[_KEY])


def visit_of(request: Request) -> Visit:
    """The visit that this request is."""
    return visit_in(request.scope)


def agent_in(scope: Scope) -> str:
    """What the caller says it is (User-Agent), fit for a log; ``""`` where it says nothing."""
    for name, value in scope["headers"]:
        if name == b"user-agent":
            return one_line(value.decode("latin-1"), AGENT_LENGTH)
    return ""


def _announced(headers: Sequence[tuple[bytes, bytes]]) -> int:
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
