"""The list of modules in docs/explanation/architecture.md, made from the modules' own docstrings (``make docs``)."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
SOURCE = ROOT / "src" / "holdall"
FOLDERS = (
    ".",
    "domain",
    "domain/fieldtypes",
    "domain/bookkeeping",
    "domain/formulas",
    "domain/formulas/families",
    "flows",
    "web",
    "dialects/bika",
    "dialects/pika",
)
ENGINES = ("adapters", "adapters/blobs", "adapters/db", "adapters/inspect", "adapters/scan")
_MARK = "<!-- The rest is written by `make docs`. -->\n"


def promise(module: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(module.read_text())) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("|", "\\|").replace("``", "`")


def render() -> str:
    """The whole page: what stands above the mark is kept."""
    above = PAGE.read_text().partition(_MARK)[0]
    return above + _MARK + "\n" + "\n".join(line for folder in (*FOLDERS, *ENGINES) for line in _table(folder))


def _table(folder: str) -> Iterator[str]:
    yield f"## `{(Path('holdall') / folder).as_posix()}`\n"
    yield "| module | what lives there |\n|---|---|"
    for module in sorted((SOURCE / folder).glob("*.py")):
        if module.name != "__init__.py":
            yield f"| `{module.stem}` | {promise(module)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(render())
