"""Office documents and archives: packages of XML (OOXML, ODF), plain ZIP files, and the older OLE containers.

Nothing is unpacked to disk. A package is measured by its directory first (``packages``); then every member is unpacked
once, in memory and window by window: shown to the scanner, and its XML read by a parser that refuses a DOCTYPE and
with it every entity (XXE, billion laughs: OWASP ASVS 5.0, 1.5.1).
"""

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from xml.parsers import expat

from holdall.adapters.inspect import ole, packages, polyglot
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.packages import BROKEN, Look
from holdall.adapters.inspect.refusals import Corrupt
from holdall.domain.files import Inspection
from holdall.domain.policy import InspectionLimits
from holdall.domain.signatures import identify

_MAX_SMALL_PART_BYTES = 4 << 20
"""Content types and relationships; those of a 1000-page document are under 100 KB."""
_MAX_EMBEDDED_BYTES = 64 << 20
"""An embedded workbook up to this size is looked into; a larger one counts as an archive."""
_HEAD_BYTES = 8192

_MAIN_TYPES = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "wordprocessingml.document.main+xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "spreadsheetml.sheet.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (
        "presentationml.presentation.main+xml"
    ),
}
"""The content type that the main part of each OOXML type has, behind ``application/vnd.openxml….``; those of macro
documents (``…macroEnabled…``) are others, so a DOCM by the name of a DOCX is refused."""
_ODF = "application/vnd.oasis.opendocument."
_ARCHIVES = frozenset(
    {
        "application/zip",
        "application/gzip",
        "application/x-tar",
        "application/x-7z-compressed",
        "application/vnd.rar",
        "application/x-xz",
        "application/x-bzip2",
        "application/zstd",
    }
)
_HARMLESS_LINKS = frozenset({"hyperlink"})
"""External relationships of these kinds wait for a click."""
_PICTURE_LINKS = frozenset({"image", "audio", "video", "media", "linkedpicture"})
_LOCAL_TARGET = re.compile(r"(?:file:/{3}|file:(?!//)|[a-z]:[\\/]|(?![a-z][a-z0-9+.-]*:|[\\/]{2}))", re.IGNORECASE)
"""What leads no further than the reader's own machine: ``file:///C:/…``, ``C:\\…`` or a relative path."""
_MAY_HAVE_FIELDS = re.compile(rb"i\0?n\0?s\0?t\0?r")
_DDE = re.compile(r"\bDDE(?:AUTO)?\b", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<\0?!\0?(?:D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")

_Attributes = dict[str, str]
_SeeElement = Callable[[str, _Attributes], None]


def unseen(_window: bytes, _is_first: bool) -> None:  # noqa: FBT001  the shape of a Look
    """For an inspection that shows nothing to a scanner."""


def is_package(mime: str) -> bool:
    """Whether files of this type are ZIP packages, whose members are to be scanned too."""
    return mime == "application/zip" or mime in _MAIN_TYPES or mime.startswith(_ODF)


def inspect(file: int, job: Job, look: Look = unseen) -> Inspection:
    """Prove an office document or archive by what every such file must have, and name what is active in it.

    ``look`` is shown every member that is unpacked, window by window.

    Raises:
        Corrupt: it lacks that, it is cut short, or it breaks one of the rules for packages. A plain ZIP that breaks
            one is not corrupt: nobody here unpacks it to disk, so the rule is named among the findings.

    """
    with os.fdopen(os.dup(file), "rb") as stream:
        if job.mime in ole.STREAMS:
            findings, end = ole.findings(stream, job.mime)
            findings = (*polyglot.of_document(file, os.fstat(file).st_size, end), *findings)
            return Inspection(job.mime, findings=findings)
        try:
            named = _findings(stream, packages.in_file(file), os.fstat(file).st_size, job, look)
        except BROKEN as error:
            raise Corrupt(f"the package is broken: {error}"[:200]) from error
    return Inspection(job.mime, findings=tuple(dict.fromkeys(named)))


def _findings(stream: io.BufferedReader, read: packages.ReadAt, size: int, job: Job, look: Look) -> list[str]:
    """Measure the package, then look into what its type says is there."""
    is_plain = job.mime == "application/zip"
    if packages.announces_too_many(read, size, job.limits):
        if is_plain:
            return ["zip-too-many-members"]
        raise Corrupt("the package breaks a rule: zip-too-many-members")
    with zipfile.ZipFile(stream) as package:
        oddities = list(packages.oddities(package, read, size, job.limits))
        if is_plain:
            return [*oddities, *_zip_findings(package, job.limits, look)]
        if oddities:
            raise Corrupt(f"the package breaks a rule: {oddities[0]}")
        if job.mime in _MAIN_TYPES:
            return list(_ooxml_findings(package, _MAIN_TYPES[job.mime], job.limits, look))
        return list(_odf_findings(package, job.mime, look))


# ── plain archives ───────────────────────────────────────────────────────────────────────────────────────────────


def _zip_findings(package: zipfile.ZipFile, limits: InspectionLimits, look: Look) -> Iterator[str]:
    """Unpack what may be, for the scanner and for its checksums; name what did not, and archives."""
    left = limits.max_unpacked_bytes
    for member in package.infolist()[: limits.max_members]:
        left -= member.file_size
        if left < 0 or not packages.may_be_unpacked(member, limits):
            continue  # why not is among the oddities
        try:
            head = _unpacked(package, member, look)
        except BROKEN:
            yield "zip-unreadable-member"
        else:
            if identify(head) in _ARCHIVES:
                yield "nested-archive"


def _unpacked(
    package: zipfile.ZipFile, member: zipfile.ZipInfo, look: Look, feed: Callable[[bytes], object] = bytes
) -> bytes:
    """Unpack a member to its end, showing its windows and feeding its pieces; returns its first bytes."""
    head = b""
    for number, (piece, window) in enumerate(packages.windows(package, member)):
        if number == 0:
            head = piece[:_HEAD_BYTES]
        look(window, number == 0)
        feed(piece)
    return head


# ── OOXML ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ooxml_findings(package: zipfile.ZipFile, main_type: str, limits: InspectionLimits, look: Look) -> Iterator[str]:
    """Find the main part, read every part to its end, and name what is active in them."""
    types = _content_types(package)
    main = [name for name, type in types if type == f"application/vnd.openxmlformats-officedocument.{main_type}"]
    if len(main) != 1 or main[0] not in package.namelist():
        raise Corrupt("the package has no main part of its type")
    if any("macroenabled" in type.casefold() or "vbaproject" in type.casefold() for _, type in types):
        yield "ooxml-macros"
    for member in package.infolist():
        yield from _ooxml_part_findings(package, member, limits, look)


def _content_types(package: zipfile.ZipFile) -> list[tuple[str, str]]:
    """What ``[Content_Types].xml`` says: part (or extension) and content type."""
    found: list[tuple[str, str]] = []

    def see(_: str, attributes: _Attributes) -> None:
        name = attributes.get("PartName") or attributes.get("Extension", "")
        found.append((name.removeprefix("/"), attributes.get("ContentType", "")))

    _parse(package, package.getinfo("[Content_Types].xml"), see)
    return found


def _ooxml_part_findings(
    package: zipfile.ZipFile, member: zipfile.ZipInfo, limits: InspectionLimits, look: Look
) -> Iterator[str]:
    """What one part is or has."""
    name = member.filename.casefold()
    if name.endswith((".xml", ".rels")):
        has_fields = _read_xml(package, member, look)
        if name.endswith(".rels"):
            yield from _relationship_findings(package, member)
        elif has_fields and _has_dde(package, member):
            yield "ooxml-dde"
        head = b""
    else:
        head = _unpacked(package, member, look, _refuse_entities if name.endswith(".vml") else bytes)
    if name.endswith(("vbaproject.bin", "vbadata.xml")):
        yield "ooxml-macros"
    if "/activex/" in name:
        yield "ooxml-activex"
    elif "/embeddings/" in name:
        yield "ooxml-embedded"
    if head and identify(head) in _ARCHIVES:
        yield from _archive_findings(package, member, limits, look)


def _archive_findings(
    package: zipfile.ZipFile, member: zipfile.ZipInfo, limits: InspectionLimits, look: Look
) -> Iterator[str]:
    """An archive in a package; one that is the workbook of a chart, say, is looked into once, and no deeper."""
    if "/embeddings/" not in member.filename.casefold() or member.file_size > _MAX_EMBEDDED_BYTES:
        yield "nested-archive"
        return
    data = package.read(member)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            yield from _embedded_findings(inner, data, limits, look)
    except BROKEN:
        yield "nested-archive"


def _embedded_findings(inner: zipfile.ZipFile, data: bytes, limits: InspectionLimits, look: Look) -> Iterator[str]:
    """An embedded package may be an honest OOXML package without macros and without a further archive."""
    if "[Content_Types].xml" not in inner.namelist():
        yield "nested-archive"
        return
    if next(packages.oddities(inner, packages.in_memory(data), len(data), limits), ""):
        yield "nested-archive"
        return
    for member in inner.infolist():
        if member.filename.casefold().endswith("vbaproject.bin"):
            yield "ooxml-macros"
        if identify(_unpacked(inner, member, look)) in _ARCHIVES:
            yield "nested-archive"


def _relationship_findings(package: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[str]:
    """Where a relationships part has the program fetch something by itself.

    Ordinary hyperlinks are external too, and wait for a click. Word writes the path of the author's own template
    into every document that was made from one, and that leads nowhere else.
    """
    found: list[str] = []

    def see(_: str, attributes: _Attributes) -> None:
        kind = attributes.get("Type", "").rpartition("/")[2].casefold()
        if kind == "afchunk":
            found.append("ooxml-embedded")
        if attributes.get("TargetMode", "").casefold() == "external" and kind not in _HARMLESS_LINKS:
            found.append(_external_finding(kind, attributes.get("Target", "")))

    _parse(package, member, see)
    yield from found


def _external_finding(kind: str, target: str) -> str:
    """What an external relationship is called."""
    if kind in _PICTURE_LINKS:
        return "ooxml-external-image"
    return "ooxml-local-template" if _LOCAL_TARGET.match(target) else "ooxml-external-template"


def _has_dde(package: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Whether a field of the part starts another program; its code may be spread over many runs."""
    codes: list[str] = []
    is_code = False

    def start(element: str, attributes: _Attributes) -> None:
        nonlocal is_code
        is_code = element.endswith("instrText")
        codes.extend(f" {value} " for name, value in attributes.items() if name.endswith("instr"))

    def text(data: str) -> None:
        if is_code:
            codes.append(data)

    def end(_: str) -> None:
        nonlocal is_code
        is_code = False

    parser = _parser()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    for piece, _ in packages.windows(package, member):
        parser.Parse(piece, False)
    return bool(_DDE.search("".join(codes)))


# ── ODF ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _odf_findings(package: zipfile.ZipFile, mime: str, look: Look) -> Iterator[str]:
    """An ODF package names its type in its first member, and has its text in ``content.xml``."""
    first = package.infolist()[0] if package.infolist() else None
    if first is None or first.filename != "mimetype" or package.read(first)[:200] != mime.encode():
        raise Corrupt("the package does not begin by naming its type")
    manifest = package.getinfo("META-INF/manifest.xml")
    is_encrypted = b"encryption-data" in package.read(_small(manifest))
    if is_encrypted:
        yield "odf-encrypted"
    package.getinfo("content.xml")
    for member in package.infolist():
        if member.filename.endswith(".xml") and not is_encrypted and not _is_odf_macro(member):
            _read_xml(package, member, look, may_have_doctype=member is manifest)
        elif identify(_unpacked(package, member, look)) in _ARCHIVES:
            yield "nested-archive"
        if _is_odf_macro(member):
            yield "odf-macros"


def _is_odf_macro(member: zipfile.ZipInfo) -> bool:
    return member.filename.startswith(("Basic/", "Scripts/"))


# ── XML ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _small(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member, which is small in every honest file."""
    if member.file_size > _MAX_SMALL_PART_BYTES:
        raise Corrupt(f"{member.filename[:80]} is too large")
    return member


def _parse(package: zipfile.ZipFile, member: zipfile.ZipInfo, see: _SeeElement) -> None:
    """Tell ``see`` of each element of a small XML part."""
    parser = _parser()
    parser.StartElementHandler = see
    _well_formed(member, parser, [package.read(_small(member))])


def _read_xml(package: zipfile.ZipFile, member: zipfile.ZipInfo, look: Look, *, may_have_doctype: bool = False) -> bool:
    """Read an XML part to its end; returns whether it may have fields.

    The manifests of old OpenOffice name their DTD. It is not fetched, and they may declare no entity themselves.
    """
    parser = _parser()
    if may_have_doctype:
        parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = None, _refuse_doctype
    has_fields = False

    def pieces() -> Iterator[bytes]:
        nonlocal has_fields
        for number, (piece, window) in enumerate(packages.windows(package, member)):
            look(window, number == 0)
            has_fields = has_fields or bool(_MAY_HAVE_FIELDS.search(window))
            yield piece

    _well_formed(member, parser, pieces())
    return has_fields


def _parser() -> expat.XMLParserType:
    """A parser that refuses a DOCTYPE."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _well_formed(member: zipfile.ZipInfo, parser: expat.XMLParserType, pieces: Iterable[bytes]) -> None:
    """Parse to the end."""
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Corrupt(f"{member.filename[:80]} is not well-formed XML: {error}") from error


def _refuse_doctype(*_: object) -> None:
    """Entities are declared in a DOCTYPE, and no office program writes one."""
    raise Corrupt("an XML part has a DOCTYPE")


def _refuse_entities(piece: bytes) -> None:
    """As above, of drawings in VML, which Excel writes as loosely as HTML, so that no parser reads them."""
    if _DOCTYPE.search(piece):
        raise Corrupt("an XML part has a DOCTYPE")
