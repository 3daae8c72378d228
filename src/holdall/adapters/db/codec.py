"""JSON for JSON columns, in the form that both drivers want."""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
decode = msgspec.json.Decoder().decode


def encode(value: object) -> str:
    """Write JSON as text."""
    return _encoder.encode(value).decode()


JSON_OPTIONS: dict[str, Any] = {"json_serializer": encode, "json_deserializer": decode}
"""For ``create_engine``."""
