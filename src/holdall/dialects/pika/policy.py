"""What Pika takes: images to 5 MiB, documents to 10 MiB (contract pika, section 14, C1 to C4)."""

from dataclasses import replace

from holdall.domain.policy import MIB, Kind, UploadPolicy
from holdall.domain.signatures import DOC, DOCX, GIF, JPEG, PDF, PNG, TXT, WEBP
from holdall.domain.variants import PICTURE

_TXT = replace(TXT, extensions=("txt",))
IMAGE = UploadPolicy(kind=Kind("image", (JPEG, PNG, GIF, WEBP), 5 * MIB), master=PICTURE)
DOCUMENT = UploadPolicy(kind=Kind("document", (PDF, DOC, DOCX, _TXT), 10 * MIB))
POLICIES = {"image": IMAGE, "document": DOCUMENT}

DOORS = ("avatar", "attachment", "other")
ENTITIES = ("person", "account", "transaction", "other")
ALLOWED_AT = {"avatar": ("person", "account"), "attachment": ("transaction", "other"), "other": ENTITIES}
"""What a file of each door may be for, where the house is strict (contract pika, section 14, C5)."""
