"""What a server needs to be of use, part by part, and what to do where one of them fails.

Everything here may be told to a stranger: it is the same on every installation. What names hosts, folders or figures
is a light's ``detail``, which is for operators.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What is looked at."""

    SERVER = "server"
    DATABASE = "database"
    STORE = "store"
    ROOM = "room"
    INSPECTOR = "inspector"
    CLAMAV = "clamav"
    REDIS = "redis"


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    FAILED = "failed"
    SILENT = "silent"
    """It gave no answer in time."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Words:
    """What the lack of a part means, and what to do about it."""

    why: str
    remedy: str


WORDS = {
    Part.SERVER: Words(
        "The server was asked to stop, and finishes what it has begun",
        "Send new requests to another node. Should it not have been asked to: see who sent SIGTERM.",
    ),
    Part.DATABASE: Words(
        "The database does not read or does not commit",
        "PostgreSQL: see that it runs, takes connections, and that HOLDALL_DATABASE_URL leads to it. SQLite: see that "
        "the disk of the data folder is there and has room, and that no other program holds the file locked.",
    ),
    Part.STORE: Words(
        "The store of the files cannot be reached or written to",
        "S3: see that HOLDALL_S3_ENDPOINT answers, that the bucket is there, and that the keys are good. A folder: see "
        "that its disk is mounted, and that it belongs to the user that runs Holdall.",
    ),
    Part.ROOM: Words(
        "There is too little room on the disk of the data folder",
        "Free some room, or move HOLDALL_DATA_DIR to a larger disk. HOLDALL_READY_FREE_BYTES is what must be free.",
    ),
    Part.INSPECTOR: Words(
        "No process starts that looks through files, so no file is taken",
        "See that memory and process ids are not used up, and that the rules of HOLDALL_RULES_DIR are whole.",
    ),
    Part.CLAMAV: Words(
        "No clamd answers, so files are not scanned by it",
        "Start clamd, let Holdall's user reach it, or mend HOLDALL_CLAMAV.",
    ),
    Part.REDIS: Words(
        "Redis does not count, so limits are not shared between nodes, and sign-ins may be closed",
        "Start Redis, let Holdall reach it and write to it, or mend HOLDALL_REDIS_URL. HOLDALL_LIMITS_WITHOUT_REDIS "
        "says what becomes of each limit until then.",
    ),
}


@dataclass(frozen=True, slots=True)
class Light:
    """How a part was when it was last looked at."""

    part: Part
    state: State
    detail: str = ""
    """The cause as the part told it; for operators, as it may name hosts and folders."""
    is_needed: bool = True
    """Whether requests are to be sent elsewhere while it is red."""

    @property
    def is_green(self) -> bool:
        """Whether nothing is to be done."""
        return self.state is State.OK

    @property
    def words(self) -> Words:
        """What to say of it when it is red."""
        return WORDS[self.part]


def is_ready(lights: Iterable[Light]) -> bool:
    """Whether requests may be sent here: everything that is needed is there."""
    return all(light.is_green or not light.is_needed for light in lights)
