"""JSON for JSON columns, and what else both engines are told alike."""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
decode = msgspec.json.Decoder().decode


def encode(value: object) -> str:
    """Write JSON as text."""
    return _encoder.encode(value).decode()


ENGINE_OPTIONS: dict[str, Any] = {
    "json_serializer": encode,
    "json_deserializer": decode,
    # An error's text goes to the log, where names and cells of our users have no business.
    "hide_parameters": True,
}
"""For ``create_engine``."""
