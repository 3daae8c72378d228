"""Pika's settings and app info, what they change at the doors, and what Pika has that Holdall has not (8, 9, 10)."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from PIL import Image

from holdall import __version__
from holdall.dialects.pika import cookie
from holdall.domain.access import TokenKind
from holdall.domain.policy import SpaceRules
from holdall.flows.accounts import add_user, mint
from holdall.flows.rules import change_space_rules
from holdall.ports import Ledger, Services
from tests.support import images
from tests.support.images import SECRET, gif, jpeg, png
from tests.support.inprocess import SITE, House, opened_house
from tests.support.rows import unique

PREFIX = "/wp-json/pika/v1"
MIB = 1 << 20
UPLOADS = {
    "avatar": {"types": ["jpg", "png", "gif", "webp"], "max_bytes": 5 * MIB},
    "image": {"types": ["jpg", "png", "gif", "webp"], "max_bytes": 5 * MIB},
    "document": {"types": ["pdf", "doc", "docx", "txt"], "max_bytes": 10 * MIB},
    "image_quality": 82,
    "keep_original": False,
    "strip_metadata": True,
}
DEFAULTS = {"currency": "INR", "gemini_api_key": "", "timezone": "Asia/Kolkata", "uploads": UPLOADS}


class Client:
    """Somebody who has just begun."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.login = unique("u").lower()
        self.user = house.tell(lambda services: add_user(services, self.login, f"{self.login}@example.test"))
        self.secret = house.tell(lambda services: mint(services, TokenKind.DEVICE, self.login, "phone")).secret
        value = cookie.value_of(cookie.Credential(self.login, self.secret))
        self.headers = {"Cookie": f"{cookie.NAME}={value}"}

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        more["headers"] = self.headers | more.get("headers", {})
        return self.house.request(method, path if path.startswith("http") else PREFIX + path, **more)

    def change(self, **settings: Any) -> httpx.Response:
        return self.ask("PUT", "/settings", json=settings)

    def prefer(self, **uploads: Any) -> dict[str, Any]:
        answer = self.change(uploads=uploads)
        assert answer.status_code == 200, answer.text
        preferred: dict[str, Any] = answer.json()["uploads"]
        return preferred

    @property
    def settings(self) -> dict[str, Any]:
        told: dict[str, Any] = self.ask("GET", "/settings").json()
        return told

    def upload(self, name: str, data: bytes, door: str = "attachment", **fields: str) -> httpx.Response:
        kind = "document" if name.endswith((".txt", ".pdf")) else "image"
        form = {"entityType": "person" if door == "avatar" else "transaction", "attachmentType": kind, **fields}
        return self.ask("POST", f"/upload/{door}", data=form, files={"file": (name, data)})

    def content(self, answer: httpx.Response) -> bytes:
        return self.ask("GET", answer.json()["url"]).content


@pytest.fixture
def client(house: House) -> Client:
    return Client(house)


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of what must be one of Pika's failures."""
    body = answer.json()
    assert body["data"]["status"] == answer.status_code
    return answer.status_code, body["code"], body["message"]


# ── the contract's three keys (8) ────────────────────────────────────────────────────────────────────────────────


def test_settings_begin_as_documented(client: Client):
    assert client.settings == DEFAULTS
    assert client.ask("GET", "/auth/me").json()["settings"] == {"currency": "INR", "is_api_key_set": False}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"currency": "EUR"}, {"currency": "EUR"}),
        ({"currency": " usd "}, {"currency": "USD"}),
        ({"timezone": "Europe/Berlin"}, {"timezone": "Europe/Berlin"}),
        ({"timezone": "UTC", "currency": "JPY"}, {"timezone": "UTC", "currency": "JPY"}),
        ({"gemini_api_key": "AIza-0123_abc"}, {"gemini_api_key": "AIza-0123_abc"}),
    ],
)
def test_a_change_answers_only_the_changed_keys(client: Client, given: dict[str, str], kept: dict[str, str]):
    answer = client.change(**given)

    assert (200, kept) == (answer.status_code, answer.json())
    assert client.settings == {**DEFAULTS, **kept}
    assert Client(client.house).settings == DEFAULTS, "others keep theirs"


INVALID_KEY = (400, "invalid_key", "Invalid key.")
INVALID_VALUE = (400, "invalid_value", "Invalid value.")
INVALID_REQUEST = (400, "invalid_request", "Invalid request.")
INVALID_JSON = (400, "rest_invalid_json", "Invalid JSON body passed.")
BODIES: dict[str, tuple[bytes, tuple[int, str, str]]] = {
    "nothing": (b"", INVALID_REQUEST),
    "blanks": (b" \n", INVALID_REQUEST),
    "no key": (b"{}", INVALID_REQUEST),
    "a list": (b'["currency"]', INVALID_REQUEST),
    "a text": (b'"currency"', INVALID_REQUEST),
    "null": (b"null", INVALID_REQUEST),
    "cut short": (b'{"currency": ', INVALID_JSON),
    "not UTF-8": (b'{"currency": "\xff"}', INVALID_JSON),
    "a number that is none": (b'{"uploads": {"image_quality": NaN}}', INVALID_JSON),
    "too deep": (b'{"uploads":' + b"[" * 100_000, INVALID_JSON),
    "an unknown key": (b'{"theme": "dark"}', INVALID_KEY),
    "an unknown key beside a good one": (b'{"currency": "EUR", "theme": 1}', INVALID_KEY),
    "an endless key": (json.dumps({"x" * 10_000: 1}).encode(), INVALID_KEY),
    "a key with a NUL": (b'{"curr\\u0000ency": 1}', INVALID_KEY),
    "a kind that is none": (b'{"uploads": {"video": {}}}', INVALID_KEY),
    "a part that is none": (b'{"uploads": {"image": {"colour": 1}}}', INVALID_KEY),
    "a currency in words": (b'{"currency": "Euro"}', INVALID_VALUE),
    "gold": (b'{"currency": "XAU"}', INVALID_VALUE),
    "no zone": (b'{"timezone": "Mars/Olympus"}', INVALID_VALUE),
    "a region": (b'{"timezone": "Europe"}', INVALID_VALUE),
    "a way out": (b'{"timezone": "../../etc/passwd"}', INVALID_VALUE),
    "a key of two lines": (b'{"gemini_api_key": "a\\nb"}', INVALID_VALUE),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_taken_is_told_as_documented(client: Client, name: str):
    body, expected = BODIES[name]

    answer = client.ask("PUT", "/settings", content=body, headers={"Content-Type": "application/json"})

    assert refusal(answer) == expected
    assert client.settings == DEFAULTS, "nothing of it was kept"


def test_only_json_is_read(client: Client):
    """Neither the query nor a form says anything here."""
    form = client.ask("PUT", "/settings?currency=EUR", data={"currency": "EUR"})
    query = client.ask("PUT", "/settings?currency=EUR", json={})

    assert [refusal(form), refusal(query)] == [INVALID_REQUEST] * 2


ODD: list[Any] = [
    None,
    [],
    ["EUR"],
    {},
    {"a": 1},
    5,
    -1,
    0.5,
    1e300,
    True,
    "",
    "x" * 10_000,
    "\0",
    "né 图",
    "<b>",
    ["x"] * 999,
]


@pytest.mark.parametrize(
    "path",
    [
        ("currency",),
        ("timezone",),
        ("gemini_api_key",),
        ("uploads",),
        ("uploads", "image"),
        ("uploads", "avatar", "types"),
        ("uploads", "document", "max_bytes"),
        ("uploads", "image_quality"),
        ("uploads", "keep_original"),
        ("uploads", "strip_metadata"),
    ],
    ids=".".join,
)
def test_no_type_is_taken_for_another(client: Client, path: tuple[str, ...]):
    """Every one is refused as documented, or is what the key can be; nothing is a fault of ours."""
    for odd in ODD:
        body: Any = odd
        for key in reversed(path):
            body = {key: body}
        answer = client.ask("PUT", "/settings", json=body)
        assert answer.status_code == 200 or refusal(answer) in (INVALID_VALUE, INVALID_KEY), (odd, answer.text)
        assert client.ask("GET", "/settings").status_code == 200
        taken = {"gemini_api_key": [""], "currency": [], "timezone": [], "uploads": []}.get(".".join(path), [None])
        may_be = odd in taken or isinstance(odd, bool) or path[-1] in ("max_bytes", "gemini_api_key")
        assert answer.status_code == 400 or may_be, odd


def test_nobody_signed_in_has_no_settings(house: House, client: Client):
    for method in ("GET", "PUT"):
        answer = house.request(method, f"{PREFIX}/settings", json={"currency": "EUR"})
        assert refusal(answer) == (401, "unauthorized", "Unauthorized access.")
    broken = house.request("PUT", f"{PREFIX}/settings", content=b"{", headers={"Content-Type": "application/json"})
    assert refusal(broken) == INVALID_JSON, "JSON is read first"
    assert refusal(client.ask("POST", "/settings", json={}))[:2] == (404, "rest_no_route")


def test_changes_at_once_are_all_kept(client: Client):
    """Each of another key; none is written over by one that began before it was there."""
    kinds = {"avatar": 1000, "image": 2000, "document": 3000}
    bodies = [{"currency": "EUR"}, {"timezone": "UTC"}, *({"uploads": {k: {"max_bytes": n}}} for k, n in kinds.items())]

    with ThreadPoolExecutor(len(bodies)) as threads:
        answers = list(threads.map(lambda body: client.change(**body), bodies))

    assert [200] * len(bodies) == [answer.status_code for answer in answers]
    told = client.settings
    assert (told["currency"], told["timezone"]) == ("EUR", "UTC")
    assert {kind: told["uploads"][kind]["max_bytes"] for kind in kinds} == kinds


def test_a_key_lies_sealed_and_opens_for_its_owner_alone(client: Client):
    """Neither the row nor ``is_api_key_set`` holds it; another's row with it opens as nothing."""
    client.change(gemini_api_key="AIza-secret")

    def look(ledger: Ledger) -> str:
        return ledger.preferences.of(client.user).sealed_key

    sealed = client.house.tell(lambda services: services.work.read(look))
    assert sealed
    assert "AIza" not in sealed
    signed_in = client.house.request(
        "POST", f"{PREFIX}/auth/login", json={"user_login": client.login, "password": client.secret}
    )
    assert signed_in.json()["settings"] == {"currency": "INR", "is_api_key_set": True}

    thief = Client(client.house)

    def steal(ledger: Ledger) -> None:
        ledger.preferences.hold(thief.user)
        ledger.preferences.keep(thief.user, ledger.preferences.of(client.user))

    client.house.tell(lambda services: services.work.write(steal))
    assert thief.settings["gemini_api_key"] == ""
    assert client.settings["gemini_api_key"] == "AIza-secret"
    client.change(gemini_api_key="")
    assert client.ask("GET", "/auth/me").json()["settings"]["is_api_key_set"] is False


# ── preferences of uploads, at the doors ─────────────────────────────────────────────────────────────────────────


def test_narrowed_types_are_refused_with_what_is_allowed_now(client: Client):
    preferred = client.prefer(
        image={"types": ["PNG", ".jpeg"]}, document={"types": ["pdf"]}, avatar={"types": ["webp"]}
    )
    assert [preferred[kind]["types"] for kind in ("image", "document", "avatar")] == [["jpg", "png"], ["pdf"], ["webp"]]

    allowed = {
        client.upload("a.gif", gif(9, 9)): (
            "invalid_image_type",
            "Image type not allowed. Allowed image types are: jpg, jpeg, png.",
        ),
        client.upload("a.png", gif(9, 9)): (
            "invalid_image_mime_type",
            "Image mime type not allowed. Allowed image mime types are: image/png, image/jpeg.",
        ),
        client.upload("a.txt", b"thanks"): (
            "invalid_document_type",
            "Document type not allowed. Allowed document types are: pdf.",
        ),
        client.upload("a.png", png(9, 9), "avatar"): (
            "invalid_image_type",
            "Image type not allowed. Allowed image types are: webp.",
        ),
    }
    assert [refusal(answer)[1:] for answer in allowed] == list(allowed.values())
    assert client.upload("a.jpeg", jpeg(9, 9)).status_code == 200
    assert Client(client.house).upload("a.gif", gif(9, 9)).status_code == 200, "others choose for themselves"

    assert client.prefer(image={"types": None}, avatar=None)["image"] == UPLOADS["image"]
    assert client.upload("a.gif", gif(9, 9)).status_code == 200
    assert client.upload("a.png", png(9, 9), "avatar").status_code == 200


@pytest.mark.parametrize(
    ("limit", "text"), [(2 * MIB, "2MB"), (1536 << 10, "1536KB"), (1_500_000, "1500000 bytes"), (70, "70 bytes")]
)
def test_the_limit_that_applied_is_told(client: Client, limit: int, text: str):
    """Inclusive, and by the door that was asked; also where the body is too large to be read to its end."""
    client.prefer(document={"max_bytes": limit})
    expected = (400, "file_size_exceeded", f"File size exceeded, max file size is {text}.")

    assert client.upload("a.txt", b"x" * limit).status_code == 200
    assert refusal(client.upload("a.txt", b"x" * (limit + 1))) == expected
    assert client.upload("a.png", png(60, 60)).status_code == 200, "images have a limit of their own"


def test_an_avatar_has_a_limit_of_its_own(client: Client):
    client.prefer(avatar={"max_bytes": 1024})
    message = "File size exceeded, max file size is 1KB."

    assert refusal(client.upload("a.png", png(100, 100), "avatar"))[2] == message
    assert refusal(client.upload("a.png", png(9, 9) + bytes(7 * MIB), "avatar"))[2] == message
    assert client.upload("a.png", png(100, 100)).status_code == 200


BEYOND: list[dict[str, Any]] = [
    {"image": {"max_bytes": 5 * MIB + 1}},
    {"document": {"max_bytes": 10 * MIB + 1}},
    {"avatar": {"max_bytes": 0}},
    {"image": {"types": ["svg"]}},
    {"image": {"types": ["png", "pdf"]}},
    {"document": {"types": ["exe"]}},
    {"document": {"types": []}},
    {"image_quality": 96},
    {"image_quality": 29},
]


@pytest.mark.parametrize("uploads", BEYOND, ids=json.dumps)
def test_what_goes_beyond_the_operator_is_refused(client: Client, uploads: dict[str, Any]):
    assert refusal(client.change(uploads=uploads)) == INVALID_VALUE
    assert client.settings == DEFAULTS


def test_what_an_operator_takes_back_is_passed_over(client: Client):
    """A preference for a type that is gone leaves what there is; it does not leave nothing."""

    def rule(*names: str) -> None:
        async def change(services: Services) -> None:
            space = await services.work.read(lambda ledger: ledger.spaces.personal(client.user))
            assert space is not None
            await change_space_rules(services, space.id, lambda _: SpaceRules(images=names, hides_places=bool(names)))

        client.house.tell(change)

    rule("avif")
    assert client.prefer(image={"types": ["avif"]})["image"]["types"] == ["avif"]
    assert refusal(client.change(uploads={"strip_metadata": False})) == INVALID_VALUE, "the space wants it"
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    for preferred in ({"keep_original": False}, {"keep_original": True}):
        client.prefer(**preferred)
        kept = client.content(client.upload("a.avif", images.encoded(images.noise(40, 30), "AVIF", exif=exif)))
        assert Image.open(io.BytesIO(kept)).size == (40, 30)
        assert SECRET not in kept
    assert client.upload("a.png", png(9, 9)).status_code == 400
    rule()
    assert client.settings["uploads"]["image"]["types"] == ["jpg", "png", "gif", "webp"]
    assert client.upload("a.png", png(9, 9)).status_code == 200


def test_pictures_are_encoded_in_the_wanted_quality(client: Client):
    data = images.encoded(images.noise(300, 300), "JPEG", quality=95)
    usual = client.upload("a.jpg", data)
    assert client.prefer(image_quality=40)["image_quality"] == 40
    small, avatar = client.upload("b.jpg", data), client.upload("b.jpg", data, "avatar")

    assert len(client.content(small)) < 0.6 * len(client.content(usual))
    assert client.content(avatar) == client.content(small)


@pytest.mark.parametrize(("format", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")])
def test_originals_keep_every_pixel_and_lose_what_is_hidden(client: Client, format: str, name: str):
    """Also which way up they are; unless metadata is wanted too. Avatars are always made anew."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, SECRET.decode()
    options = {"quality": 97} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}
    data = images.encoded(images.corners(80, 40), format, exif=exif, **options)
    assert client.prefer(keep_original=True)["keep_original"] is True

    kept = client.content(client.upload(name, data))
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(kept))
    assert SECRET not in kept
    assert dict(after.getexif()) == {0x0112: 6}
    assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    avatar = client.content(client.upload(name, data, "avatar"))
    assert SECRET not in avatar
    assert Image.open(io.BytesIO(avatar)).size == (40, 80)

    assert client.prefer(strip_metadata=False)["strip_metadata"] is False
    assert client.content(client.upload(name, data)) == data
    assert SECRET not in client.content(client.upload(name, data, "avatar"))
    client.prefer(keep_original=None, strip_metadata=None)
    assert SECRET not in client.content(client.upload(name, data))


def test_an_upload_tells_of_its_thumbnails(client: Client):
    """Where it is made, listed and looked at; of a text too, and each of them is there."""
    answers = [client.upload("a.png", png(90, 60)), client.upload("a.txt", b"thanks")]
    for made in (answer.json() for answer in answers):
        [listed] = [one for one in client.ask("GET", "/upload").json()["uploads"] if one["id"] == made["id"]]
        assert (
            made["thumbnails"]
            == listed["thumbnails"]
            == client.ask("GET", f"/upload/{made['id']}").json()["thumbnails"]
        )
        assert list(made["thumbnails"]) == ["64", "256", "1024", "crop-64", "crop-256", "crop-1024"]
    small = {name: client.ask("GET", url) for name, url in answers[0].json()["thumbnails"].items()}
    sizes = {name: Image.open(io.BytesIO(answer.content)).size for name, answer in small.items()}
    assert (sizes["64"], sizes["1024"], sizes["crop-64"]) == ((64, 43), (90, 60), (60, 60))


# ── what an operator sets ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    ceilings = {"HOLDALL_PIKA_IMAGE_BYTES": "100000", "HOLDALL_PIKA_DOCUMENT_BYTES": "16777216"}
    data = tmp_path_factory.mktemp("strict") / "data"
    with opened_house(data, HOLDALL_PIKA_STRICT_ENTITIES="on", HOLDALL_STRIP_LOCATION="on", **ceilings) as opened:
        yield opened


@pytest.mark.parametrize(
    ("door", "good", "bad", "allowed"),
    [
        ("avatar", ["person", "account"], ["transaction", "other", ""], "person, account"),
        ("attachment", ["transaction", "other"], ["person", "account"], "transaction, other"),
        ("other", ["person", "account", "transaction", "other"], ["pet"], "person, account, transaction, other"),
    ],
)
def test_a_strict_house_holds_files_to_what_they_are_for(
    strict: House, door: str, good: list[str], bad: list[str], allowed: str
):
    """Contract, section 14, C5."""
    client = Client(strict)

    for entity in good:
        assert client.upload("a.png", png(9, 9), door, entityType=entity).status_code == 200
    for entity in bad:
        message = f"Entity type not allowed. Allowed entity types are: {allowed}."
        refused = client.upload("a.png", png(9, 9), door, entityType=entity)
        assert refusal(refused) == (400, "invalid_entity_type", message)


def test_the_operators_limits_are_the_ceiling(strict: House):
    client = Client(strict)

    assert client.settings["uploads"]["image"]["max_bytes"] == 100_000
    assert refusal(client.change(uploads={"image": {"max_bytes": 100_001}})) == INVALID_VALUE
    assert refusal(client.change(uploads={"strip_metadata": False})) == INVALID_VALUE
    too_large = client.upload("a.png", png(9, 9) + bytes(100_000))
    assert refusal(too_large)[2] == "File size exceeded, max file size is 100000 bytes."
    assert client.upload("a.txt", b"x" * (11 * MIB)).status_code == 200
    told = strict.request("GET", f"{PREFIX}/app/info").json()["files"]["doors"]
    assert told["avatar"]["entityTypes"] == ["person", "account"]
    assert {kind: one["maxBytes"] for kind, one in told["attachment"]["kinds"].items()} == {
        "image": 100_000,
        "document": 16 * MIB,
    }


# ── app info (9), and what there is not (10) ─────────────────────────────────────────────────────────────────────


def test_app_info_is_public_and_tells_what_is_taken(house: House):
    """A stale cookie does no harm."""
    answers = [
        house.request("GET", f"{PREFIX}/app/info", headers=each) for each in ({}, {"Cookie": "pika_token=stale"})
    ]

    assert [200, 200] == [answer.status_code for answer in answers]
    info = answers[0].json()
    assert info == answers[1].json()
    assert (info["name"], info["version"], info["base_url"]) == ("Pika", __version__, SITE)
    assert UUID(info["app_id"]).version == 4
    image = {
        "extensions": ["jpg", "jpeg", "png", "gif", "webp"],
        "mimeTypes": ["image/jpeg", "image/png", "image/gif", "image/webp"],
        "maxBytes": 5 * MIB,
    }
    files = info["files"]
    assert files["doors"]["avatar"]["kinds"] == {"image": image}
    assert files["doors"]["attachment"] == files["doors"]["other"]
    assert files["doors"]["other"]["kinds"]["image"] == image
    assert files["doors"]["other"]["kinds"]["document"]["extensions"] == ["pdf", "doc", "docx", "txt"]
    assert (files["thumbnails"], files["resumable"]) == ({"size": [64, 256, 1024], "crop": [64, 256, 1024]}, None)


def test_an_installation_keeps_its_app_id(tmp_path: Path):
    ids = []
    for _ in range(2):
        with opened_house(tmp_path / "data") as house:
            ids.append(house.request("GET", f"{PREFIX}/app/info").json()["app_id"])
    with opened_house(tmp_path / "other") as house:
        assert ids == [ids[0]] * 2 != [house.request("GET", f"{PREFIX}/app/info").json()["app_id"]] * 2


NO_PUSH = (400, "push_not_enabled", "Push notifications are not enabled on this server.")
NO_AI = (400, "ai_not_enabled", "AI is not enabled on this server.")


def test_push_says_that_it_is_not_enabled(client: Client):
    def pages(query: str) -> dict[str, Any]:
        told: dict[str, Any] = client.ask("GET", f"/push/notifications{query}").json()
        return told

    assert client.ask("GET", "/push/status").json() == {
        "enabled": False,
        "has_subscription": False,
        "can_receive": False,
    }
    assert client.ask("GET", "/push/vapid-key").json() == {"public_key": "", "web_push_ready": False}
    counts = {"total": 0, "total_pages": 0, "unread_count": 0}
    assert pages("") == {"notifications": [], "pagination": {"page": 1, "per_page": 20, **counts}}
    assert pages("?page=3&per_page=5")["pagination"] == {"page": 3, "per_page": 5, **counts}
    for query in ("?page=0", "?page=x", "?per_page=101", "?per_page=-1", "?page="):
        assert refusal(client.ask("GET", f"/push/notifications{query}")) == INVALID_REQUEST
    for what in ("subscribe", "unsubscribe", "enable", "disable"):
        assert refusal(client.ask("POST", f"/push/{what}", json={"endpoint": "x"})) == NO_PUSH
    for method in ("PUT", "DELETE"):
        assert refusal(client.ask(method, "/push/notifications/7"))[:2] == (404, "not_found")


def test_ai_says_that_it_is_not_enabled(client: Client):
    assert refusal(client.ask("POST", "/ai/text-to-transaction", json={"text": "coffee 3"})) == NO_AI
    files = {"receipt": ("r.png", png(9, 9))}
    assert refusal(client.ask("POST", "/ai/receipt-to-transaction", files=files)) == NO_AI


@pytest.mark.parametrize(
    "call",
    [
        "GET /push/status",
        "GET /push/vapid-key",
        "GET /push/notifications",
        "POST /push/enable",
        "POST /ai/text-to-transaction",
    ],
)
def test_strangers_are_told_nothing_of_push_and_ai(house: House, call: str):
    method, path = call.split()

    assert refusal(house.request(method, PREFIX + path))[:2] == (401, "unauthorized")
