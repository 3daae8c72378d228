"""The stories of those who shape a space's tree: make, rename, move and delete folders and databases, and restore them.

Owners shape; editors fill what is there. A deleted node is out of sight with everything below it, and can be restored
until its grace is over; then a sweep takes it, portion by portion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from holdall.domain.access import Role, Space
from holdall.domain.records import Database, FieldType, Node, NodeType
from holdall.domain.structure import MAX_DEPTH, MAX_FIELDS, MAX_NODES, Removal, checked_description, checked_name
from holdall.domain.views import View
from holdall.errors import LossRefused, Missing, StructureRefused
from holdall.flows.fields import NewField, add_field
from holdall.flows.outbox import tell_of_node
from holdall.flows.records import Tree
from holdall.flows.shaping import Shaping
from holdall.ports import DroppedField, Ledger, Services

_PREFIX = {NodeType.FOLDER: "fod", NodeType.DATABASE: "dat"}
_PORTION = 1_000
"""Records that one transaction of a sweep forgets or strips."""
_BATCH = 200


@dataclass(frozen=True, slots=True)
class NewNode:
    """A folder or database that is to be."""

    type: NodeType
    name: str
    parent_id: str | None = None
    """``None``: the root."""
    description: str = ""
    fields: Sequence[NewField] = ()
    """Of a database; none: one of text, by which records are known."""


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What is to become of a node; ``None``: it stays."""

    name: str | None = None
    description: str | None = None
    parent_id: str | None = None
    is_placed: bool = False
    """Whether ``after_id`` counts."""
    after_id: str | None = None
    """The sibling that it is to come after; ``None``: first of all."""


FIRST_VIEW = "All records"
"""What every new database is looked at by."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A node in its tree."""

    tree: Tree
    node: Node


@dataclass(frozen=True, slots=True)
class RemovedNode:
    """A node that was, or would be, deleted."""

    id: str
    removal: Removal
    restorable_until: datetime | None
    """``None``: nothing was done."""


async def create_node(services: Services, order: Shaping, new: NewNode) -> Placed:
    """A new folder or database, last among its siblings.

    Raises:
        StructureRefused: a name, a type or a property does not fit, or there would be too many.
        Missing: no such parent in the space.
        KeyReused, Conflict: see ``flows.once``.

    """
    if new.type not in _PREFIX:
        raise StructureRefused("type", "a node that is made is a FOLDER or a DATABASE")
    if new.fields and new.type is not NodeType.DATABASE:
        raise StructureRefused("fields", "a folder has none")
    name, description = checked_name(new.name), checked_description(new.description)

    def story(ledger: Ledger) -> Placed:
        space = order.enter(ledger)
        earlier = order.earlier(ledger)
        if earlier is not None:
            return _placed(ledger, space, earlier[0])
        ledger.structure.hold_space(space)
        tree = ledger.spaces.nodes(space)
        if len(tree) > MAX_NODES:
            raise StructureRefused("parentId", f"a space has at most {MAX_NODES} nodes")
        parent = _parent(tree, new.parent_id, new.type)
        now, id = services.clock.now(), services.ids.public(_PREFIX[new.type])
        node = replace(ledger.spaces.add_node(id, space, parent.id, new.type, name, now), description=description)
        if description:
            ledger.structure.describe_node(node, name, description)
        if new.type is NodeType.DATABASE:
            _fill(services, ledger, space, node, new.fields)
            ledger.views.add(node, View(services.ids.public("viw"), FIRST_VIEW))
        tell_of_node(services, ledger, space, node)
        order.finish(ledger, "node.add", id, {"type": new.type.value, "name": name, "parent": parent.id})
        return _placed(ledger, space, id)

    return await services.work.write(story)


async def change_node(services: Services, order: Shaping, node_id: str, change: NodeChange) -> Placed:
    """Rename, describe or move a node.

    Raises:
        StructureRefused: the name does not fit, the root is meant, or a folder would be in itself or too deep.
        Missing: no such node, parent or sibling in the space.
        KeyReused, Conflict: see ``flows.once``.

    """
    name = None if change.name is None else checked_name(change.name)
    description = None if change.description is None else checked_description(change.description)

    def story(ledger: Ledger) -> Placed:
        space = order.enter(ledger)
        earlier = order.earlier(ledger)
        if earlier is not None:
            return _placed(ledger, space, earlier[0])
        ledger.structure.hold_space(space)
        tree = ledger.spaces.nodes(space)
        node = _shapable(tree, node_id)
        ledger.structure.describe_node(
            node, node.name if name is None else name, node.description if description is None else description
        )
        if change.parent_id is not None or change.is_placed:
            _move(ledger, tree, node, change)
        order.finish(ledger, "node.change", node.id, _told(change))
        return _placed(ledger, space, node.id)

    return await services.work.write(story)


async def delete_node(
    services: Services, order: Shaping, node_id: str, *, is_recursive: bool, is_dry: bool = False
) -> RemovedNode:
    """Put a node out of sight with everything in it; or, dry, say what that would be.

    Raises:
        LossRefused: it has nodes below it, and the caller did not say ``is_recursive``.
        StructureRefused: it is the root.
        Missing: no such node in the space.
        KeyReused, Conflict: see ``flows.once``.

    """
    now = services.clock.now()

    def story(ledger: Ledger) -> RemovedNode:
        space = order.enter(ledger)
        earlier = None if is_dry else order.earlier(ledger)
        if earlier is not None:
            return RemovedNode(node_id, Removal(*(int(each) for each in earlier[1:])), now + services.delete_grace)
        if not is_dry:
            ledger.structure.hold_space(space)
        tree = ledger.spaces.nodes(space)
        node = _shapable(tree, node_id)
        going = [node, *_below(tree, node)]
        removal = ledger.structure.weigh(going)
        if is_dry:
            return RemovedNode(node.id, removal, None)
        if len(going) > 1 and not is_recursive:
            raise LossRefused(removal)
        ledger.structure.delete_nodes(node, going, now)
        counts = (removal.nodes, removal.databases, removal.records)
        order.finish(ledger, "node.delete", node.id, {"nodes": counts[0], "records": counts[2]}, *map(str, counts))
        return RemovedNode(node.id, removal, now + services.delete_grace)

    return await (services.work.read(story) if is_dry else services.work.write(story))


async def restore_node(services: Services, order: Shaping, node_id: str) -> Placed:
    """Bring a deleted node back, with what was deleted with it, to where it was. Safe to repeat.

    Raises:
        StructureRefused: it was deleted with a folder that is above it, or the folder that it was in is gone.
        Missing: there is no such node, or no longer.

    """

    def story(ledger: Ledger) -> Placed:
        space = order.enter(ledger)
        ledger.structure.hold_space(space)
        tree = ledger.spaces.nodes(space)
        if any(node.id == node_id for node in tree):
            return _placed(ledger, space, node_id)
        found = ledger.structure.find_deleted(space, node_id)
        if found is None:
            raise Missing("node", node_id)
        if found.with_number != found.node.number:
            raise StructureRefused("node", "it was deleted with the folder that it is in: restore that")
        if all(node.id != found.node.parent_id for node in tree):
            raise StructureRefused("node", "the folder that it was in is deleted: restore that first")
        restored = ledger.structure.restore_nodes(found.node)
        if len(tree) + restored > MAX_NODES + 1:
            raise StructureRefused("node", f"a space has at most {MAX_NODES} nodes")
        order.finish(ledger, "node.restore", node_id, {"nodes": restored})
        return _placed(ledger, space, node_id)

    return await services.work.write(story)


async def sweep_structure(services: Services, before: datetime) -> int:
    """Forget nodes whose grace is over, and strip values of fields that are gone; says how many of both there were."""
    swept = 0
    while nodes := await services.work.read(lambda ledger: ledger.structure.deleted(before, _BATCH)):
        for node in nodes:
            while await services.work.write(partial(_forget_records, node)):
                pass
            await services.work.write(partial(_forget_node, node))
        swept += len(nodes)
    while fields := await services.work.read(lambda ledger: ledger.structure.dropped(_BATCH)):
        for field in fields:
            while await services.work.write(partial(_strip, field)):
                pass
        swept += len(fields)
    return swept


def _forget_records(node: Node, ledger: Ledger) -> int:
    return ledger.structure.forget_records(node, _PORTION)


def _forget_node(node: Node, ledger: Ledger) -> None:
    ledger.structure.forget_node(node)


def _strip(field: DroppedField, ledger: Ledger) -> bool:
    return ledger.structure.strip(field, _PORTION)


def _fill(services: Services, ledger: Ledger, space: Space, node: Node, fields: Sequence[NewField]) -> None:
    """Give a new database its fields: the first is the one that records are known by, if none says that it is."""
    wanted = [*fields] or [NewField("Name", FieldType.SINGLE_TEXT)]
    if len(wanted) > MAX_FIELDS:
        raise StructureRefused("fields", f"a database has at most {MAX_FIELDS} fields")
    primary = [place for place, field in enumerate(wanted) if field.is_primary] or [0]
    if len(primary) > 1:
        raise StructureRefused("fields", "one field is the primary one")
    database = Database(node, ())
    for place, field in enumerate(wanted):
        made = add_field(services, ledger, space, database, replace(field, is_primary=place == primary[0]))
        database = replace(database, fields=(*database.fields, made))


def _placed(ledger: Ledger, space: Space, node_id: str) -> Placed:
    tree = ledger.spaces.nodes(space)
    return Placed(Tree(tree, Role.OWNER), _known(tree, node_id))  # who shapes a space owns it


def _known(tree: Sequence[Node], node_id: str) -> Node:
    node = next((node for node in tree if node.id == node_id), None)
    if node is None:
        raise Missing("node", node_id)
    return node


def _shapable(tree: Sequence[Node], node_id: str) -> Node:
    node = _known(tree, node_id)
    if node.type is NodeType.ROOT:
        raise StructureRefused("node", "the root stays as it is")
    return node


def _parent(tree: Sequence[Node], parent_id: str | None, type: NodeType) -> Node:
    """The node that one of this type is to be in."""
    if parent_id is None:
        return next(node for node in tree if node.type is NodeType.ROOT)
    parent = _known(tree, parent_id)
    if parent.type is NodeType.DATABASE:
        raise StructureRefused("parentId", "a database has no nodes in it")
    if _depth(tree, parent) + (type is NodeType.FOLDER) > MAX_DEPTH:
        raise StructureRefused("parentId", f"folders are at most {MAX_DEPTH} deep")
    return parent


def _move(ledger: Ledger, tree: Sequence[Node], node: Node, change: NodeChange) -> None:
    below = _below(tree, node)
    parent = _parent(tree, change.parent_id or node.parent_id, node.type)
    if parent is node or parent in below:
        raise StructureRefused("parentId", "a folder cannot be in itself")
    deepest = max((_depth(tree, each) for each in (node, *below) if each.type is NodeType.FOLDER), default=0)
    if deepest and _depth(tree, parent) + 1 + deepest - _depth(tree, node) > MAX_DEPTH:
        raise StructureRefused("parentId", f"folders are at most {MAX_DEPTH} deep")
    siblings = [each for each in tree if each.parent_id == parent.id and each is not node]
    place = len(siblings)
    if change.is_placed:
        place = 0 if change.after_id is None else siblings.index(_known(siblings, change.after_id)) + 1
    ledger.structure.place_nodes(parent, [*siblings[:place], node, *siblings[place:]])


def _depth(tree: Sequence[Node], node: Node) -> int:
    """How many folders a node is in, itself counted; 0 for the root."""
    by_id = {each.id: each for each in tree}
    depth, above = 0, node
    while above.parent_id is not None:
        depth, above = depth + 1, by_id[above.parent_id]
    return depth


def _below(tree: Sequence[Node], node: Node) -> list[Node]:
    """All that is in a node, parents before their children, as the tree has them."""
    inside, below = {node.id}, list[Node]()
    for each in tree:
        if each.parent_id in inside:
            inside.add(each.id)
            below.append(each)
    return below


def _told(change: NodeChange) -> dict[str, Any]:
    """What the audit log tells of it."""
    said: dict[str, Any] = {"name": change.name, "description": change.description, "parent": change.parent_id}
    return {key: value for key, value in said.items() if value is not None}
