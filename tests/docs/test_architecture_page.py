"""The list of modules says of each what its own docstring says."""

import re

from tests.support.module_list import ENGINES, FOLDERS, PAGE, ROOT, SOURCE, render


def test_every_module_is_listed_with_its_own_words():
    """No module is missing, none is listed that is gone; `make docs` writes the list."""
    assert render() == PAGE.read_text()


def test_every_folder_with_modules_has_its_table():
    """Migrations aside, which Alembic names."""
    folders = {
        path.parent.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name != "__init__.py"
    }

    assert {folder for folder in folders if "migrations" not in folder} == {*FOLDERS, *ENGINES}


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
