"""Which rendition is asked for, and in which format it is given."""

import pytest

from holdall.domain.variants import BARE, NAMED, recipe_called
from holdall.errors import ChoiceRefused
from holdall.web.sizes import asked_recipe, in_best_format


def test_named_sizes_are_understood():
    assert asked_recipe({}) is None
    assert asked_recipe({"e": "1", "s": "x"}) is None
    for size in ("64", "256", "1024"):
        assert asked_recipe({"size": size}) is NAMED[size]
        assert asked_recipe({"crop": size}) is NAMED[f"crop-{size}"]


@pytest.mark.parametrize(
    "params",
    [
        {"size": value}
        for value in (
            "",
            "0",
            "65",
            "064",
            "+64",
            "64 ",
            "٦٤",
            "1e2",
            "crop-64",
            "bare",
            "256-webp",
            "box-64",
            "9" * 999,
        )
    ]
    + [{"crop": "crop-64"}, {"size": "64", "crop": "64"}],
)
def test_all_else_is_refused(params: dict[str, str]):
    with pytest.raises(ChoiceRefused) as refusal:
        asked_recipe(params)
    assert len(refusal.value.value) <= 50


def test_signed_names_are_few_and_bounded():
    assert recipe_called("box-300") == recipe_called("box-300")
    assert (recipe_called("box-300").box, recipe_called("crop-300").crops) == (300, True)  # type: ignore[union-attr]
    refused = (
        "",
        "300",
        "box-15",
        "box-2049",
        "box-0300",
        "box-99999",
        "box-٣٠٠",
        "crop-64-webp",
        BARE.name,
        "box-64\n",
    )
    for name in refused:
        assert recipe_called(name) is None, name


@pytest.mark.parametrize(
    ("accept", "is_webp"),
    [
        ("image/avif,image/webp,*/*;q=0.8", True),
        ("image/webp", True),
        (" IMAGE/WebP ; q=0.1", True),
        ("image/webp;q=0", False),
        ("image/webp; q=0.000", False),
        ("*/*", False),
        ("image/*", False),
        ("", False),
        ("image/webpx", False),
    ],
)
def test_webp_is_for_those_who_name_it(accept: str, is_webp: bool):
    assert in_best_format(NAMED["64"], accept) == (NAMED["64"].as_webp() if is_webp else NAMED["64"])
    assert in_best_format(BARE, accept) is BARE
