"""What an operator changes for one space: taken up by a running server, behind both doors, and for nobody else."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.acceptance.doors import Answer, Door, check_refusal, doors, exchange
from tests.support import images
from tests.support.hostile import BAD_FILES
from tests.support.images import SECRET
from tests.support.server import Part, RunningServer, run_command, running_server

HEIC = Path(__file__).parents[1] / "support" / "heic"
IMAGE_FIELDS = (Part("entityType", b"transaction"), Part("attachmentType", b"image"))
SCRIPTED = BAD_FILES["a PDF that runs a script"].make()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("rules") / "data") as running:
        yield running


@pytest.fixture
def spaces(server: RunningServer) -> Iterator[dict[str, str]]:
    """The id of the space behind each door; afterwards they are as they were."""
    person = lines(run_command(server.env, "space", "list", server.demo["pika"][0]["user"]))
    [personal] = [line["space"] for line in person if line["personal"]]
    found = {"bika": server.demo["bika"]["space_id"], "pika-attachment": personal}
    yield found
    for space in found.values():
        policy(server, space, "--clear")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def policy(server: RunningServer, space: str, *options: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run_command(server.env, "space", "policy", space, *options))
    return told


def sent(server: RunningServer, door: Door, name: str, data: bytes) -> Answer:
    return exchange(server, door.post(door.form(Part("file", data, name))))


def other_tenant(server: RunningServer) -> Door:
    """The same door for the second tenant."""
    door, other = doors(server)["bika"], server.demo["bika_other"]
    path = door.path.replace(server.demo["bika"]["space_id"], other["space_id"])
    return replace(door, path=path, credential=f"Authorization: Bearer {other['token']}")


def test_a_finding_is_allowed_flagged_or_refused_by_the_space(server: RunningServer, spaces: dict[str, str]):
    """Both ways round: Bika's door flags a script in a PDF, and Pika's refuses it."""
    bika, pika = doors(server)["bika"], doors(server)["pika-attachment"]
    flagged = sent(server, bika, "a.pdf", SCRIPTED)
    assert flagged.json()["data"][0]["findings"] == ["pdf-javascript"]
    check_refusal("pika", sent(server, pika, "a.pdf", SCRIPTED), 400)

    assert policy(server, spaces["bika"], "--findings", "pdf-javascript=refuse") == {
        "findings": {"pdf-javascript": "refuse"},
        "images": [],
        "strip_location": "house",
    }
    policy(server, spaces["pika-attachment"], "--findings", "pdf-javascript=flag")

    refusal = sent(server, bika, "a.pdf", SCRIPTED)
    check_refusal("bika", refusal, 422)
    assert b"pdf-javascript" in refusal.body
    assert sent(server, pika, "a.pdf", SCRIPTED).json()["findings"] == ["pdf-javascript"]
    assert sent(server, other_tenant(server), "a.pdf", SCRIPTED).status == 200, "another space goes by the house"

    policy(server, spaces["bika"], "--findings", "")
    assert sent(server, bika, "a.pdf", SCRIPTED).status == 200
    policy(server, spaces["bika"], "--findings", "pdf-javascript=allow")
    other_file = sent(server, bika, "a.pdf", SCRIPTED + b"\n")
    assert other_file.json()["data"][0]["findings"] == []


def test_more_images_are_decoded_where_a_space_wants_them(server: RunningServer, spaces: dict[str, str]):
    bika, pika = doors(server)["bika"], doors(server)["pika-attachment"]
    whole = images.encoded(images.noise(50, 50), "AVIF")
    assert sent(server, bika, "a.avif", whole[:-20]).json()["data"][0]["thumbnailUrl"] == "", "kept unseen"
    check_refusal("pika", sent(server, pika, "a.avif", whole), 400)

    for space in spaces.values():
        assert policy(server, space, "--images", "avif, svg")["images"] == ["avif", "svg"]

    check_refusal("bika", sent(server, bika, "a.avif", whole[:-21]), 422)
    assert sent(server, bika, "a.avif", whole).json()["data"][0]["thumbnailUrl"]
    check_refusal("pika", sent(server, pika, "a.avif", whole[:-20]), 400)
    picture = Door("pika", pika.path, pika.credential, fields=IMAGE_FIELDS, file=pika.file)
    assert sent(server, picture, "a.avif", whole).status == 200
    assert sent(server, other_tenant(server), "a.avif", whole[:-22]).status == 200


def test_heic_is_bikas_alone(server: RunningServer, spaces: dict[str, str]):
    """Pika keeps pictures encoded anew, and nothing here encodes HEIC: its doors go on refusing it."""
    bika, pika = doors(server)["bika"], doors(server)["pika-attachment"]
    picture = Door("pika", pika.path, pika.credential, fields=IMAGE_FIELDS, file=pika.file)
    whole = (HEIC / "tiles.heic").read_bytes()
    refused = sent(server, picture, "a.heic", whole).json()
    for space in spaces.values():
        policy(server, space, "--images", "heic")

    check_refusal("bika", sent(server, bika, "a.heic", whole[:-1]), 422)
    [kept] = sent(server, bika, "a.heic", whole).json()["data"]
    assert Image.open(io.BytesIO(httpx.get(kept["thumbnailUrl"]).content)).size == (256, 170)
    assert Image.open(io.BytesIO(httpx.get(f"{kept['url']}&size=64").content)).size == (64, 43)
    got = httpx.get(kept["url"])
    assert got.content == whole
    assert got.headers["content-disposition"].startswith("attachment")
    assert sent(server, picture, "a.heic", whole).json() == refused
    assert sent(server, picture, "a.png", images.png()).status == 200


def test_places_are_hidden_where_a_space_wants_it(server: RunningServer, spaces: dict[str, str]):
    """At once, for links that are out already; and shown again, byte for byte."""
    data = images.telling("JPEG", images.corners(80, 40), orientation=6).removesuffix(b"PK\x03\x04" + SECRET)
    url = sent(server, doors(server)["bika"], "a.jpg", data).json()["data"][0]["url"]
    assert httpx.get(url).content == data

    policy(server, spaces["bika"], "--strip-location", "on")
    hidden = httpx.get(url)
    assert SECRET not in hidden.content
    assert Image.open(io.BytesIO(hidden.content)).size == (80, 40)
    assert httpx.get(url, headers={"If-None-Match": f'"sha256-{hashlib.sha256(data).hexdigest()}"'}).status_code == 200

    policy(server, spaces["bika"], "--strip-location", "house")
    assert httpx.get(url).content == data


def test_a_space_shows_its_places_in_a_house_that_hides_them(tmp_path: Path):
    data = images.telling("JPEG", images.corners(80, 40), orientation=6).removesuffix(b"PK\x03\x04" + SECRET)
    with running_server(tmp_path / "data", HOLDALL_STRIP_LOCATION="on") as server:
        space = server.demo["bika"]["space_id"]
        url = sent(server, doors(server)["bika"], "a.jpg", data).json()["data"][0]["url"]
        assert httpx.get(url).content != data
        policy(server, space, "--strip-location", "off")
        assert httpx.get(url).content == data
        policy(server, space, "--clear")
        assert httpx.get(url).content != data


def test_changes_are_on_record(server: RunningServer, spaces: dict[str, str]):
    policy(server, spaces["bika"], "--findings", "pdf-xfa=refuse")
    policy(server, spaces["bika"])

    acts = lines(run_command(server.env, "log", "audit", "--json"))
    [*_, act] = [act for act in acts if act["act"] == "space.rules"]
    assert act["subject"] == spaces["bika"]
    assert act["details"]["findings"] == {"pdf-xfa": "refuse"}
