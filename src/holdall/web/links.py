"""Links to files: absolute, from the configured site address, and where asked for signed and expiring.

A signed link needs no header and opens one file (or one variant of it) only. Its expiry is rounded up to the next
quarter of the lifetime, so that a list read twice within it carries the same links and browsers may cache them.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote

from holdall.domain.files import Upload

SIGNED_PREFIX = "/files/"
PLAIN_RECIPE = ""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and checks the links of one installation."""

    site_url: str
    secret: bytes
    ttl_seconds: int

    def signed(self, upload: Upload, now: float, recipe: str = PLAIN_RECIPE) -> str:
        """A link to an upload, or to its variant of this recipe."""
        expires = self.expiry(now)
        tail = f"/{recipe}" if recipe else ""
        signature = self._sign(upload.path, recipe, expires)
        return f"{self.site_url}{SIGNED_PREFIX}{quote(upload.path)}{tail}?e={expires}&s={signature}"

    def expiry(self, now: float) -> int:
        """When a link that is made now ends: seconds since 1970."""
        grain = max(1, self.ttl_seconds // 4)
        return (int(now) // grain + 1) * grain + self.ttl_seconds

    def is_valid(self, path: str, recipe: str, expires: str, signature: str, now: float) -> bool:
        """Whether this link was made here for this very file and has not expired."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):  # noqa: PLR2004
            return False
        expected = self._sign(path, recipe, int(expires))
        return hmac.compare_digest(expected.encode(), signature.encode()) and now < int(expires)

    def _sign(self, path: str, recipe: str, expires: int) -> str:
        """128 bits of HMAC-SHA256 over everything that the link may open, and until when."""
        message = f"file\n{path}\n{recipe}\n{expires}".encode()
        digest = hmac.new(self.secret, message, hashlib.sha256).digest()[:16]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
