"""URLs that an S3-compatible store takes for a request of ours: AWS Signature Version 4, in the query.

Whoever has such a URL may do the one thing that it says, until it is too old. The client library signs too, but leaves
no word in on what the store's answer should say, nor on requests other than for objects; so we sign by ourselves.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import SplitResult, quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"
_PORTS = {"http": 80, "https": 443}
_UNRESERVED = "-._~"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one bucket at one endpoint, whose host the signature covers.

    The bucket is named in the path; an empty one is named by the host.
    """

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)

    def sign(self, method: str, key: str, asked: Mapping[str, str], now: datetime, seconds: int) -> str:
        """The URL of a request for the object ``key``, or (``""``) the bucket; good for ``seconds`` from ``now`` (UTC).

        ``asked`` is the query, which nobody can change then.
        """
        parts = urlsplit(self.endpoint)
        path = "/".join(("", *filter(None, (parts.path.strip("/"), self.bucket, key))))
        host = _host(parts)
        stamp, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        scope = f"{day}/{self.region}/{_SERVICE}/aws4_request"
        query = _query(
            {
                **asked,
                "X-Amz-Algorithm": _ALGORITHM,
                "X-Amz-Credential": f"{self.access_key}/{scope}",
                "X-Amz-Date": stamp,
                "X-Amz-Expires": str(seconds),
                "X-Amz-SignedHeaders": "host",
            }
        )
        spelled = quote(path, safe=f"/{_UNRESERVED}")
        request = f"{method}\n{spelled}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.new(self._key(day), to_sign.encode(), hashlib.sha256).hexdigest()
        return f"{parts.scheme}://{host}{spelled}?{query}&X-Amz-Signature={signature}"

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for step in (day, self.region, _SERVICE, "aws4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return key


def _host(parts: SplitResult) -> str:
    """As clients tell it: without a port that goes without saying."""
    is_usual = parts.port == _PORTS.get(parts.scheme)
    return parts.netloc.rpartition(":")[0] if is_usual else parts.netloc


def _query(asked: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in asked.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
