"""What the page tells receivers to do works on what is really sent."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from holdall.domain.webhooks import signature, write_secret

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "webhooks.md"


def test_the_pages_python_takes_a_good_signature_and_no_other():
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    page: dict[str, Any] = {}
    exec(code, page)  # noqa: S102  our own page
    key, now, body = b"k" * 32, int(time.time()), b'{"id":"evt"}'

    def headers(timestamp: int) -> dict[str, str]:
        signed = signature(key, "evt", timestamp, body)
        return {"webhook-id": "evt", "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,x {signed}"}

    page["verify"](write_secret(key), headers(now), body)
    for secret, sent, received in (
        (write_secret(b"x" * 32), headers(now), body),
        (write_secret(key), headers(now), body + b" "),
        (write_secret(key), headers(now - 3600), body),
    ):
        with pytest.raises(ValueError, match=r"not signed|too old"):
            page["verify"](secret, sent, received)
