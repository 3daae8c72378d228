"""A finding is allowed, flagged or refused: by the door's policy, as the house changes it."""

from dataclasses import replace

import pytest

from holdall.bootstrap import house_rules
from holdall.dialects.bika.policy import attachment_policy
from holdall.dialects.pika.policy import DOCUMENT, IMAGE
from holdall.domain.files import Family, Staged
from holdall.domain.findings import FINDINGS, STRICT, TOLERANT, Action, FindingsPolicy, parse_changes
from holdall.domain.policy import HouseRules, InspectionLimits, admit
from holdall.domain.signatures import MORE_IMAGES
from holdall.errors import ContentRefused, TypeRefused
from holdall.settings import Settings, SettingsError
from tests.support import images
from tests.support.hostile import DRAWINGS

BIKA = attachment_policy(1 << 20)


def staged(name: str, data: bytes) -> Staged:
    return Staged(None, len(data), "", data[:8192], name)  # type: ignore[arg-type]


def test_what_runs_hides_or_misleads_stays_out_of_a_strict_door():
    refused = {name for name in FINDINGS if STRICT.action(name) is Action.REFUSE}

    assert {"polyglot", "pdf-javascript", "pdf-encrypted", "ole-macros", "ooxml-macros", "nested-archive"} <= refused
    assert {"trailing-data", "ole-embedded", "ooxml-local-template"} & refused == set()


def test_a_tolerant_door_flags_what_honest_programs_can_write():
    refused = {name for name in FINDINGS if TOLERANT.action(name) is Action.REFUSE}

    assert refused == {"polyglot", "ooxml-macros"}


def test_what_nobody_has_heard_of_is_refused():
    """A child that was taken over may call a finding what it likes."""
    assert TOLERANT.action("perfectly-fine") is Action.REFUSE
    assert FindingsPolicy(allowed=frozenset({"perfectly-fine"})).action("perfectly-fine") is Action.REFUSE


def test_changes_go_on_top_of_the_policy():
    changed = STRICT.with_changes(
        {"pdf-javascript": Action.FLAG, "trailing-data": Action.REFUSE, "ole-macros": Action.ALLOW}
    )

    assert changed.action("pdf-javascript") is Action.FLAG
    assert changed.action("ole-macros") is Action.ALLOW
    assert changed.first_refused(["pdf-javascript", "trailing-data", "polyglot"]) == "trailing-data"
    assert changed.flagged(["pdf-javascript", "ole-macros", "ole-embedded"]) == ("pdf-javascript", "ole-embedded")
    assert changed.with_changes({"ole-macros": Action.REFUSE}).action("ole-macros") is Action.REFUSE


def test_changes_are_written_as_pairs():
    assert parse_changes("") == {}
    assert parse_changes(" ole-macros = refuse ,pdf-encrypted=allow,") == {
        "ole-macros": Action.REFUSE,
        "pdf-encrypted": Action.ALLOW,
    }


@pytest.mark.parametrize(
    "text", ["ole-macro=refuse", "ole-macros=reject", "ole-macros", "=flag", "ole-macros=flag=flag"]
)
def test_a_misspelt_change_is_an_error(text: str):
    with pytest.raises(ValueError, match=r"finding|allow"):
        parse_changes(text)


def test_the_settings_become_rules_of_each_dialect():
    rules = house_rules(
        Settings(
            max_image_pixels=7,
            max_image_frames=6,
            max_animated_pixels=5,
            max_package_members=4,
            max_unpacked_bytes=3,
            max_unpacked_ratio=2,
            bika_images="SVG, avif",
            pika_findings="pdf-xfa=flag",
            pika_image_bytes=9,
            pika_document_bytes=8,
        )
    )

    limits = InspectionLimits(
        max_pixels=7, max_frames=6, max_animated_pixels=5, max_members=4, max_unpacked_bytes=3, max_ratio=2
    )
    assert rules["bika"] == HouseRules(limits, (MORE_IMAGES["svg"], MORE_IMAGES["avif"]), {})
    assert rules["pika"] == HouseRules(limits, (), {"pdf-xfa": Action.FLAG}, {"image": 9, "document": 8})


def test_the_defaults_change_nothing():
    rules = house_rules(Settings())

    assert DOCUMENT.under(rules["pika"]) == DOCUMENT
    assert BIKA.under(rules["bika"]) == BIKA


@pytest.mark.parametrize("given", [{"bika_images": "jxl"}, {"pika_images": "jpg,exe"}, {"bika_findings": "all=allow"}])
def test_a_misspelt_list_stops_the_start(given: dict[str, str]):
    [name] = given
    with pytest.raises(SettingsError, match=f"HOLDALL_{name.upper()}"):
        house_rules(Settings(**given))


def test_a_house_lets_more_images_in_where_images_are_taken():
    avif = staged("a.avif", images.encoded(images.flat(9, 9), "AVIF"))
    rules = HouseRules(images=(MORE_IMAGES["avif"], MORE_IMAGES["svg"]))
    drawing = staged("a.svg", DRAWINGS[0])

    assert admit(avif, BIKA).family is Family.OPAQUE
    assert admit(avif, BIKA.under(rules)).family is Family.IMAGE
    assert admit(avif, IMAGE.under(rules)).family is Family.IMAGE
    assert admit(drawing, BIKA.under(rules)).family is Family.VECTOR
    for policy in (IMAGE, DOCUMENT, DOCUMENT.under(rules), BIKA):
        with pytest.raises(TypeRefused):
            admit(drawing, policy)
    with pytest.raises(ContentRefused):
        admit(replace(drawing, client_name="a.png"), IMAGE.under(rules))
