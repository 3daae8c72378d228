"""Content-Digest and Repr-Digest (RFC 9530): what clients announce, checked against what arrived."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

from holdall.errors import DigestMismatch, Malformed

ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""The two that RFC 9530 calls active. Others are ignored, as section 2 of it asks."""
_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?:;[^,]*)?\s*")


def parse_digests(header: str) -> dict[str, bytes]:
    """The digests of a field value (a dictionary of byte sequences, RFC 8941), unknown algorithms left out.

    Raises:
        Malformed: it is no such dictionary.

    """
    found: dict[str, bytes] = {}
    for member in filter(str.strip, header.split(",")):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise Malformed("header", "a digest field is not a dictionary of byte sequences (RFC 9530)")
        try:
            found[match[1]] = base64.b64decode(match[2], validate=True)
        except binascii.Error as error:
            raise Malformed("header", "a digest is not base64") from error
    return {algorithm: digest for algorithm, digest in found.items() if algorithm in ALGORITHMS}


def check_digests(announced: Mapping[str, bytes], *candidates: Mapping[str, bytes]) -> None:
    """Demand that every announced digest is that of one of the candidates (the body, or its one file).

    Raises:
        DigestMismatch: for the first that is not.

    """
    for algorithm, digest in announced.items():
        if not any(candidate.get(algorithm) == digest for candidate in candidates):
            raise DigestMismatch(algorithm)


def digest_field(sha256: str) -> str:
    """A field value that announces this hex SHA-256."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
