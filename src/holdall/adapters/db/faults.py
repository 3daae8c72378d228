"""What the drivers' errors mean to the rest of Holdall."""

import errno
import sqlite3

from sqlalchemy import exc

from holdall.errors import Conflict, DatabaseUnavailable, HoldallError, Malformed, StorageFull

_FULL_ON_POSTGRES = "53100"
_WORTH_ANOTHER_RUN = {"40001", "40P01"}
"""PostgreSQL gave up on us in favour of another transaction: a serialisation failure, a deadlock."""
_SQLITE_FULL = "SQLITE_FULL"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def translate(error: BaseException) -> BaseException:
    """Return what to raise in place of ``error``; it keeps the driver's error as its cause."""
    meaning = _meaning(error)
    if meaning is None:
        return error
    meaning.__cause__ = error
    return meaning


def is_worth_another_run(error: BaseException, *, may_be_lost: bool = True) -> bool:
    """Whether the same story may well succeed if it is run again at once, on another connection if this one is lost."""
    if not isinstance(error, exc.DBAPIError):
        return False
    return (may_be_lost and error.connection_invalidated) or _state(error.orig) in _WORTH_ANOTHER_RUN


def _meaning(error: BaseException) -> HoldallError | None:
    if isinstance(error, HoldallError):
        return None
    reason = f"{type(error).__name__}: {error}"
    if _is_full(error):
        return StorageFull(reason)
    if _is_unstorable(error):
        return Malformed("text", "not storable")
    match error:
        case exc.IntegrityError() | sqlite3.IntegrityError():
            return Conflict("clashes with what is kept")
        case exc.DBAPIError() | exc.TimeoutError() | sqlite3.Error() | OSError():
            return DatabaseUnavailable(reason)
    return None


def _is_unstorable(error: BaseException) -> bool:
    """Half a surrogate pair on either engine; on PostgreSQL, the character NUL and a number out of range too."""
    cause = error.orig if isinstance(error, exc.StatementError) else error
    return isinstance(error, exc.DataError) or isinstance(cause, UnicodeEncodeError)


def _is_full(error: BaseException) -> bool:
    driver = error.orig if isinstance(error, exc.DBAPIError) else error
    return (
        getattr(driver, "sqlite_errorname", None) == _SQLITE_FULL
        or _state(driver) == _FULL_ON_POSTGRES
        or getattr(driver, "errno", None) in _NO_ROOM
        or "database or disk is full" in str(driver)
    )


def _state(driver: BaseException | None) -> str | None:
    """Return PostgreSQL's five-letter name of what went wrong."""
    state: str | None = getattr(driver, "sqlstate", None)
    return state
