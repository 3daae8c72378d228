"""Names that clients gave."""

import pytest

from holdall.domain.filename import MAX_NAME_LENGTH, display_name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("roof.png", "roof.png"),
        ("naïve 图.png", "naïve 图.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cv.pdf", "cv.pdf"),
        ("<b>x</b>.png", "b>.png"),
        ('say "hi".txt', 'say "hi".txt'),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("gpj\u202egnp.exe", "gpjgnp.exe"),
        ("zero\u200bwidth.txt", "zerowidth.txt"),
        ("👩\u200d👧.png", "👩\u200d👧.png"),
        ("", "file"),
        ("..", "file"),
        ("a/", "file"),
        (" . ", "file"),
        (".htaccess", ".htaccess"),
    ],
)
def test_a_name_loses_its_path_and_what_nobody_sees(given: str, shown: str):
    """Everything else stays as it was sent."""
    assert shown == display_name(given)


def test_a_long_name_is_cut_in_its_stem():
    """It still ends in its extension."""
    shown = display_name("x" * 300 + ".jpeg")

    assert len(shown) == MAX_NAME_LENGTH
    assert shown.endswith("x.jpeg")


def test_a_long_extension_is_cut_with_the_rest():
    """No part of a name can make it longer than the limit."""
    assert len(display_name("a." + "b" * 5000)) == MAX_NAME_LENGTH


def test_a_name_that_is_cut_between_words_does_not_end_in_a_space():
    """Found by fuzzing: shown twice, it was two names."""
    shown = display_name("a" * 200 + " " * 100 + "b")

    assert shown == "a" * 200
    assert display_name(shown) == shown
