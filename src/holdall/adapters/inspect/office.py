"""Office documents and archives: packages of XML (OOXML, ODF), plain ZIP files, and the older OLE containers.

Nothing is unpacked to disk. A package is measured by its directory first (how many members, how large, how densely
packed), and only its small XML parts are read, by a parser that refuses a DOCTYPE and with it every entity (XXE,
billion laughs: OWASP ASVS 5.0, 1.5.1).
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from xml.parsers import expat

from holdall.adapters.inspect import ole
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt
from holdall.domain.files import Inspection

MAX_MEMBERS = 2000
MAX_UNPACKED_BYTES = 512 << 20
MAX_RATIO = 200
"""Unpacked to packed, of one member: XML seldom passes 50, a bomb is near 1000 (deflate's own limit is 1032)."""
_RATIO_COUNTS_FROM_BYTES = 1 << 20
_MAX_SMALL_PART_BYTES = 4 << 20
"""Content types and relationships; those of a 1000-page document are under 100 KB."""
_PIECE_BYTES = 1 << 16
_ENCRYPTED_FLAG = 1

_MAIN_TYPES = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "wordprocessingml.document.main+xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "spreadsheetml.sheet.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (
        "presentationml.presentation.main+xml"
    ),
}
"""The content type that the main part of each OOXML type has, behind ``application/vnd.openxml….``; those of macro
documents (``…macroEnabled…``) are others, so a DOCM by the name of a DOCX is refused."""

_Attributes = dict[str, str]
_SeeElement = Callable[[str, _Attributes], None]


def inspect(file: int, job: Job) -> Inspection:
    """Prove an office document or archive by what every such file must have, and name what is active in it.

    Raises:
        Corrupt: it lacks that, it is cut short, or it breaks one of the rules for packages. A plain ZIP that breaks
            one is not corrupt: nobody here unpacks it, so the rule is named among the findings.

    """
    with os.fdopen(os.dup(file), "rb") as stream:
        if job.mime in ole.STREAMS:
            return Inspection(job.mime, findings=ole.findings(stream, job.mime))
        try:
            with zipfile.ZipFile(stream) as package:
                return Inspection(job.mime, findings=_package_findings(package, job.mime, os.fstat(file).st_size))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError) as error:
            raise Corrupt(f"the package is broken: {error}"[:200]) from error


def _package_findings(package: zipfile.ZipFile, mime: str, file_bytes: int) -> tuple[str, ...]:
    """Measure the package, then look into what its type says is there."""
    oddities = list(_oddities(package.infolist(), file_bytes))
    if mime == "application/zip":
        return tuple(dict.fromkeys(oddities))
    if oddities:
        raise Corrupt(f"the package breaks a rule: {oddities[0]}")
    if mime in _MAIN_TYPES:
        return tuple(_ooxml_findings(package, _MAIN_TYPES[mime]))
    return tuple(_odf_findings(package, mime))


def _oddities(members: list[zipfile.ZipInfo], file_bytes: int) -> Iterator[str]:
    """What no honest package has, by the directory alone: bombs, climbing names, links, doubles, secrets."""
    if len(members) > MAX_MEMBERS:
        yield "zip-too-many-members"
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        yield "zip-too-large-unpacked"
    if sum(member.compress_size for member in members) > file_bytes:
        yield "zip-overlapping-members"  # Fifield's bomb: many members that share one run of packed bytes
    if len({member.filename.casefold() for member in members}) < len(members):
        yield "zip-duplicate-names"  # two readers may each take another of them
    for member in members:
        yield from _member_oddities(member)


def _member_oddities(member: zipfile.ZipInfo) -> Iterator[str]:
    """As above, of one member."""
    if member.file_size > max(_RATIO_COUNTS_FROM_BYTES, member.compress_size * MAX_RATIO):
        yield "zip-ratio"
    if _leaves_its_folder(member.orig_filename):
        yield "zip-climbing-name"
    if stat.S_ISLNK(member.external_attr >> 16):
        yield "zip-symlink"
    if member.flag_bits & _ENCRYPTED_FLAG:
        yield "zip-encrypted-member"


def _leaves_its_folder(name: str) -> bool:
    """Whether unpacking the member would write outside the folder it is unpacked to, on any system."""
    steps = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in steps or ":" in steps[0] or "\x00" in name


def _ooxml_findings(package: zipfile.ZipFile, main_type: str) -> Iterator[str]:
    """Follow an OOXML package to its main part, read that to its end, and name what else is there."""
    main_part = _main_part(package, f"application/vnd.openxmlformats-officedocument.{main_type}")
    _read_xml(package, main_part, _see_nothing)
    names = [name.casefold() for name in package.namelist()]
    if any(name.endswith("vbaproject.bin") for name in names):
        yield "ooxml-macros"
    if any("/embeddings/" in name or "/activex/" in name for name in names):
        yield "ooxml-embedded"
    if any(_has_external_template(package, name) for name in package.namelist() if name.endswith(".rels")):
        yield "ooxml-external-template"


def _main_part(package: zipfile.ZipFile, content_type: str) -> str:
    """The name of the part that ``[Content_Types].xml`` gives the main part's type."""
    found: list[str] = []

    def see(element: str, attributes: _Attributes) -> None:
        if element.endswith("Override") and attributes.get("ContentType") == content_type:
            found.append(attributes.get("PartName", "").removeprefix("/"))

    _read_small_xml(package, "[Content_Types].xml", see)
    if len(found) != 1 or found[0] not in package.namelist():
        raise Corrupt("the package has no main part of its type")
    return found[0]


def _has_external_template(package: zipfile.ZipFile, name: str) -> bool:
    """Whether a relationships part points the program to fetch a template, frame or object from elsewhere.

    Ordinary hyperlinks are external too, and wait for a click.
    """
    found: list[str] = []

    def see(_: str, attributes: _Attributes) -> None:
        kind = attributes.get("Type", "").rpartition("/")[2]
        if attributes.get("TargetMode") == "External" and kind != "hyperlink":
            found.append(kind)

    _read_small_xml(package, name, see)
    return bool({"attachedTemplate", "oleObject", "frame", "subDocument"} & {*found})


def _odf_findings(package: zipfile.ZipFile, mime: str) -> Iterator[str]:
    """An ODF package names its type in its first member, and has its text in ``content.xml``."""
    first = package.infolist()[0] if package.infolist() else None
    if first is None or first.filename != "mimetype" or package.read(first)[:200] != mime.encode():
        raise Corrupt("the package does not begin by naming its type")
    is_encrypted = b"encryption-data" in _small_part(package, "META-INF/manifest.xml")
    if is_encrypted:
        yield "odf-encrypted"
    else:
        _read_xml(package, "content.xml", _see_nothing)
    if any(name.startswith(("Basic/", "Scripts/")) for name in package.namelist()):
        yield "odf-macros"


def _read_small_xml(package: zipfile.ZipFile, name: str, see: _SeeElement) -> None:
    """As ``_read_xml``, for parts that are small in every honest file."""
    if package.getinfo(name).file_size > _MAX_SMALL_PART_BYTES:
        raise Corrupt(f"{name[:80]} is too large")
    _read_xml(package, name, see)


def _small_part(package: zipfile.ZipFile, name: str) -> bytes:
    """The whole of a small part."""
    with package.open(name) as part:
        return part.read(_MAX_SMALL_PART_BYTES)


def _read_xml(package: zipfile.ZipFile, name: str, see: _SeeElement) -> None:
    """Read one XML part to its end, which also checks its CRC, telling ``see`` of each element."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = see
    try:
        with package.open(name) as part:
            for piece in iter(lambda: part.read(_PIECE_BYTES), b""):
                parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Corrupt(f"{name[:80]} is not well-formed XML: {error}") from error


def _refuse_doctype(*_: object) -> None:
    """Entities are declared in a DOCTYPE, and no office program writes one."""
    raise Corrupt("an XML part has a DOCTYPE")


def _see_nothing(_: str, __: _Attributes) -> None:
    """Whoever only wants to know that a part is well-formed looks at no element."""
