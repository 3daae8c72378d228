"""The names of Lucide's icons, as ``domain/bookkeeping/lucide.txt`` lists them.

Taken from the npm packages ``lucide-static``, of which only the names of the icons' files are read, aliases among them:

    npm pack lucide-static@<version> && tar xzf lucide-static-<version>.tgz
    python -m tests.support.lucide_names <folder>/package [<folder of an older version>/package …]

An older version is named for what was taken out since: clients of its time still send those.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

LIST = Path(__file__).parents[2] / "src" / "holdall" / "domain" / "bookkeeping" / "lucide.txt"


def render(packages: Sequence[Path]) -> str:
    """The whole file: where the names are from, and every name once."""
    versions = [json.loads((package / "package.json").read_text())["version"] for package in packages]
    names = {icon.stem for package in packages for icon in (package / "icons").glob("*.svg")}
    head = (
        f"# Names of icons, with aliases, of lucide-static {' and '.join(versions)}; by tests/support/lucide_names.py.",
        "# Lucide is under the ISC License, (c) Lucide Icons and Contributors, in part (c) Cole Bemis (MIT License).",
    )
    return "\n".join((*head, *sorted(names))) + "\n"


if __name__ == "__main__":
    LIST.write_text(render([Path(folder) for folder in sys.argv[1:]]))
