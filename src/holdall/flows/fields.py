"""The stories of those who shape a database: make, change, order and delete fields, and the options of selects.

Every change is one transaction, so that nobody reads a field of one type with values of another. What would cost values
is not done unless the caller said so; a dry run says what it would be. Values of a deleted field are out of sight at
once, and stripped from records by a sweep; values that take another form are rewritten in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec

from holdall.domain.access import Space
from holdall.domain.conversions import Conversion, conversion, is_free
from holdall.domain.fieldtypes import KINDS, kind_of
from holdall.domain.fieldtypes.kind import Reference
from holdall.domain.fieldtypes.properties import Asked
from holdall.domain.formulas.definition import PROPERTY, define, fields_in
from holdall.domain.formulas.syntax import BadFormula
from holdall.domain.records import Database, Field, FieldType
from holdall.domain.structure import (
    MAX_FIELDS,
    NO_CHANGE,
    PRIMARY,
    Dependent,
    Report,
    checked_description,
    checked_name,
    ensure_free,
    free_name,
)
from holdall.errors import LossRefused, Missing, StructureRefused
from holdall.flows.rewriting import Rewriting, Writer
from holdall.flows.shaping import Shaping
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class NewField:
    """A field that is to be."""

    name: str
    type: FieldType
    properties: Mapping[str, Any] = field(default_factory=dict)
    """As a client sends them."""
    description: str = ""
    position: int | None = None
    """Counted from 0; ``None``: last."""
    is_primary: bool = False
    """Only in a new database."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What is to become of a field; ``None``: it stays."""

    name: str | None = None
    description: str | None = None
    type: FieldType | None = None
    properties: Mapping[str, Any] | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a field is changed or deleted."""

    is_dry: bool = False
    """Nothing is changed: what it would be is told."""
    allows_loss: bool = False


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field as it is, or would be, and what that does to its values."""

    field: Field
    report: Report = NO_CHANGE
    among: Sequence[Field] = ()
    """The fields that it stands among, which formulas call by name."""


async def create_field(services: Services, order: Shaping, database_id: str, new: NewField) -> ChangedField:
    """A new field. A link makes the field that leads back, in the database that it leads to.

    Raises:
        StructureRefused: a name, a type or a property does not fit, or there would be too many fields.
        Missing: no such database in the space.
        KeyReused, Conflict: see ``flows.once``.

    """

    def story(ledger: Ledger) -> ChangedField:
        space = order.enter(ledger)
        earlier = order.earlier(ledger)
        database = _held(ledger, space, database_id)
        if earlier is not None:
            return ChangedField(_known(database, earlier[0]), NO_CHANGE, database.fields)
        made = add_field(services, ledger, space, database, new)
        _place(ledger, database, made, new.position)
        order.finish(ledger, "field.add", made.id, {"database": database.node.id, **_told(made)})
        return ChangedField(made, NO_CHANGE, database.fields)

    return await services.work.write(story)


def add_field(services: Services, ledger: Ledger, space: Space, database: Database, new: NewField) -> Field:
    """As ``create_field``, inside a transaction that holds the database, or has made it; last in order."""
    _ensure_room(database)
    name, description = checked_name(new.name), checked_description(new.description)
    ensure_free(name, database.fields)
    if new.is_primary and new.type not in PRIMARY:
        raise StructureRefused("type", f"records cannot be known by a field of type {new.type}")
    properties = KINDS[new.type].define(Asked(new.properties, {}, services.ids.public))
    made = Field(services.ids.public("fld"), name, new.type, new.is_primary, description, properties)
    made = _formulated(database, made)
    made = _tied(services, ledger, space, database, made)
    ledger.spaces.add_field(database.node, made)
    return made


async def change_field(
    services: Services, order: Shaping, database_id: str, field_id: str, change: FieldChange, terms: Terms
) -> ChangedField:
    """Rename, describe, order, or define a field anew, with all of its values; or, dry, say what that would be.

    Raises:
        StructureRefused: a name, type or property does not fit, or the values cannot be converted.
        LossRefused: values would be lost, and the caller did not allow it.
        Missing: no such database in the space, no such field in it.
        KeyReused, Conflict: see ``flows.once``.

    """

    def story(ledger: Ledger) -> ChangedField:
        space = order.enter(ledger)
        earlier = None if terms.is_dry else order.earlier(ledger)
        database = _open(ledger, space, database_id, terms)
        if earlier is not None:
            report = msgspec.json.decode(earlier[1], type=Report)
            return ChangedField(_known(database, earlier[0]), report, database.fields)
        before = _known(database, field_id)
        work = _Change(services, ledger, space, database, before, _intended(services, database, before, change))
        report = work.weigh() if terms.is_dry or not terms.allows_loss else NO_CHANGE
        if terms.is_dry:
            return ChangedField(work.result, report, database.fields)
        if report.is_lossy and not terms.allows_loss:
            raise LossRefused(report)
        report = work.carry_out(Writer(order.actor.user, services.clock.now()))
        _place(ledger, database, before, change.position)
        details = {"database": database.node.id, **_told(work.result), "was": before.type.value, "lost": report.lost}
        order.finish(ledger, "field.change", before.id, details, msgspec.json.encode(asdict(report)).decode())
        return ChangedField(work.result, report, database.fields)

    return await (services.work.read(story) if terms.is_dry else services.work.write(story))


async def delete_field(
    services: Services, order: Shaping, database_id: str, field_id: str, terms: Terms
) -> ChangedField:
    """Delete a field with its values; or, dry, say what that would be.

    What leads back from a link stays with what is in it, as a link one way.

    Raises:
        StructureRefused: it is the field that records are known by.
        LossRefused: values would be lost, and the caller did not allow it.
        Missing: no such database in the space, no such field in it.
        KeyReused, Conflict: see ``flows.once``.

    """

    def story(ledger: Ledger) -> ChangedField:
        space = order.enter(ledger)
        earlier = None if terms.is_dry else order.earlier(ledger)
        if earlier is not None:
            gone = Field(field_id, "", FieldType.SINGLE_TEXT)
            return ChangedField(gone, msgspec.json.decode(earlier[1], type=Report))
        database = _open(ledger, space, database_id, terms)
        before = _known(database, field_id)
        if before.is_primary:
            raise StructureRefused("field", "records are known by it: it can be changed, and not be deleted")
        report = replace(
            Rewriting(ledger, space, database, Conversion(before, before), None).weigh(),
            dependents=_dependents(ledger, space, database, before),
        )
        if not terms.is_dry:
            if report.is_lossy and not terms.allows_loss:
                raise LossRefused(report)
            _untie(ledger, space, before)
            ledger.structure.drop_field(database, before, services.clock.now())
            details = {"database": database.node.id, **_told(before), "lost": report.lost}
            order.finish(ledger, "field.delete", before.id, details, msgspec.json.encode(asdict(report)).decode())
        return ChangedField(before, report)

    return await (services.work.read(story) if terms.is_dry else services.work.write(story))


class _Change:
    """One change of one field, looked at and carried out."""

    def __init__(
        self, services: Services, ledger: Ledger, space: Space, database: Database, before: Field, after: Field
    ) -> None:
        self._ledger = ledger
        self._space = space
        self._before = before
        self._database = database
        self._job = Conversion(before, after, services.ids.public)
        rule = conversion(before, after)
        if rule is None:
            raise StructureRefused("type", f"{before.type} cannot be turned into {after.type}")
        self._is_free = is_free(before, after)
        self._rewriting = Rewriting(ledger, space, database, self._job, rule)

    @property
    def result(self) -> Field:
        """The field as it is in the end."""
        return self._job.result

    def weigh(self) -> Report:
        """What it would do."""
        return self._with_dependents(NO_CHANGE if self._is_free else self._rewriting.weigh())

    def carry_out(self, writer: Writer) -> Report:
        """Do it."""
        report = self._with_dependents(NO_CHANGE if self._is_free else self._rewriting.carry_out(writer))
        if self._is_cut:
            _untie(self._ledger, self._space, self._before)
        if self.result != self._before:
            self._ledger.structure.change_field(self._database, self.result)
        if self._before.type is FieldType.ATTACHMENT and self.result.type is not FieldType.ATTACHMENT:
            self._ledger.structure.detach_field(self._database, self._before)
        if self.result.type is not self._before.type:  # an index of it kept cells of the old type in order
            self._ledger.records.drop_index(self._database, self._before)
        return report

    @property
    def _is_cut(self) -> bool:
        """Whether it was a link, and is none any more."""
        return _is_link(self._before) and not _is_link(self.result)

    def _with_dependents(self, report: Report) -> Report:
        if not self._is_cut:
            return report
        following = _dependents(self._ledger, self._space, self._database, self._before, only_following=True)
        return replace(report, dependents=following)


def _intended(services: Services, database: Database, before: Field, change: FieldChange) -> Field:
    """The field as the client wants it, checked."""
    type = change.type or before.type
    kind = KINDS[type]
    name = before.name
    if change.name is not None and change.name != name:
        name = checked_name(change.name)
        ensure_free(name, [field for field in database.fields if field.id != before.id])
    description = before.description if change.description is None else checked_description(change.description)
    kept = before.properties
    if type is not before.type:
        if before.is_primary and type not in PRIMARY:
            raise StructureRefused("type", f"records cannot be known by a field of type {type}")
        kept = {key: value for key, value in kept.items() if key in kind.properties}
    properties: Mapping[str, Any] = kept
    if type is not before.type or change.properties:
        properties = kind.define(Asked(change.properties or {}, kept, services.ids.public))
    leads = (FieldType.LINK, FieldType.ONE_WAY_LINK, FieldType.LOOKUP)
    if type is before.type and type in leads and properties != before.properties:
        raise StructureRefused("property", "a link or lookup goes on leading where it was made to: make another field")
    after = replace(before, name=name, description=description, type=type, properties=properties)
    return after if properties == before.properties else _formulated(database, after)


def _formulated(database: Database, field: Field) -> Field:
    """The field; a formula with the ids of the fields that it names."""
    if field.type is not FieldType.FORMULA:
        return field
    try:
        definition = define(str(field.properties[PROPERTY]), database.fields, field.id)
    except BadFormula as bad:
        raise StructureRefused(f"property.{PROPERTY}", str(bad)) from bad
    return replace(field, properties={**field.properties, PROPERTY: definition.expression})


def _tied(services: Services, ledger: Ledger, space: Space, database: Database, made: Field) -> Field:
    """The field, where what it names is there; with the field that leads back, for a link both ways."""
    if made.type is FieldType.LOOKUP:
        link = next((field for field in database.fields if field.id == made.link_field_id), None)
        if link is None or not _is_link(link):
            raise StructureRefused("property.linkFieldId", "the database has no such link")
        foreign = ledger.spaces.find_database(link.foreign_database_id, space)
        if foreign is None or all(field.id != made.lookup_field_id for field in foreign.fields):
            raise StructureRefused("property.lookupFieldId", "the linked database has no such field")
    if not _is_link(made):
        return made
    if made.foreign_database_id == database.node.id:
        back = {"foreignFieldId": made.id} if made.type is FieldType.LINK else {}
        return replace(made, properties={**made.properties, **back})
    foreign = ledger.structure.hold_database(space, made.foreign_database_id)
    if foreign is None:
        raise StructureRefused("property.foreignDatabaseId", "the space has no such database")
    if made.type is FieldType.ONE_WAY_LINK:
        return made
    _ensure_room(foreign)
    leading = {"foreignDatabaseId": database.node.id, "foreignFieldId": made.id}
    name = free_name(database.node.name, foreign.fields)
    back_field = Field(services.ids.public("fld"), name, FieldType.LINK, properties=leading)
    ledger.spaces.add_field(foreign.node, back_field)
    return replace(made, properties={**made.properties, "foreignFieldId": back_field.id})


def _untie(ledger: Ledger, space: Space, link: Field) -> None:
    """Have the field that leads back be a link one way, with what is in it."""
    if link.type is not FieldType.LINK or link.back_field_id in ("", link.id):
        return
    foreign = ledger.structure.hold_database(space, link.foreign_database_id)
    back = None if foreign is None else next((each for each in foreign.fields if each.id == link.back_field_id), None)
    if foreign is not None and back is not None and back.type is FieldType.LINK:
        leading = {"foreignDatabaseId": back.foreign_database_id}
        ledger.structure.change_field(foreign, replace(back, type=FieldType.ONE_WAY_LINK, properties=leading))


def _dependents(
    ledger: Ledger, space: Space, database: Database, field: Field, *, only_following: bool = False
) -> tuple[Dependent, ...]:
    """What shows nothing of the field once it is gone: lookups that follow it or show it, and formulas that name it."""
    found: list[Dependent] = []
    for other in ledger.structure.databases(space):
        links = {each.id: each for each in other.fields if _is_link(each)}
        if other.node.id == database.node.id and not only_following:
            named = [each for each in other.fields if each.type is FieldType.FORMULA and field.id in fields_in(each)]
            found += [Dependent(other.node.id, each.id, each.name) for each in named if each.id != field.id]
        for each in other.fields:
            if each.type is not FieldType.LOOKUP or each.id == field.id:
                continue
            link = links.get(each.link_field_id)
            shows = link is not None and link.foreign_database_id == database.node.id
            is_shown = shows and each.lookup_field_id == field.id and not only_following
            if is_shown or (other.node.id == database.node.id and each.link_field_id == field.id):
                found.append(Dependent(other.node.id, each.id, each.name))
    return tuple(found)


def _place(ledger: Ledger, database: Database, field: Field, position: int | None) -> None:
    if position is not None:
        ids = [each.id for each in database.fields if each.id != field.id]
        ids.insert(position, field.id)
        ledger.structure.order_fields(database, ids)


def _open(ledger: Ledger, space: Space, database_id: str, terms: Terms) -> Database:
    """The database: to be looked at, or held to be changed."""
    if not terms.is_dry:
        return _held(ledger, space, database_id)
    database = ledger.spaces.find_database(database_id, space)
    if database is None:
        raise Missing("database", database_id)
    return database


def _held(ledger: Ledger, space: Space, database_id: str) -> Database:
    database = ledger.structure.hold_database(space, database_id)
    if database is None:
        raise Missing("database", database_id)
    return database


def _known(database: Database, field_id: str) -> Field:
    found = next((field for field in database.fields if field.id == field_id), None)
    if found is None:
        raise Missing("field", field_id)
    return found


def _ensure_room(database: Database) -> None:
    if len(database.fields) >= MAX_FIELDS:
        raise StructureRefused("fields", f"a database has at most {MAX_FIELDS} fields")


def _is_link(field: Field) -> bool:
    return kind_of(field).refers_to is Reference.RECORDS


def _told(field: Field) -> dict[str, Any]:
    """What the audit log tells of a field."""
    return {"name": field.name, "type": field.type.value}
