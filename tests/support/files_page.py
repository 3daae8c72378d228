"""The two tables of docs/reference/files.md that say what is taken and what is done about what is found."""

from pathlib import Path

from holdall.dialects.bika.policy import attachment_policy
from holdall.dialects.pika.policy import DOCUMENT, IMAGE
from holdall.domain.files import Family, FileType
from holdall.domain.findings import FINDINGS
from holdall.domain.policy import MIB, InspectionLimits
from holdall.domain.signatures import DECODED_ONLY, MORE_IMAGES, TYPES
from holdall.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "files.md"
MARK = "<!-- {}: written by `make docs` from the code -->"
END = "<!-- end -->"
LIMITS = InspectionLimits()
BIKA = attachment_policy(Settings().max_upload_bytes)

_PIXELS = (
    f"{LIMITS.max_pixels // 10**6} Mpx; {LIMITS.max_frames} frames of {LIMITS.max_animated_pixels // 10**6} Mpx in all"
)
_MEMBERS = f"{LIMITS.max_members} members, {LIMITS.max_unpacked_bytes // MIB} MiB, ratio {LIMITS.max_ratio}"
_UNPACKED = {Family.IMAGE: _PIXELS, Family.VECTOR: "4 MiB, 100,000 elements, 200,000 drawn"}
_CHECKED = {
    Family.IMAGE: "header, then every scanline of every frame; thumbnail",
    Family.PDF: "parses without repair, has a page; every object is looked through",
    Family.OFFICE: "every member unpacked, its XML parsed without DTD, its bytes scanned",
    Family.TEXT: "every byte is text; the encoding is kept and told on download",
    Family.VECTOR: "written anew from a list of what draws; that is what is kept",
    Family.OPAQUE: "first bytes and malware rules only",
}
_OLE = ("doc", "xls", "ppt")


def render() -> str:
    """The page with both tables as the code has them."""
    text = PAGE.read_text()
    for name, table in (("types", types_table()), ("findings", findings_table())):
        head, begin, rest = text.partition(MARK.format(name))
        text = head + begin + "\n\n" + table + "\n" + END + rest.partition(END)[2]
    return text


def types_table() -> str:
    """A line for each type."""
    lines = [
        "| type | extensions | packed: bika | packed: pika | unpacked | how far it is checked | findings | in a tab |",
        "|---|---|---|---|---|---|---|---|",
    ]
    asked_for = {type.mime: name for name, type in MORE_IMAGES.items()}
    for type in TYPES:
        lines.append(_type_line(type, ""))
        if type.mime in asked_for:
            lines.append(_type_line(MORE_IMAGES[asked_for.pop(type.mime)], ", if [asked for](settings.md)"))
    lines += [_type_line(MORE_IMAGES[name], ", if [asked for](settings.md)") for name in asked_for.values()]
    return "\n".join(lines) + "\n"


def _type_line(type: FileType, note: str) -> str:
    pika = [policy for policy in (IMAGE, DOCUMENT) if any(taken.mime == type.mime for taken in policy.kind.types)]
    is_asked_for = bool(note)
    packed = (
        f"{pika[0].kind.max_bytes // MIB} MiB"
        if pika
        else f"{IMAGE.kind.max_bytes // MIB} MiB"
        if is_asked_for and type.mime not in DECODED_ONLY
        else "–"
    )
    extensions = " ".join(type.extensions) if type.extension != "bin" else "any other"
    checked = _CHECKED[type.family]
    if type.family is Family.OFFICE and type.extension in _OLE:
        checked = "an OLE container with the stream of its type; every stream read to its end"
    if type.extension == "zip":
        checked = "every member that the limits allow is unpacked and scanned"
    cells = [
        f"`{type.mime}`{note}",
        extensions,
        f"{BIKA.kind.max_bytes >> 30} GiB",
        packed,
        _unpacked(type),
        checked,
        ", ".join(f"`{prefix}`" for prefix in _prefixes(type)) or "–",
        "yes" if type.is_inline else "no",
    ]
    return f"| {' | '.join(cells)} |"


def _unpacked(type: FileType) -> str:
    if type.family is Family.OFFICE:
        return "as packed" if type.extension in _OLE else _MEMBERS
    return _UNPACKED.get(type.family, "as packed" if type.family is Family.TEXT else "not unpacked")


_FOUND = {
    Family.IMAGE: ["polyglot", "trailing-data"],
    Family.PDF: ["pdf-…", "polyglot", "leading-data"],
    Family.VECTOR: ["svg-cleaned"],
}


def _prefixes(type: FileType) -> list[str]:
    """What the findings of a type begin with."""
    if type.family is not Family.OFFICE:
        return _FOUND.get(type.family, [])
    if type.extension in _OLE:
        return ["ole-…", "polyglot"]
    if type.extension == "zip":
        return ["zip-…", "nested-archive", "leading-data", "trailing-data"]
    return ["ooxml-…" if "openxml" in type.mime else "odf-…", "nested-archive"]


def findings_table() -> str:
    """A line for each finding."""
    lines = ["| finding | the file is sound, and … | pika | bika |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {meaning} | {IMAGE.findings.action(name)} | {BIKA.findings.action(name)} |"
        for name, meaning in FINDINGS.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render())
