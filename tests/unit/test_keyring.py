"""Master keys as operators write them down."""

import pytest

from holdall.adapters.blobs.keyring import read_keyring

FIRST, SECOND = "1a" * 32, "2b" * 32


@pytest.mark.parametrize(
    "text",
    [
        f"{FIRST},{SECOND}",
        f"{FIRST} {SECOND}",
        f"\n{FIRST}\n{SECOND}\n",
        f"# made in May\r\n{FIRST.upper()}\r\n{SECOND}  # the one before, {'3c' * 32}\r\n",
    ],
)
def test_the_first_key_is_the_current_one_and_all_are_found(text: str):
    keys = read_keyring(text)

    assert [key.secret for key in keys.keys] == [bytes.fromhex(FIRST), bytes.fromhex(SECOND)]
    assert keys.current is keys.keys[0]
    assert [keys.find(key.id) for key in keys.keys] == list(keys.keys)


def test_a_key_is_known_by_the_same_id_wherever_it_stands():
    """Ids are in the headers of objects: they may not depend on the order, and not tell the key."""
    first, second = (read_keyring(text).find for text in (f"{FIRST} {SECOND}", f"{SECOND} {FIRST}"))
    id = read_keyring(FIRST).current.id

    assert first(id) == second(id) is not None
    assert len(id) == 8
    assert bytes.fromhex(FIRST[:4]) not in id


def test_an_unknown_id_is_none():
    assert read_keyring(FIRST).find(read_keyring(SECOND).current.id) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no key"),
        ("# nothing but words", "there is no key"),
        (FIRST[:-1], "key 1 is not 64 hex digits"),
        (FIRST + "0", "key 1 is not 64 hex digits"),
        (f"{FIRST} {'x' * 64}", "key 2 is not 64 hex digits"),
        (f"{FIRST} {FIRST.upper()}", "stands there twice"),
    ],
)
def test_what_is_no_key_is_refused_and_never_quoted(text: str, why: str):
    with pytest.raises(ValueError, match=why) as refused:
        read_keyring(text)

    assert "1a1a" not in str(refused.value)


def test_a_key_does_not_show_itself():
    """Not in a log, not in a traceback."""
    key = read_keyring(FIRST).current

    assert "1a1a" not in repr(key)
    assert repr(key.secret) not in repr(key)
