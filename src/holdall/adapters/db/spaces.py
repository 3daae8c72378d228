"""Spaces, who belongs to them, and their trees."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.accounts import USER
from holdall.adapters.db.prepared import Prepared
from holdall.adapters.db.rows import insert_row, portions
from holdall.adapters.db.tables import fields, members, nodes, spaces, users
from holdall.domain.access import Role, Space, User
from holdall.domain.findings import FINDINGS, Action
from holdall.domain.people import People, Person
from holdall.domain.policy import NO_RULES, SpaceRules
from holdall.domain.records import Database, Field, FieldType, Node, NodeType
from holdall.domain.signatures import MORE_IMAGES
from holdall.errors import Missing
from holdall.ports import Member, Membership

PARENTS = nodes.alias("parents")
_owners = users.alias("owners")
_everyone = members.alias("everyone")

_MEMBER_COUNT = select(func.count()).select_from(_everyone).where(_everyone.c.space_id == spaces.c.id).scalar_subquery()
_SPACE = (
    spaces.c.id,
    spaces.c.public_id,
    spaces.c.name,
    _owners.c.public_id,
    spaces.c.created_at,
    _MEMBER_COUNT,
    spaces.c.is_personal,
    spaces.c.max_bytes,
    spaces.c.max_files,
    spaces.c.rules,
    spaces.c.has_webhooks,
)
"""In the order of ``Space``'s fields."""
_MEMBERSHIPS = (
    select(*_SPACE, members.c.public_id, members.c.role)
    .join_from(members, spaces, members.c.space_id == spaces.c.id)
    .join(_owners, spaces.c.owner_id == _owners.c.id)
    .where(members.c.user_id == bindparam("user_id"))
)
_OF = _MEMBERSHIPS.order_by(spaces.c.id)
_FIND = Prepared(_MEMBERSHIPS.where(spaces.c.public_id == bindparam("id")))
_PERSONAL = Prepared(_MEMBERSHIPS.where(spaces.c.owner_id == bindparam("user_id"), spaces.c.is_personal))
_ADD_SPACE = insert(spaces)
_ADD_MEMBER = insert(members)
SPACES = select(*_SPACE).join_from(spaces, _owners, spaces.c.owner_id == _owners.c.id)
"""For ``read_space``."""
_NAMED = SPACES.where(spaces.c.public_id == bindparam("id"))
# On PostgreSQL the rows are held, so that of two removals at once neither takes the other for the last owner.
_MEMBERS = (
    select(*USER, members.c.role, members.c.public_id, members.c.created_at)
    .join_from(members, users, members.c.user_id == users.c.id)
    .where(members.c.space_id == bindparam("space_id"))
    .order_by(members.c.id)
)
_PEOPLE_BY_MEMBER = (
    select(members.c.public_id, users.c.name)
    .join_from(members, users, members.c.user_id == users.c.id)
    .where(members.c.space_id == bindparam("space_id"), members.c.public_id.in_(bindparam("ids", expanding=True)))
)
_PEOPLE_BY_USER = (
    select(users.c.id, func.coalesce(members.c.public_id, users.c.public_id), users.c.name)
    .outerjoin_from(users, members, (members.c.user_id == users.c.id) & (members.c.space_id == bindparam("space_id")))
    .where(users.c.id.in_(bindparam("numbers", expanding=True)))
)
_HELD_MEMBERS = _MEMBERS.with_for_update(of=members)
_new_member = insert_or_not(members)
_SET_MEMBER = _new_member.on_conflict_do_update(
    index_elements=[members.c.space_id, members.c.user_id], set_={"role": _new_member.excluded.role}
)
_REMOVE_MEMBER = delete(members).where(
    members.c.space_id == bindparam("of_space"), members.c.user_id == bindparam("of_user")
)
_SET_QUOTA = (
    update(spaces)
    .where(spaces.c.id == bindparam("of_space"))
    .values(max_bytes=bindparam("to_bytes"), max_files=bindparam("to_files"))
)
_SET_RULES = update(spaces).where(spaces.c.id == bindparam("of_space")).values(rules=bindparam("to_rules"))
_FIND_RULES = Prepared(select(spaces.c.rules).where(spaces.c.id == bindparam("of_space")))
_HAND_OVER = update(spaces).where(spaces.c.id == bindparam("of_space")).values(owner_id=bindparam("to_user"))

NODE = (
    nodes.c.id,
    nodes.c.public_id,
    nodes.c.space_id,
    PARENTS.c.public_id,
    nodes.c.type,
    nodes.c.name,
    nodes.c.description,
)
"""In the order of ``Node``'s fields."""
FIELD = (
    fields.c.public_id,
    fields.c.name,
    fields.c.type,
    fields.c.is_primary,
    fields.c.description,
    fields.c.properties,
)
"""In the order of ``Field``'s fields."""
_NODES = (
    select(*NODE)
    .outerjoin_from(nodes, PARENTS, nodes.c.parent_id == PARENTS.c.id)
    .where(nodes.c.space_id == bindparam("space_id"), nodes.c.deleted_at.is_(None))
    .order_by(nodes.c.position, nodes.c.id)
)
_FIND_NODE = (
    select(*NODE)
    .outerjoin_from(nodes, PARENTS, nodes.c.parent_id == PARENTS.c.id)
    .join(spaces, nodes.c.space_id == spaces.c.id)
    .join(members, members.c.space_id == spaces.c.id)
    .where(
        nodes.c.public_id == bindparam("id"),
        nodes.c.deleted_at.is_(None),
        members.c.user_id == bindparam("user_id"),
    )
)
_FIND_PARENT = select(nodes.c.id).where(
    nodes.c.public_id == bindparam("id"), nodes.c.space_id == bindparam("space_id"), nodes.c.deleted_at.is_(None)
)
# On PostgreSQL, in a statement of its own: what another transaction made of the fields shows to the next one only.
_HOLD_DATABASE = _FIND_PARENT.with_for_update(read=True, key_share=True)
_NEXT_NODE = select(func.coalesce(func.max(nodes.c.position) + 1, 0)).where(
    nodes.c.space_id == bindparam("space_id"), nodes.c.parent_id.is_not_distinct_from(bindparam("parent_id"))
)
_ADD_NODE = insert(nodes)
_NEXT_FIELD = select(func.coalesce(func.max(fields.c.position) + 1, 0)).where(fields.c.node_id == bindparam("node_id"))
_ADD_FIELD = insert(fields)
_FIND_DATABASE = (
    select(*NODE, *FIELD)
    .outerjoin_from(nodes, PARENTS, nodes.c.parent_id == PARENTS.c.id)
    .outerjoin(fields, fields.c.node_id == nodes.c.id)
    .where(
        nodes.c.public_id == bindparam("id"),
        nodes.c.space_id == bindparam("space_id"),
        nodes.c.type == NodeType.DATABASE.value,
        nodes.c.deleted_at.is_(None),
    )
    .order_by(fields.c.position)
)


class SqlSpaces:
    """``ports.Spaces`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, id: str, name: str, owner: User, member_id: str, now: datetime, *, is_personal: bool) -> Space:
        """Keep a new space with its owner as first member."""
        number = insert_row(
            self._connection,
            _ADD_SPACE,
            {
                "public_id": id,
                "name": name,
                "owner_id": owner.number,
                "is_personal": is_personal,
                "created_at": now,
            },
        )
        insert_row(
            self._connection,
            _ADD_MEMBER,
            {
                "public_id": member_id,
                "space_id": number,
                "user_id": owner.number,
                "role": Role.OWNER.value,
                "created_at": now,
            },
        )
        return Space(number, id, name, owner.id, now, member_count=1, is_personal=is_personal)

    def of(self, user: User) -> list[Membership]:
        """The spaces this user belongs to, oldest first."""
        return [_membership(row) for row in self._connection.execute(_OF, {"user_id": user.number})]

    def find(self, id: str, user: User) -> Membership | None:
        """The space of this id, if this user belongs to it."""
        row = _FIND.row(self._connection, {"id": id, "user_id": user.number})
        return None if row is None else _membership(row)

    def personal(self, user: User) -> Space | None:
        """The user's own space."""
        row = _PERSONAL.row(self._connection, {"user_id": user.number})
        return None if row is None else _membership(row).space

    def named(self, id: str) -> Space | None:
        """The space of this id, whoever belongs to it."""
        row = self._connection.execute(_NAMED, {"id": id}).first()
        return None if row is None else read_space(row)

    def members(self, space: Space, *, for_update: bool = False) -> list[Member]:
        """Who belongs to a space, the oldest member first."""
        statement = _HELD_MEMBERS if for_update else _MEMBERS
        rows = self._connection.execute(statement, {"space_id": space.number})
        return [Member(User(*user), Role(role), id, joined_at) for *user, role, id, joined_at in rows]

    def set_member(self, member_id: str, space: Space, user: User, role: Role, now: datetime) -> None:
        """Let the user belong to the space in this role."""
        row = {"public_id": member_id, "space_id": space.number, "user_id": user.number, "created_at": now}
        self._connection.execute(_SET_MEMBER, row | {"role": role.value})

    def remove_member(self, space: Space, user: User) -> None:
        """Let the user no longer belong to the space."""
        self._connection.execute(_REMOVE_MEMBER, {"of_space": space.number, "of_user": user.number})

    def set_quota(self, space: Space, max_bytes: int | None, max_files: int | None) -> None:
        """Give the space a quota of its own, or take it back."""
        row = {"of_space": space.number, "to_bytes": max_bytes, "to_files": max_files}
        self._connection.execute(_SET_QUOTA, row)

    def set_rules(self, space: Space, rules: SpaceRules) -> None:
        """Give the space rules of its own, or take them back."""
        self._connection.execute(_SET_RULES, {"of_space": space.number, "to_rules": _as_json(rules)})

    def rules(self, space_id: int) -> SpaceRules:
        """A space's own rules."""
        row = _FIND_RULES.row(self._connection, {"of_space": space_id})
        return NO_RULES if row is None else _rules(row[0])

    def people(self, space_id: int, members: Collection[str], users: Collection[int]) -> People:
        """Those of these members who belong to the space, and these users; whom nobody asks for costs nothing."""
        by_id: dict[str, Person] = {}
        by_number: dict[int, Person] = {}
        for ids in portions(members):
            rows = self._connection.execute(_PEOPLE_BY_MEMBER, {"space_id": space_id, "ids": ids})
            by_id |= {row[0]: Person(*row) for row in rows}
        for numbers in portions(users):
            rows = self._connection.execute(_PEOPLE_BY_USER, {"space_id": space_id, "numbers": numbers})
            by_number |= {number: Person(*person) for number, *person in rows}
        return People(by_id, by_number)

    def hand_over(self, space: Space, owner: User) -> None:
        """Name this user as the space's owner."""
        self._connection.execute(_HAND_OVER, {"of_space": space.number, "to_user": owner.number})

    def add_node(self, id: str, space: Space, parent_id: str | None, type: NodeType, name: str, now: datetime) -> Node:
        """Keep a new node, last among its siblings; ``Missing`` when the space has no such parent."""
        parent = self._node_number(space, parent_id)
        place = self._connection.scalar(_NEXT_NODE, {"space_id": space.number, "parent_id": parent})
        number = insert_row(
            self._connection,
            _ADD_NODE,
            {
                "public_id": id,
                "space_id": space.number,
                "parent_id": parent,
                "type": type.value,
                "name": name,
                "description": "",
                "position": place,
                "created_at": now,
            },
        )
        return Node(number, id, space.number, parent_id, type, name)

    def find_node(self, id: str, user: User) -> Node | None:
        """The node of this id, in whichever of this user's spaces it is."""
        row = self._connection.execute(_FIND_NODE, {"id": id, "user_id": user.number}).first()
        return None if row is None else read_node(row)

    def nodes(self, space: Space) -> list[Node]:
        """The whole tree, level by level, so that parents come before their children."""
        children: dict[str | None, list[Node]] = {}
        for row in self._connection.execute(_NODES, {"space_id": space.number}):
            node = read_node(row)
            children.setdefault(node.parent_id, []).append(node)
        tree = children.get(None, [])
        for node in tree:
            tree.extend(children.get(node.id, ()))
        return tree

    def add_field(self, database: Node, field: Field) -> None:
        """Keep a new field, last in order."""
        insert_row(
            self._connection,
            _ADD_FIELD,
            {
                "public_id": field.id,
                "node_id": database.number,
                "name": field.name,
                "type": field.type.value,
                "is_primary": field.is_primary,
                "description": field.description,
                "properties": dict(field.properties),
                "position": self._connection.scalar(_NEXT_FIELD, {"node_id": database.number}),
            },
        )

    def find_database(self, id: str, space: Space, *, for_writing: bool = False) -> Database | None:
        """The database of this id in this space, with its fields, in one statement; SQLite has one writer anyway."""
        if for_writing and self._connection.dialect.name == "postgresql":
            self._connection.execute(_HOLD_DATABASE, {"id": id, "space_id": space.number})
        rows = self._connection.execute(_FIND_DATABASE, {"id": id, "space_id": space.number}).all()
        if not rows:
            return None
        columns = (row[len(NODE) :] for row in rows)
        return Database(
            read_node(rows[0][: len(NODE)]), tuple(read_field(row) for row in columns if row[0] is not None)
        )

    def _node_number(self, space: Space, id: str | None) -> int | None:
        if id is None:
            return None
        number: int | None = self._connection.scalar(_FIND_PARENT, {"id": id, "space_id": space.number})
        if number is None:
            raise Missing("node", id)
        return number


def _membership(row: Sequence[Any]) -> Membership:
    *space, member_id, role = row
    return Membership(read_space(space), member_id, Role(role))


def read_space(row: Sequence[Any]) -> Space:
    """A row of ``SPACES``."""
    *columns, rules, has_webhooks = row
    values = [*columns, _rules(rules), has_webhooks]
    return Space(*values)


def _as_json(rules: SpaceRules) -> dict[str, Any] | None:
    """What is there alone: no rules are no value."""
    shown = {"findings": dict(rules.findings), "images": list(rules.images), "hides_places": rules.hides_places}
    return {name: value for name, value in shown.items() if value not in ({}, [], None)} or None


def _rules(given: Mapping[str, Any] | None) -> SpaceRules:
    """A finding or type that a later version knew, and this one does not, is passed over."""
    if given is None:
        return NO_RULES
    actions = given.get("findings", {})
    return SpaceRules(
        {name: Action(actions[name]) for name in actions if name in FINDINGS},
        tuple(name for name in given.get("images", ()) if name in MORE_IMAGES),
        given.get("hides_places"),
    )


def read_node(row: Sequence[Any]) -> Node:
    """A node of ``NODE``'s columns."""
    number, id, space_id, parent_id, type, name, description = row
    return Node(number, id, space_id, parent_id, NodeType(type), name, description)


def read_field(row: Sequence[Any]) -> Field:
    """A field of ``FIELD``'s columns."""
    id, name, type, is_primary, description, properties = row
    return Field(id, name, FieldType(type), is_primary, description, properties)
