"""What an inspector may find in a sound file, and what a door does about it: allow, flag or refuse.

A finding is no damage: a PDF with JavaScript is a PDF. Whether it may come in is the policy of the door, changed by
the operator and, one day, by the space. The whole table: docs/reference/files.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Action(StrEnum):
    """What is done about a finding."""

    ALLOW = "allow"
    """Nothing; it is not even kept with the file."""
    FLAG = "flag"
    """The file comes in, and the finding is kept with it."""
    REFUSE = "refuse"
    """The file does not come in."""


FINDINGS: Mapping[str, str] = {
    "polyglot": "it is also a file of another kind",
    "leading-data": "something stands before its beginning",
    "trailing-data": "something stands behind its end",
    "nested-archive": "it holds an archive",
    "svg-cleaned": "it held scripts, links or elements that were taken out",
    "pdf-encrypted": "it is encrypted",
    "pdf-javascript": "it holds JavaScript",
    "pdf-launch": "it starts programs, sends forms or opens other files",
    "pdf-embedded-files": "it holds other files",
    "pdf-xfa": "it holds an XFA form",
    "pdf-rich-media": "it holds films, sounds or models",
    "pdf-many-objects": "it has more objects than are looked through",
    "pdf-warnings": "its structure is odd, and not so broken that it needs repair",
    "ooxml-macros": "it holds macros, which its type must not have",
    "ooxml-embedded": "it holds an embedded object",
    "ooxml-external-template": "it fetches a template, frame or object from another host",
    "ooxml-external-image": "it fetches pictures or data from elsewhere",
    "ooxml-local-template": "it names a template on its author's machine",
    "ooxml-activex": "it holds ActiveX controls",
    "ooxml-dde": "it has a DDE field, which starts programs",
    "odf-macros": "it holds macros",
    "odf-encrypted": "it is encrypted",
    "ole-macros": "it holds macros",
    "ole-embedded": "it holds an embedded object",
    "ole-encrypted": "it is encrypted",
    "zip-too-many-members": "it has too many members",
    "zip-too-large-unpacked": "it is too large unpacked",
    "zip-ratio": "a member is packed more densely than honest ones are",
    "zip-overlapping-members": "its members share packed bytes",
    "zip-duplicate-names": "two members have one name",
    "zip-climbing-name": "a member's name leads out of its folder",
    "zip-symlink": "a member is a symbolic link",
    "zip-encrypted-member": "a member is encrypted",
    "zip-inconsistent": "its directory and its members say different things",
    "zip-method": "a member is packed in an unusual way",
    "zip-unreadable-member": "a member does not unpack, so it was not scanned",
}
"""Every finding, by name, in the words that complete "was refused, since …"."""


@dataclass(frozen=True, slots=True)
class FindingsPolicy:
    """Which findings are refused and which are allowed; the others are flagged. What is not in the table is refused."""

    refused: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    def action(self, finding: str) -> Action:
        """What is done about this finding."""
        if finding in self.refused or finding not in FINDINGS:
            return Action.REFUSE
        return Action.ALLOW if finding in self.allowed else Action.FLAG

    def with_changes(self, changes: Mapping[str, Action]) -> "FindingsPolicy":
        """The same policy, with other actions for these findings."""
        kept = replace(self, refused=self.refused - changes.keys(), allowed=self.allowed - changes.keys())
        return FindingsPolicy(
            kept.refused | {name for name, action in changes.items() if action is Action.REFUSE},
            kept.allowed | {name for name, action in changes.items() if action is Action.ALLOW},
        )

    def first_refused(self, findings: Iterable[str]) -> str:
        """The first of a file's findings that keeps it out; ``""`` when none does."""
        return next((finding for finding in findings if self.action(finding) is Action.REFUSE), "")

    def flagged(self, findings: Iterable[str]) -> tuple[str, ...]:
        """Those of a file's findings that are kept with it."""
        return tuple(finding for finding in findings if self.action(finding) is Action.FLAG)


_HARMLESS = frozenset(
    {
        "trailing-data",
        "svg-cleaned",
        "pdf-warnings",
        "ooxml-embedded",
        "ooxml-external-image",
        "ooxml-local-template",
        "ole-embedded",
    }
)
STRICT = FindingsPolicy(refused=frozenset(FINDINGS) - _HARMLESS)
"""Whatever runs, hides or misleads stays out. What honest office programs and cameras write every day is flagged."""
TOLERANT = FindingsPolicy(refused=frozenset({"polyglot", "ooxml-macros"}))
"""For files that people keep for each other and nobody here opens: only what no honest program writes stays out."""


def parse_changes(text: str) -> dict[str, Action]:
    """``name=action`` pairs, separated by commas, as the settings write them.

    Raises:
        ValueError: a name is not in the table, or an action is not one of the three; the argument says which.

    """
    changes = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, action = (side.strip() for side in pair.partition("="))
        if name not in FINDINGS:
            raise ValueError(f"{name} is not a finding")
        if action not in {*Action}:
            raise ValueError(f"{name} can be allow, flag or refuse")
        changes[name] = Action(action)
    return changes
