"""Passwords: what can be one, and how they are kept."""

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest

from holdall.adapters.passwords import AT_ONCE, MAX_WAITING, Argon2Passwords
from holdall.domain.passwords import MAX_LENGTH, fault_of, normal
from holdall.errors import RateLimited

NAMES = ("mira", "mira.k@example.test", "Mira K")


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    made = Argon2Passwords()
    yield made
    made.close()


@pytest.mark.parametrize(
    "password",
    ["", "seven77", "aaaaaaaaaaaa", "abababab", "miramira", "MIRA.K@example.test", "holdallHoldall", "x1y2" * 65],
)
def test_what_is_short_or_known_is_no_password(password: str):
    assert fault_of(password, NAMES)


@pytest.mark.parametrize(
    "password", ["eight888", "four words of mine", "pässwörd", "木の葉が落ちる秋の", "x1y2" * (MAX_LENGTH // 4)]
)
def test_anything_else_is_one(password: str):
    """No rule of capitals and digits (NIST SP 800-63B); blanks and every script are fine."""
    assert fault_of(password, NAMES) == ""


def test_a_password_is_the_same_from_every_keyboard():
    """Composed or not; letter case counts."""
    assert normal("pa\u0308ss") == normal("p\u00e4ss")
    assert normal("Pass") != normal("pass")


def test_a_password_is_kept_by_argon2id(passwords: Argon2Passwords):
    """RFC 9106, section 4, second choice; two salts make two hashes, and both match."""

    async def story() -> list[str]:
        made = [await passwords.hash("four words of mine") for _ in range(2)]
        assert [await passwords.matches("four words of mine", hash) for hash in made] == [True, True]
        assert not await passwords.matches("four words of yours", made[0])
        return made

    first, second = asyncio.run(story())
    assert re.fullmatch(r"\$argon2id\$v=19\$m=65536,t=3,p=4\$[^$]{22}\$[^$]{43}", first)
    assert first != second
    assert not passwords.is_outdated(first)
    assert passwords.is_outdated(first.replace("t=3", "t=2"))


def test_who_is_not_there_costs_as_much(passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch):
    """A hash is compared in both cases, of the same parameters; nothing ever matches it."""
    compared: list[str] = []
    compare = passwords._is_of

    def watched(password: str, hash: str) -> bool:
        compared.append(hash)
        return compare(password, hash)

    monkeypatch.setattr(passwords, "_is_of", watched)
    assert not asyncio.run(passwords.matches("four words of mine", None))
    assert ["$argon2id$v=19$m=65536,t=3,p=4"] == [hash.rpartition("$")[0].rpartition("$")[0] for hash in compared]
    assert not passwords.is_outdated(compared[0])


@pytest.mark.parametrize("hash", ["", "nonsense", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$", "$2b$12$" + "x" * 53])
def test_a_hash_that_is_none_matches_nothing(passwords: Argon2Passwords, hash: str):
    """Whatever came into the database."""
    assert not asyncio.run(passwords.matches("four words of mine", hash or "x"))


def test_few_are_hashed_at_once_and_never_on_the_event_loop(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
):
    """Whoever comes when many wait is told to come again."""
    gate, threads = threading.Event(), set[str]()

    def slow(password: str, hash: str) -> bool:
        threads.add(threading.current_thread().name)
        gate.wait(20)
        return password == hash

    monkeypatch.setattr(passwords, "_is_of", slow)

    async def story() -> list[bool]:
        crowd = [asyncio.create_task(passwords.matches("x", "x")) for _ in range(AT_ONCE + MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimited):
            await passwords.matches("x", "x")
        gate.set()
        return await asyncio.gather(*crowd)

    assert all(asyncio.run(story()))
    assert len(threads) <= AT_ONCE
    assert threading.current_thread().name not in threads
