"""What users chose for themselves, and what an installation remembers of itself."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.prepared import Prepared
from holdall.adapters.db.tables import installation, preferences
from holdall.domain.access import User
from holdall.domain.preferences import DEFAULTS, KindPreference, Preferences, UploadPreferences

_OF = Prepared(select(preferences.c.chosen).where(preferences.c.user_id == bindparam("of_user")))
# PostgreSQL's insert compiles for SQLite as well: both spell ON CONFLICT the same.
_BEGIN = insert_or_not(preferences).on_conflict_do_nothing(index_elements=[preferences.c.user_id])
_HOLD = select(preferences.c.chosen).where(preferences.c.user_id == bindparam("of_user")).with_for_update()
_KEEP = update(preferences).where(preferences.c.user_id == bindparam("of_user")).values(chosen=bindparam("to_chosen"))
_REMEMBER = insert_or_not(installation).on_conflict_do_nothing(index_elements=[installation.c.name])
_RECALL = select(installation.c.value).where(installation.c.name == bindparam("of_name"))


class SqlPreferences:
    """``ports.PreferenceBook`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, user: User) -> Preferences:
        """What this user chose."""
        row = _OF.row(self._connection, {"of_user": user.number})
        return DEFAULTS if row is None else _preferences(row[0])

    def hold(self, user: User) -> Preferences:
        """As ``of``, and nobody else changes it before this transaction is over."""
        self._connection.execute(_BEGIN, {"user_id": user.number, "chosen": {}})
        return _preferences(self._connection.scalar(_HOLD, {"of_user": user.number}) or {})

    def keep(self, user: User, chosen: Preferences) -> None:
        """Keep what was held, as it is now."""
        self._connection.execute(_KEEP, {"of_user": user.number, "to_chosen": _columns(chosen)})

    def remember(self, name: str, value: str) -> str:
        """What the installation remembers under this name: the first value that it was ever given."""
        self._connection.execute(_REMEMBER, {"name": name, "value": value})
        return str(self._connection.scalar(_RECALL, {"of_name": name}))


def _preferences(chosen: Mapping[str, Any]) -> Preferences:
    uploads = chosen.get("uploads", {})
    return Preferences(
        currency=chosen.get("currency", DEFAULTS.currency),
        timezone=chosen.get("timezone", DEFAULTS.timezone),
        sealed_key=chosen.get("key", ""),
        uploads=UploadPreferences(
            kinds={name: _kind(one) for name, one in uploads.get("kinds", {}).items()},
            quality=uploads.get("quality"),
            keeps_originals=uploads.get("originals", DEFAULTS.uploads.keeps_originals),
            strips_metadata=uploads.get("strips", DEFAULTS.uploads.strips_metadata),
        ),
    )


def _kind(chosen: Mapping[str, Any]) -> KindPreference:
    return KindPreference(tuple(chosen.get("types", ())), chosen.get("max_bytes"))


def _columns(chosen: Preferences) -> dict[str, Any]:
    """Only what is not as everybody has it, so that a default can change for those who never chose."""
    uploads, usual = chosen.uploads, DEFAULTS.uploads
    kinds = {name: _kind_columns(one) for name, one in uploads.kinds.items()}
    return _given(
        {
            "currency": chosen.currency if chosen.currency != DEFAULTS.currency else None,
            "timezone": chosen.timezone if chosen.timezone != DEFAULTS.timezone else None,
            "key": chosen.sealed_key or None,
            "uploads": _given(
                {
                    "kinds": _given(kinds),
                    "quality": uploads.quality,
                    "originals": uploads.keeps_originals if uploads.keeps_originals != usual.keeps_originals else None,
                    "strips": uploads.strips_metadata if uploads.strips_metadata != usual.strips_metadata else None,
                }
            ),
        }
    )


def _kind_columns(one: KindPreference) -> dict[str, Any]:
    return _given({"types": list(one.types), "max_bytes": one.max_bytes})


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, {}, [])}
