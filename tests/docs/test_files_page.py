"""The page on files says what the code does."""

from holdall.dialects.pika.policy import DOCUMENT, IMAGE
from tests.support.files_page import PAGE, findings_table, render, types_table


def test_the_tables_are_those_of_the_code():
    """`make docs` writes them."""
    assert render() == PAGE.read_text()


def test_both_of_pikas_kinds_have_one_policy():
    """Which the page shows in one column."""
    assert IMAGE.findings == DOCUMENT.findings


def test_every_line_of_a_table_has_every_cell():
    for table in (types_table(), findings_table()):
        assert len({line.count(" | ") for line in table.splitlines() if not line.startswith("|---")}) == 1
