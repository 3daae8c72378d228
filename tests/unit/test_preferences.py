"""What a user wants of what may be taken: it narrows, and never widens."""

import pytest

from holdall.dialects.pika.errors import size_text
from holdall.dialects.pika.policy import DOCUMENT, IMAGE
from holdall.domain.currencies import CODES
from holdall.domain.policy import HouseRules
from holdall.domain.preferences import KindPreference, narrowed

MIB = 1 << 20


def test_who_wants_nothing_has_the_very_same_policy():
    assert narrowed(IMAGE, KindPreference()) is IMAGE


def test_a_preference_narrows_types_and_size():
    kind = narrowed(DOCUMENT, KindPreference(("txt", "pdf"), 1000)).kind

    assert (kind.name, kind.extensions, kind.max_bytes) == ("document", ("pdf", "txt"), 1000)


def test_a_preference_never_widens():
    """Neither one that was kept while more was allowed, nor one of types that are all gone."""
    kind = narrowed(IMAGE, KindPreference(("svg", "png"), 99 * MIB)).kind
    assert (kind.extensions, kind.max_bytes) == (("png",), 5 * MIB)
    assert narrowed(IMAGE, KindPreference(("svg",))).kind == IMAGE.kind


def test_a_house_may_set_the_limit_of_a_kind():
    rules = HouseRules(max_bytes={"image": 7})

    assert (IMAGE.under(rules).kind.max_bytes, DOCUMENT.under(rules).kind.max_bytes) == (7, 10 * MIB)


@pytest.mark.parametrize(
    ("count", "text"),
    [(5 * MIB, "5MB"), (10 * MIB, "10MB"), (MIB + 1024, "1025KB"), (1, "1 bytes"), (5 * MIB - 1, "5242879 bytes")],
)
def test_a_limit_is_told_exactly(count: int, text: str):
    assert size_text(count) == text


def test_currencies_are_codes_of_three_letters():
    assert {"INR", "EUR", "USD", "JPY"} < CODES
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in CODES)
