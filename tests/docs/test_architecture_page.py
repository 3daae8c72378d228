"""The list of modules says of each what its own docstring says."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
SOURCE = ROOT / "src"


def promise(module: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(module.read_text())) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("|", "\\|").replace("``", "`")


def listed() -> dict[str, str]:
    found: dict[str, str] = {}
    folder = ""
    for line in PAGE.read_text().splitlines():
        if heading := re.fullmatch(r"## `(.+)`", line):
            folder = heading[1]
        elif row := re.fullmatch(r"\| `(\w+)` \| (.*) \|", line):
            found[f"{folder}/{row[1]}"] = row[2]
    return found


def test_every_module_is_listed_with_its_own_words():
    """No module is missing, none is listed that is gone."""
    modules = (path for path in (SOURCE / "holdall").rglob("*.py") if path.name not in ("__init__.py", "env.py"))
    real = {
        path.relative_to(SOURCE).with_suffix("").as_posix(): promise(path)
        for path in modules
        if "migrations" not in path.parts
    }

    assert real == listed()


def test_every_decision_is_in_the_index():
    """The index names every file, and no other."""
    folder = ROOT / "docs" / "decisions"
    linked = set(re.findall(r"\]\((\d{4}-[^)]+\.md)\)", (folder / "README.md").read_text()))

    assert {path.name for path in folder.glob("[0-9]*.md")} == linked


def test_every_link_between_pages_leads_somewhere():
    """In the README and in all of docs."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        (page.name, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert not broken


def test_the_readme_is_short():
    """150 lines at most."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
