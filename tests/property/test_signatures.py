"""Identification holds for any bytes."""

from hypothesis import given
from hypothesis import strategies as st

from holdall.domain.signatures import ACTIVE_CONTENTS, identify

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
NO_MARKUP = PRINTABLE.filter(lambda text: "<" not in text and "#!" not in text and "PDF" not in text)


@given(st.binary(max_size=9000))
def test_any_bytes_have_a_type(head: bytes):
    mime = identify(head)

    assert mime.count("/") == 1
    assert mime == mime.lower()


@given(NO_MARKUP, st.integers(0, 3))
def test_text_is_text_wherever_the_head_is_cut(text: str, cut: int):
    head = ("x" + text).encode()

    assert identify(head[: max(1, len(head) - cut)]) == "text/plain"


@given(NO_MARKUP, st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_text_with_a_mark_is_text_in_utf_16(text: str, encoding: str):
    assert identify(("\ufeffx" + text).encode(encoding)) == "text/plain"


@given(st.text(" \t\r\n\f", max_size=50), st.sampled_from([b"<?php", b"<script>", b"#!/bin/sh", b"<svg>", b"<html>"]))
def test_white_space_hides_no_active_content(space: str, markup: bytes):
    assert identify(space.encode() + markup) in ACTIVE_CONTENTS


@given(st.binary(max_size=200), st.sampled_from([b"<script>", b"<iframe ", b"<!doctype html"]))
def test_a_page_is_never_plain_text(before: bytes, markup: bytes):
    assert identify(before + markup) != "text/plain"
