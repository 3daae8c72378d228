"""Rate limits in each dialect's own words."""

from pathlib import Path

import httpx

from holdall.adapters.limits import BUDGETS
from tests.support.server import running_server


def test_too_many_requests_are_told_in_each_dialect(tmp_path: Path):
    """429 with Retry-After; Bika's text has no word that makes its clients think of a quota."""
    uploads = int(BUDGETS["upload"].split("/")[0])
    with running_server(tmp_path / "data", HOLDALL_RATE_LIMIT="on") as server, httpx.Client() as http:
        assert "rate limits are off" not in server.log()
        ids, person = server.demo["bika"], server.demo["pika"][0]
        bearer = {"Authorization": f"Bearer {ids['token']}"}
        space = f"{server.base_url}/api/openapi/bika/v1/spaces/{ids['space_id']}/attachments"
        cookie = {"Cookie": f"pika_token={person['cookie']}"}
        avatar = f"{server.base_url}/wp-json/pika/v1/upload/avatar"

        bika = [http.post(space, headers=bearer) for _ in range(uploads + 1)][-1]
        pika = [http.post(avatar, headers=cookie) for _ in range(uploads + 1)][-1]

        assert (429, "Too many requests") == (bika.status_code, bika.json()["message"])
        assert (429, "too_many_requests") == (pika.status_code, pika.json()["code"])
        assert int(bika.headers["Retry-After"]) >= 1 <= int(pika.headers["Retry-After"])
