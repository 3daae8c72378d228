"""Values that JSON, paths and queries can hold and nobody expects: never a fault of ours, always JSON."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import RunningServer

BIKA, PIKA = "/api/openapi/bika", "/wp-json/pika/v1"
VALUES = [
    *('"\\ud800"', '"\\u0000"', '""', f'"{"x" * 200_000}"', "null", "true", "[]", "{}", "[[[[]]]]", "NaN", "-0", "0.1"),
    *("1e400", "-1e400", "123456789012345678901234567890", "[null]", "[{}]", '[{"id":null}]', '[{"id":"\\ud800"}]'),
    *('[{"id":"att\\u0000"}]', '[{"id":"x","name":5}]', '{"a":{"b":[1,2,{"c":"\\ud83d"}]}}'),
]
FIELDS = ["Name", "Stage", "Score", "Images", "Files", "", "\\ud800", "\\u0000", "x" * 3000]
SEGMENTS = ["%00", "%ff", "%ed%a0%80", "..%2f..%2fetc", "a" * 3000, "%E2%80%AE", "'", '"', "%0d%0a"]


class Caller:
    """Both dialects of one server, called without care."""

    def __init__(self, server: RunningServer) -> None:
        ids = server.demo["bika"]
        self.record_id = ids["record_id"]
        self.space = f"/spaces/{ids['space_id']}"
        self.records = f"{self.space}/resources/databases/{ids['database_id']}/records"
        self._bearer = {"Authorization": f"Bearer {ids['token']}", "Content-Type": "application/json"}
        self._cookie = {"Cookie": f"pika_token={server.demo['pika'][0]['cookie']}"}
        self.http = httpx.Client(base_url=server.base_url, timeout=20)

    def bika(self, method: str, path: str, body: str = "") -> None:
        self._check(self.http.request(method, BIKA + path, content=body.encode(), headers=self._bearer))

    def other(self, method: str, path: str, body: str = "") -> None:
        self._check(self.http.request(method, path, content=body.encode(), headers=self._cookie))

    @staticmethod
    def _check(answer: httpx.Response) -> None:
        assert answer.status_code < 500, (answer.request.url, answer.text[:300])
        assert answer.json() is not None


@pytest.fixture(scope="module")
def caller(server: RunningServer) -> Iterator[Caller]:
    made = Caller(server)
    yield made
    made.http.close()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field[:10])
def test_any_value_in_any_field_is_taken_or_refused(caller: Caller, field: str):
    """In both versions."""
    for value in VALUES:
        caller.bika("PATCH", f"/v1{caller.records}", f'{{"id":"{caller.record_id}","cells":{{"{field}":{value}}}}}')
        caller.bika("POST", f"/v2{caller.records}", f'{{"records":[{{"fields":{{"{field}":{value}}}}}]}}')


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:12])
def test_any_value_in_any_place_of_a_body_is_taken_or_refused(caller: Caller, value: str):
    """Where an id, an object or a list is expected."""
    caller.bika("PATCH", f"/v1{caller.records}", f'{{"id":{value},"cells":{{}}}}')
    caller.bika("PATCH", f"/v1{caller.records}", f'{{"id":"x","cells":{value}}}')
    caller.bika("POST", f"/v1{caller.records}", f'{{"cells":{value}}}')
    caller.bika("POST", f"/v1{caller.records}", value)
    caller.bika("POST", f"/v2{caller.records}", f'{{"records":{value}}}')
    caller.bika("POST", f"/v2{caller.records}", f'{{"fieldKey":{value},"records":[{{"fields":{{}}}}]}}')
    caller.other("POST", f"{PIKA}/auth/login", value)
    for name in ("user_login", "password"):
        caller.other("POST", f"{PIKA}/auth/login", f'{{"user_login":"mira","password":"x","{name}":{value}}}')


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment[:10])
def test_anything_in_a_path_or_a_query_is_found_or_not(caller: Caller, segment: str):
    """By every route that takes an id, a name or a cursor."""
    caller.bika("GET", f"/v1/spaces/{segment}")
    caller.bika("GET", f"/v1{caller.space}/nodes/{segment}")
    caller.bika("GET", f"/v2{caller.records}/{segment}")
    caller.bika("GET", f"/v2{caller.records}?offset={segment}")
    caller.bika("GET", f"/v2{caller.records}?fieldKey={segment}&cellFormat={segment}&maxRecords={segment}")
    caller.bika("GET", f"/v1{caller.records}?fields={segment}&pageSize=1")
    caller.other("GET", f"/files/{segment}?e={segment}&s={segment}")
    caller.other("GET", f"/wp-content/uploads/pika/{segment}")
    caller.other("POST", f"{PIKA}/upload/{segment}")


def test_a_page_beyond_the_last_is_empty(caller: Caller):
    """However far beyond."""
    caller.bika("GET", f"/v1{caller.records}?pageNum=999999999&pageSize=1000")
