"""Answers that are left to a proxy: which of them, under which name, and how everything else passes unchanged."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdall.bootstrap import open_edge
from holdall.settings import Settings, SettingsError
from holdall.web.handover import EXTENSION, PATHSEND, Handover, may_be_path, parse_send_file

ROOT = Path("/srv/holdall/blobs")
HANDOVER = Handover("/_blobs", ROOT)
PROXY = HANDOVER.offer({"extensions": {}})["extensions"]
HEAD = {"type": "http.response.start", "headers": [(b"content-length", b"7"), (b"accept-ranges", b"bytes")]}


def sent(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []

    async def story() -> None:
        async def send(message: Any) -> None:
            told.append(message)

        taking = HANDOVER.taking(send)
        for message in messages:
            await taking(message)

    asyncio.run(story())
    return told


@pytest.mark.parametrize(("status", "kept"), [(200, []), (206, [(b"accept-ranges", b"bytes")])])
def test_a_path_becomes_a_name_and_no_body(status: int, kept: list[tuple[bytes, bytes]]):
    head, body = sent(HEAD | {"status": status}, {"type": PATHSEND, "path": f"{ROOT}/ab/abcd"})

    named = [(b"content-length", b"0"), (b"x-accel-redirect", b"/_blobs/ab/abcd")]
    assert head == {"type": "http.response.start", "status": status, "headers": kept + named}
    assert body == {"type": "http.response.body"}


def test_what_is_no_path_passes_as_it_is():
    bodies = [{"type": "http.response.body", "body": b"abc", "more_body": more} for more in (True, False)]
    assert sent(HEAD | {"status": 200}, *bodies) == [HEAD | {"status": 200}, *bodies]


def test_a_path_elsewhere_is_never_named():
    with pytest.raises(ValueError, match="secret"):
        sent(HEAD | {"status": 200}, {"type": PATHSEND, "path": "/srv/holdall/secret.key"})


@pytest.mark.parametrize(
    ("conditions", "is_whole", "expected"),
    [
        ({}, True, True),
        ({b"range": "bytes=0-5"}, False, True),
        ({b"range": "bytes=0-5"}, True, False),
        ({b"range": "bytes=0-5,9-10"}, False, False),
        ({b"range": "bytes= 0-5"}, False, False),
        ({b"range": "bytes=-"}, False, False),
        ({b"range": "bytes=0-5", b"if-range": '"x"'}, False, False),
        ({b"if-none-match": '"x"'}, True, False),
    ],
)
def test_a_proxy_gets_what_can_be_read_in_one_way(conditions: dict[bytes, str], is_whole: bool, expected: bool):
    assert may_be_path(PROXY, conditions, is_whole=is_whole) is expected


def test_the_server_that_we_run_in_gets_what_is_whole():
    alone = {PATHSEND: {}}
    assert may_be_path(alone, {b"if-none-match": '"x"'}, is_whole=True)
    assert not may_be_path(alone, {b"range": "bytes=0-5"}, is_whole=False)
    assert not may_be_path({}, {}, is_whole=True)


def test_the_offer_adds_to_what_the_server_can():
    scope = {"type": "http", "extensions": {"other": {}}}
    assert set(HANDOVER.offer(scope)["extensions"]) == {"other", PATHSEND, EXTENSION}
    assert scope["extensions"] == {"other": {}}


def test_the_setting():
    assert parse_send_file("", ROOT) is None
    assert parse_send_file("x-accel:/_blobs/v1", ROOT) == Handover("/_blobs/v1", ROOT)


@pytest.mark.parametrize("text", ["x-accel:", "x-accel:/", "x-accel:/a/", "x-accel:/a b", "x-sendfile:/a", "/a"])
def test_a_setting_that_is_none(text: str):
    with pytest.raises(ValueError, match="x-accel:/prefix"):
        parse_send_file(text, ROOT)


@pytest.mark.parametrize("given", [{"trusted_proxies": ""}, {"trusted_proxies": "127.0.0.1", "send_file": "/x"}])
def test_no_start_without_proxies_to_leave_files_to(tmp_path: Path, given: dict[str, str]):
    """A stranger would be told where files lie, and get none."""

    async def story() -> None:
        async with open_edge(Settings(data_dir=str(tmp_path), **({"send_file": "x-accel:/_blobs"} | given))):
            pass

    with pytest.raises(SettingsError, match="HOLDALL_SEND_FILE"):
        asyncio.run(story())
