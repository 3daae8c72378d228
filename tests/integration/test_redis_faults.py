"""Redis that dies, hangs, is full, or was never there: sign-in closes, reads go on, it is taken up again."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from holdall import doctor
from holdall.adapters import redis_limits
from holdall.adapters.limits import MemoryLimiter
from holdall.adapters.redis_limits import DEFAULTS, PATIENCE_SECONDS, RedisLimiter, Without, parse_without
from holdall.bootstrap import open_redis
from holdall.errors import LimitsUnavailable, RateLimited
from holdall.settings import SettingsError, read_settings
from tests.support.inprocess import House, opened_house
from tests.support.redis import RedisServer
from tests.support.server import free_port

LOGIN = "/wp-json/pika/v1/auth/login"
ME = "/wp-json/pika/v1/auth/me"
BUDGETS = {"sign-in": 3, "api": 3, "upload": 3, "download": 3}
BACK_SECONDS = 10


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is looked for more often, so that the tests are short."""
    monkeypatch.setattr(redis_limits, "RETRY_SECONDS", 0.05)


@pytest.fixture
def house(tmp_path: Path, own_redis: RedisServer) -> Iterator[House]:
    with opened_house(
        tmp_path,
        HOLDALL_RATE_LIMIT="on",
        HOLDALL_REDIS_URL=own_redis.url,
        HOLDALL_SIGN_INS_PER_MINUTE="1000",
        HOLDALL_CALLS_PER_MINUTE="100000",
    ) as opened:
        yield opened


def read(house: House, cookie: str = "") -> httpx.Response:
    """What a reader sees; without a cookie, one who is signed in."""
    return house.request("GET", ME, headers={"Cookie": f"pika_token={cookie or house.demo['pika'][0]['cookie']}"})


def sign_in(house: House) -> httpx.Response:
    """A wrong password: 401 whenever somebody counts."""
    return house.request("POST", LOGIN, json={"user_login": "mira", "password": "x"})


def wait_until_back(house: House) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while sign_in(house).status_code != 401:
        assert time.monotonic() < deadline, "Redis is there, and not taken up again"
        time.sleep(0.02)


def closed_is_right(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "5", "unavailable")


def test_redis_killed_under_load_closes_sign_in_and_nothing_else(house: House, own_redis: RedisServer):
    """Three times: every read is 200, sign-in 503 until Redis is back, and the log says both once each."""
    reads: Counter[int] = Counter()
    is_over = threading.Event()

    def keep_reading() -> None:
        while not is_over.is_set():
            reads[read(house).status_code] += 1

    readers = [threading.Thread(target=keep_reading) for _ in range(4)]
    with capture_logs() as lines:
        for reader in readers:
            reader.start()
        try:
            for _ in range(3):
                assert sign_in(house).status_code == 401
                own_redis.kill()
                assert closed_is_right(sign_in(house))
                assert read(house, "bWlyYTp3cm9uZw==").status_code == 401
                own_redis.start()
                wait_until_back(house)
        finally:
            is_over.set()
            for reader in readers:
                reader.join()
    assert set(reads) == {200}
    assert reads[200] > 20
    told = Counter(line["event"] for line in lines)
    assert (told["redis is away"], told["redis is back"]) == (3, 3)


def test_a_hung_redis_costs_a_moment_once(house: House, own_redis: RedisServer):
    """It takes connections and says nothing: of a hundred reads the first waits, and none fails."""
    read(house)
    own_redis.hang()
    try:
        began = time.monotonic()
        statuses = {read(house).status_code for _ in range(100)}
        spent = time.monotonic() - began
        assert closed_is_right(sign_in(house))
    finally:
        own_redis.go_on()
    assert statuses == {200}
    assert spent < 10 * PATIENCE_SECONDS  # fifty seconds, were it asked each time
    wait_until_back(house)


def test_a_full_redis_is_as_good_as_none(house: House, own_redis: RedisServer):
    """It answers PING and refuses to write; looked at again, it is still away."""
    with capture_logs() as lines:
        own_redis.tell("CONFIG", "SET", "maxmemory", "1")
        assert read(house).status_code == 200
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            assert sign_in(house).status_code == 503
        own_redis.tell("CONFIG", "SET", "maxmemory", "0")
        wait_until_back(house)
    assert [line["event"] for line in lines if line["event"].startswith("redis")] == ["redis is away", "redis is back"]


def test_each_budget_does_without_redis_as_it_is_set():
    """Closed, counted here, or not counted."""

    async def story() -> None:
        ways = parse_without("api=open, download=closed")
        limiter = RedisLimiter(f"redis://127.0.0.1:{free_port()}", BUDGETS, MemoryLimiter(BUDGETS, {}), ways)
        for _ in range(10):
            assert await limiter.spend("api", "one") is None
            for closed in ("download", "sign-in"):
                with pytest.raises(LimitsUnavailable):
                    await limiter.spend(closed, "one")
        left = [await limiter.spend("upload", "one") for _ in range(3)]
        assert [budget.remaining for budget in left if budget] == [2, 1, 0]
        for refused in (limiter.spend("upload", "one"), limiter.peek("upload", "one"), limiter.peek("sign-in", "one")):
            with pytest.raises(RateLimited):
                await refused
        await limiter.peek("api", "one")
        await limiter.peek("sign-in", "another")
        await limiter.close()

    asyncio.run(story())


def test_what_is_counted_is_forgotten_and_names_nobody(redis: RedisServer):
    """Two minutes, and a digest."""

    async def story() -> None:
        limiter = RedisLimiter(redis.url, BUDGETS, MemoryLimiter(BUDGETS, {}))
        await limiter.spend("api", "login:mira")
        await limiter.close()

    asyncio.run(story())
    key = redis.tell_all("KEYS", "*")[-1]
    assert key.startswith(b"holdall:limit:api:")
    assert b"mira" not in key
    assert 100_000 < int(redis.tell("PTTL", key.decode())[1:]) <= 120_000


def test_the_doctor_says_whether_redis_counts(own_redis: RedisServer, tmp_path: Path):
    """And why it does not; a Redis that only reads does not."""
    settings = read_settings({"HOLDALL_DATA_DIR": str(tmp_path), "HOLDALL_REDIS_URL": own_redis.url})

    def found() -> list[tuple[bool, str]]:
        return [(finding.is_good, finding.what) for finding in doctor._redis(settings)]

    assert found()[0][0]
    own_redis.tell("REPLICAOF", "127.0.0.1", str(free_port()))
    assert "read only replica" in found()[0][1]
    own_redis.kill()
    assert found()[0][0] is False


def test_a_start_does_not_need_redis(tmp_path: Path):
    """Whoever starts first waits for nobody."""
    url = f"redis://127.0.0.1:{free_port()}"
    with opened_house(tmp_path, HOLDALL_RATE_LIMIT="on", HOLDALL_REDIS_URL=url) as house:
        assert read(house).status_code == 200
        assert closed_is_right(sign_in(house))


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"HOLDALL_REDIS_URL": "http://127.0.0.1"}, "HOLDALL_REDIS_URL"),
        ({"HOLDALL_REDIS_URL": "redis://127.0.0.1?speed=9"}, "HOLDALL_REDIS_URL"),
        ({"HOLDALL_LIMITS_WITHOUT_REDIS": "reads=open"}, "reads is not a budget"),
        ({"HOLDALL_LIMITS_WITHOUT_REDIS": "api=shut"}, "api can be"),
    ],
)
def test_a_setting_that_cannot_be_is_named(env: Mapping[str, str], named: str):
    """Before anything is served."""

    async def story() -> None:
        async with open_redis(read_settings({"HOLDALL_REDIS_URL": "redis://127.0.0.1", **env})):
            pass

    with pytest.raises(SettingsError, match=named):
        asyncio.run(story())


def test_sign_in_is_closed_and_reads_are_not_unless_set_otherwise():
    """The defaults, and that a change leaves the others alone."""
    assert parse_without("") == DEFAULTS
    assert DEFAULTS["sign-in"] is Without.CLOSED
    assert Without.CLOSED not in [DEFAULTS[name] for name in ("api", "upload", "download")]
    assert parse_without("sign-in=local") == {**DEFAULTS, "sign-in": Without.LOCAL}
