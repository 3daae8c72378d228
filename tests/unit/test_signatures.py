"""Identification by first bytes, and the table of types."""

import codecs
from collections import Counter

import pytest

from holdall.domain.files import Family, FileType
from holdall.domain.signatures import ACTIVE_CONTENTS, OPAQUE, TYPES, identify
from tests.support import images

BOM = codecs.BOM_UTF8
ISO = b"\x00\x00\x00\x18ftyp"

HEADS = [
    (b"", "application/x-empty"),
    # images
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a<script>", "image/gif"),
    (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"II*\x00\x08\x00", "image/tiff"),
    (b"MM\x00*\x00", "image/tiff"),
    (b"BM" + bytes(4) + bytes(4) + b"\x36\0\0\0" + b"\x28\0\0\0", "image/bmp"),
    (b"BMW, Audi and others\n", "text/plain"),
    (ISO + b"avif\0\0\0\0avifmif1", "image/avif"),
    (ISO + b"mif1\0\0\0\0mif1avif", "image/avif"),
    (ISO + b"heic\0\0\0\0mif1heic", "image/heic"),
    (ISO + b"mif1\0\0\0\0mif1miaf", "image/heic"),
    # media
    (ISO + b"isom\0\0\0\0isommp42", "video/mp4"),
    (ISO + b"qt  \0\0\0\0qt  ", "video/quicktime"),
    (b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime"),
    (b"\x1a\x45\xdf\xa3\x9fB\x82\x84webm", "video/webm"),
    (b"\x1a\x45\xdf\xa3\x9fB\x82\x88matroska", "video/x-matroska"),
    (b"ID3\x04\x00\x00", "audio/mpeg"),
    (b"\xff\xfb\x90\x64\x00", "audio/mpeg"),
    (b"\xff\xff\xff\xff\xff", "text/plain"),
    (b"OggS\x00\x02", "audio/ogg"),
    (b"fLaC\x00\x00\x00\x22", "audio/flac"),
    (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
    # archives and documents
    (b"PK\x03\x04\x14", "application/zip"),
    (b"PK\x05\x06" + bytes(18), "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/vnd.rar"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"BZh91AY&SY", "application/x-bzip2"),
    (b"BZh is how it begins", "text/plain"),
    (b"a.txt".ljust(257, b"\0") + b"ustar\x0000", "application/x-tar"),
    (rb"{\rtf1\ansi", "application/rtf"),
    (b"%PDF-1.7\n", "application/pdf"),
    (b"junk\n%PDF-1.4\n", "application/pdf"),
    (b"\x00\x01\x02%PDF-1.4\n", "application/pdf"),
    (bytes(1100) + b"%PDF-1.4\n", "application/octet-stream"),
    (b"A file that begins with %PDF-1.4 is a PDF", "text/plain"),
    (b"<html><!--\n%PDF-1.4\n", "text/html"),
    # programs
    (b"\x7fELF\x02", "application/x-executable"),
    (b"MZ\x90\x00\x03", "application/x-msdownload"),
    (b"MZ,Mozambique\n", "text/plain"),
    (b"\xcf\xfa\xed\xfe\x07", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe\x00\x00\x00\x02", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe\x00\x00\x00\x41", "application/java-vm"),
    (b"\x00asm\x01", "application/wasm"),
    # scripts and markup
    (b"#!/bin/sh\n", "text/x-script"),
    (BOM + b"#!/bin/sh\n", "text/x-script"),
    (b"<%@ page import='x' %>", "text/x-script"),
    (b"<?php echo 1;", "text/x-php"),
    (b" \r\n<?PHP echo 1;", "text/x-php"),
    (b"<?= 1 ?>", "text/x-php"),
    (b"<? echo 1 ?>", "text/x-php"),
    (b"<!DOCTYPE html><p>", "text/html"),
    (b"\n <HTML >", "text/html"),
    (b"hello <ScRiPt>alert(1)</script>", "text/html"),
    (b"hello <iframe src=x>", "text/html"),
    (b"\0\1 <script>", "text/html"),
    ("\ufeff<html>".encode("utf-16-le"), "text/html"),
    ("\ufeff<html>".encode("utf-16-be"), "text/html"),
    (b"<?xml version='1.0'?><html xmlns='x'/>", "text/html"),
    (b"<p align=center>A readme</p>", "text/plain"),
    (b"# On tags\n" + bytes(b"x" * 300) + b"<script>", "text/plain"),
    (b"<svg xmlns='x'>", "image/svg+xml"),
    (BOM + b"<?xml version='1.0'?>\n<!-- a -->\n<svg/>", "image/svg+xml"),
    (b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><s:svg xmlns:s='x'/>", "image/svg+xml"),
    (b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'>\n<a>", "image/svg+xml"),
    (b"<!-- " + b"x" * 9000, "application/xml"),
    (b"<?xml version='1.0'?><feed/>", "application/xml"),
    # text
    (b"plain", "text/plain"),
    ("žluťoučký".encode(), "text/plain"),
    ("žluťoučký".encode()[:2], "text/plain"),
    ("caf\xe9".encode("latin-1"), "text/plain"),
    ("\ufeffwide".encode("utf-16-le"), "text/plain"),
    ("\ufeffwide".encode("utf-16-be") + b"\0", "text/plain"),
    (b"\xff\xfe\x00\xd8\x41\x00", "application/octet-stream"),
    (b"tab\tand\x1b[1mcolour\x0cpage", "text/plain"),
    (b"bell\x07", "application/octet-stream"),
    (b"nul\0", "application/octet-stream"),
    (b"\x00" * 100, "application/octet-stream"),
]


@pytest.mark.parametrize(("head", "mime"), HEADS, ids=lambda value: repr(value)[:40])
def test_first_bytes_tell_the_type(head: bytes, mime: str):
    assert identify(head) == mime


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (images.jpeg(), "image/jpeg"),
        (images.png(), "image/png"),
        (images.gif(frames=3), "image/gif"),
        (images.webp(), "image/webp"),
        (images.eicar(), "text/plain"),
    ],
)
def test_real_files_are_what_they_are(data: bytes, mime: str):
    assert identify(data[:8192]) == mime


SAMPLES = {mime: head for head, mime in reversed(HEADS)}


@pytest.mark.parametrize("type", TYPES, ids=lambda type: type.extension)
def test_every_type_may_begin_as_its_own_content(type: FileType):
    for mime in type.content or (type.mime,):
        if mime != "*":
            assert identify(SAMPLES[mime]) == mime
            assert type.may_begin_as(mime)


@pytest.mark.parametrize("type", TYPES, ids=lambda type: type.extension)
def test_no_type_but_the_opaque_one_may_begin_as_something_active(type: FileType):
    assert {mime for mime in ACTIVE_CONTENTS if type.may_begin_as(mime)} == (
        set(ACTIVE_CONTENTS) if type is OPAQUE else set()
    )


def test_extensions_and_mimes_are_unique_and_lower_case():
    extensions = [extension for type in TYPES for extension in type.extensions]

    assert [name for name, count in Counter(extensions).items() if count > 1] == []
    assert len({type.mime for type in TYPES}) == len(TYPES)
    assert all(extension == extension.lower().lstrip(".") for extension in extensions)


def test_only_raster_images_that_were_decoded_here_are_shown_inline():
    inline = {type.mime for type in TYPES if type.is_inline}

    assert inline == {"image/jpeg", "image/png", "image/gif", "image/webp"}


def test_every_type_that_is_parsed_has_a_parser():
    images_ = {type.mime for type in TYPES if type.family is Family.IMAGE}

    assert images_ == {"image/jpeg", "image/png", "image/gif", "image/webp"}
    assert OPAQUE.family is Family.OPAQUE
    assert OPAQUE.extension == "bin"
