"""What webhooks are told, where the world has moved on since."""

from datetime import UTC, datetime

import pytest

from holdall.dialects.bika.telling import _shown
from holdall.dialects.bika.wire import Wire
from holdall.domain.records import Database, Field, FieldType, Node, NodeType, Record
from holdall.web.links import Links

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
WIRE = Wire(Links("http://holdall.test", b"key" * 11, 3600), NOW)
NODE = Node(1, "datA", 1, None, NodeType.DATABASE, "Items")


@pytest.mark.parametrize("type", FieldType)
@pytest.mark.parametrize("kept", ["soon", 5, True, ["x"], [5], {"a": [1]}])
def test_a_field_that_is_of_another_type_by_now_breaks_nothing(type: FieldType, kept: object):
    """The record is told as far as it can be."""
    database = Database(NODE, (Field("fldA", "Field", type),))
    record = Record(1, "recA", "datA", 0, {"fldA": kept}, NOW, NOW, 1, 1)

    told = _shown(WIRE, database, record)

    assert (told["id"], told["createdAt"]) == ("recA", "2026-03-02T10:00:00.000Z")
    assert set(told["fields"]) <= {"Field"}
