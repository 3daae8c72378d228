"""Every repository keeps what its port promises, on every database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from holdall.domain.access import UNSEEN, Scope, Sight, Space, Token, TokenKind, User
from holdall.domain.fieldtypes import coerce
from holdall.domain.files import BlobState, Purpose, Upload, Variant
from holdall.domain.findings import Action
from holdall.domain.history import Deed, creation, deletion, update
from holdall.domain.people import Person
from holdall.domain.policy import SpaceRules
from holdall.domain.records import Field, FieldType, NodeType
from holdall.errors import BlobGone, Conflict, Malformed, Missing, ReservationLost
from holdall.ports import AttachmentChange, Claim, Ledger, NewRecord, RecordChange, UploadSearch
from tests.support.databases import Work
from tests.support.rows import (
    LATER,
    NOW,
    PAPERS,
    PHOTOS,
    TEXT,
    World,
    add_blob,
    keys_of,
    make_ready,
    make_record,
    make_upload,
    make_user,
    make_world,
    new_blob,
    new_upload,
    new_variant,
    unique,
)


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def new_token(user: User) -> Token:
    """A device's credential."""
    return Token(unique("tok"), TokenKind.DEVICE, "phone", user, frozenset(Scope), NOW, LATER, None, None)


def test_a_user_is_found_by_login_and_by_email_whatever_the_case(work: Work):
    user = work.write(make_user)

    found = work.read(
        lambda ledger: [ledger.accounts.find_user(key) for key in (user.login.upper(), user.email.lower())]
    )

    assert found == [user, user]


def test_an_unknown_login_finds_nobody(work: Work):
    assert work.read(lambda ledger: ledger.accounts.find_user("nobody")) is None


def test_a_login_counts_before_an_email_address(work: Work):
    user = work.write(make_user)
    namesake = work.write(lambda ledger: ledger.accounts.add_user(unique("usr"), user.email, "x@y.org", "Bob", NOW))

    assert work.read(lambda ledger: ledger.accounts.find_user(user.email)) == namesake


def test_a_taken_login_is_a_conflict_that_a_story_can_survive(work: Work):
    user = work.write(make_user)

    def story(ledger: Ledger) -> User | None:
        with pytest.raises(Conflict):
            ledger.accounts.add_user(unique("usr"), user.login.upper(), "other@example.org", "Eve", NOW)
        return ledger.accounts.find_user(user.login)

    assert work.write(story) == user


def test_a_token_comes_back_as_it_was_kept(work: Work):
    token = new_token(work.write(make_user))
    hash = unique("hash")
    work.write(lambda ledger: ledger.accounts.add_token(token, hash))

    assert work.read(lambda ledger: ledger.accounts.find_token(TokenKind.DEVICE, hash)) == token
    assert work.read(lambda ledger: ledger.accounts.find_token(TokenKind.BEARER, hash)) is None
    assert work.read(lambda ledger: ledger.accounts.find_token(TokenKind.DEVICE, "other")) is None


def test_a_token_may_have_no_scope(work: Work):
    token = replace(new_token(work.write(make_user)), scopes=frozenset())
    hash = unique("hash")
    work.write(lambda ledger: ledger.accounts.add_token(token, hash))

    assert work.read(lambda ledger: ledger.accounts.find_token(TokenKind.DEVICE, hash)) == token


def test_a_hash_is_kept_once(work: Work):
    user = work.write(make_user)
    hash = unique("hash")
    work.write(lambda ledger: ledger.accounts.add_token(new_token(user), hash))

    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.accounts.add_token(new_token(user), hash))


def test_using_a_token_is_noted(work: Work):
    token = new_token(work.write(make_user))
    work.write(lambda ledger: ledger.accounts.add_token(token, unique("hash")))
    work.write(lambda ledger: ledger.accounts.touch_token(token.id, LATER))

    assert work.read(lambda ledger: ledger.accounts.tokens(token.user)) == [replace(token, last_used_at=LATER)]


def test_where_a_token_was_used_is_noted_and_kept(work: Work):
    """Who says nothing of it changes nothing."""
    token = new_token(work.write(make_user))
    work.write(lambda ledger: ledger.accounts.add_token(token, unique("hash")))
    sight = Sight("2001:db8::1", "Firefox é")
    for seen in (sight, UNSEEN):
        work.write(lambda ledger, seen=seen: ledger.accounts.touch_token(token.id, LATER, seen))

    (kept,) = work.read(lambda ledger: ledger.accounts.tokens(token.user))
    assert kept.last_seen == sight


def test_live_tokens_are_those_that_open_their_door(work: Work):
    """Of one kind, neither revoked nor expired, and nobody else's."""
    user, other = work.write(make_user), work.write(make_user)
    live, endless, dead = new_token(user), replace(new_token(user), expires_at=None), new_token(user)
    late, bearer = replace(new_token(user), expires_at=NOW), replace(new_token(user), kind=TokenKind.BEARER)
    for token in (live, endless, dead, late, bearer, new_token(other)):
        work.write(lambda ledger, token=token: ledger.accounts.add_token(token, unique("hash")))
    work.write(lambda ledger: ledger.accounts.revoke_token(dead.id, NOW))

    assert work.read(lambda ledger: ledger.accounts.live_tokens(user, TokenKind.DEVICE, NOW)) == [endless, live]


def test_a_password_is_kept_for_its_user_until_it_is_another(work: Work):
    """Nobody has one from the start."""
    user, other = work.write(make_user), work.write(make_user)
    seen = [work.read(lambda ledger: ledger.accounts.password(user))]
    for hash in ("$argon2id$one", "$argon2id$two", None):
        work.write(lambda ledger, hash=hash: ledger.accounts.set_password(user, hash))
        seen.append(work.read(lambda ledger: ledger.accounts.password(user)))

    assert [None, "$argon2id$one", "$argon2id$two", None] == seen
    assert work.read(lambda ledger: ledger.accounts.password(other)) is None


def test_a_login_that_no_database_could_hold_is_nobodys(work: Work):
    assert work.read(lambda ledger: ledger.accounts.find_user("mi\x00ra")) is None


def test_a_token_dies_once(work: Work):
    token = new_token(work.write(make_user))
    work.write(lambda ledger: ledger.accounts.add_token(token, unique("hash")))

    assert work.write(lambda ledger: ledger.accounts.revoke_token(token.id, NOW))
    assert work.write(lambda ledger: ledger.accounts.revoke_token(token.id, LATER))
    assert not work.write(lambda ledger: ledger.accounts.revoke_token("tokNone", NOW))
    assert work.read(lambda ledger: ledger.accounts.tokens(token.user)) == [replace(token, revoked_at=NOW)]


def test_tokens_come_newest_first(work: Work):
    user = work.write(make_user)
    tokens = [new_token(user) for _ in range(3)]
    for token in tokens:
        work.write(lambda ledger, token=token: ledger.accounts.add_token(token, unique("hash")))

    assert work.read(lambda ledger: ledger.accounts.tokens(user)) == tokens[::-1]


def test_a_time_keeps_its_microseconds_and_comes_back_in_utc(work: Work):
    there = datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=9)))
    token = replace(new_token(work.write(make_user)), created_at=there)
    work.write(lambda ledger: ledger.accounts.add_token(token, unique("hash")))

    (kept,) = work.read(lambda ledger: ledger.accounts.tokens(token.user))

    assert kept.created_at == there
    assert kept.created_at.tzinfo is UTC


# ── spaces ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_space_is_seen_by_its_members_alone(work: Work, world: World):
    stranger = work.write(make_user)

    membership = work.read(lambda ledger: ledger.spaces.find(world.space.id, world.user))

    assert membership is not None
    assert membership.space == world.space
    assert membership.role == "owner"
    assert work.read(lambda ledger: ledger.spaces.find(world.space.id, stranger)) is None
    assert work.read(lambda ledger: ledger.spaces.of(stranger)) == []


def test_a_space_has_rules_of_its_own_until_they_are_taken_back(work: Work, world: World):
    other = work.write(make_world)
    own = SpaceRules({"pdf-javascript": Action.ALLOW, "polyglot": Action.FLAG}, ("avif", "svg"), hides_places=False)

    def told(space: Space) -> list[SpaceRules]:
        def look(ledger: Ledger) -> list[SpaceRules]:
            named, found = ledger.spaces.named(space.id), ledger.spaces.find(space.id, world.user)
            return [ledger.spaces.rules(space.number), *(seen.rules for seen in (named, found and found.space) if seen)]

        return work.read(look)

    assert told(world.space) == [SpaceRules()] * 3
    work.write(lambda ledger: ledger.spaces.set_rules(world.space, own))
    assert told(world.space) == [own] * 3
    assert told(other.space) == [SpaceRules()] * 2
    work.write(lambda ledger: ledger.spaces.set_rules(world.space, SpaceRules()))
    assert told(world.space) == [SpaceRules()] * 3
    assert work.read(lambda ledger: ledger.spaces.rules(-1)) == SpaceRules()


def test_spaces_come_oldest_first(work: Work, world: World):
    second = work.write(
        lambda ledger: ledger.spaces.add(unique("spc"), "B", world.user, unique("mem"), NOW, is_personal=True)
    )

    memberships = work.read(lambda ledger: ledger.spaces.of(world.user))

    assert [membership.space for membership in memberships] == [world.space, second]


def test_a_user_has_one_personal_space_at_most(work: Work, world: World):
    def add(ledger: Ledger):
        return ledger.spaces.add(unique("spc"), "Mine", world.user, unique("mem"), NOW, is_personal=True)

    assert work.read(lambda ledger: ledger.spaces.personal(world.user)) is None
    mine = work.write(add)
    assert work.read(lambda ledger: ledger.spaces.personal(world.user)) == mine
    with pytest.raises(Conflict):
        work.write(add)


def test_a_tree_comes_with_parents_before_children_and_siblings_in_order(work: Work, world: World):
    def grow(ledger: Ledger):
        folder = ledger.spaces.add_node(unique("nod"), world.space, world.root.id, NodeType.FOLDER, "F", NOW)
        leaf = ledger.spaces.add_node(unique("dat"), world.space, folder.id, NodeType.DATABASE, "L", NOW)
        last = ledger.spaces.add_node(unique("dat"), world.space, world.root.id, NodeType.DATABASE, "Z", NOW)
        return [world.root, world.database.node, folder, last, leaf]

    tree = work.write(grow)

    assert work.read(lambda ledger: ledger.spaces.nodes(world.space)) == tree


def test_a_node_is_found_in_whichever_space_of_the_user_it_is(work: Work, world: World):
    other, node = work.write(make_world), world.database.node

    assert work.read(lambda ledger: ledger.spaces.find_node(node.id, world.user)) == node
    assert work.read(lambda ledger: ledger.spaces.find_node(world.root.id, world.user)) == world.root
    assert work.read(lambda ledger: ledger.spaces.find_node(node.id, other.user)) is None
    assert work.read(lambda ledger: ledger.spaces.find_node("x", world.user)) is None


def test_a_node_needs_a_parent_in_its_own_space(work: Work, world: World):
    other = work.write(make_world)

    with pytest.raises(Missing):
        work.write(
            lambda ledger: ledger.spaces.add_node(unique("nod"), other.space, world.root.id, NodeType.FOLDER, "F", NOW)
        )


def test_a_database_comes_with_its_fields_in_order(work: Work, world: World):
    options = [{"id": "opt1", "name": "Red", "color": "red"}]
    field = Field("fldAaa", "Colour", FieldType.SINGLE_SELECT, properties={"options": options})
    work.write(lambda ledger: ledger.spaces.add_field(world.database.node, field))

    found = work.read(lambda ledger: ledger.spaces.find_database(world.database.node.id, world.space))

    assert found == replace(world.database, fields=(*world.database.fields, field))


def test_a_database_may_have_no_fields(work: Work, world: World):
    node = work.write(
        lambda ledger: ledger.spaces.add_node(unique("dat"), world.space, world.root.id, NodeType.DATABASE, "E", NOW)
    )

    found = work.read(lambda ledger: ledger.spaces.find_database(node.id, world.space))

    assert found is not None
    assert (found.node, found.fields) == (node, ())


def test_only_a_database_of_this_space_is_found(work: Work, world: World):
    other = work.write(make_world)

    assert work.read(lambda ledger: ledger.spaces.find_database(world.database.node.id, other.space)) is None
    assert work.read(lambda ledger: ledger.spaces.find_database(world.root.id, world.space)) is None


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_record_comes_back_with_what_hangs_on_it(work: Work, world: World):
    def story(ledger: Ledger):
        uploads = [make_upload(ledger, world, variants) for variants in (0, 1, 2)]
        return make_record(ledger, world, uploads)

    record = work.write(story)

    assert [tie.upload.blob.variants[:1] != () for tie in record.attached(PAPERS.id)] == [False, True, True]
    assert work.read(lambda ledger: ledger.records.find(world.database, record.id)) == record
    assert work.write(lambda ledger: ledger.records.find(world.database, record.id, for_update=True)) == record


def test_a_record_is_found_in_its_own_database_alone(work: Work, world: World):
    record = work.write(lambda ledger: make_record(ledger, world))
    other = work.write(make_world)

    assert work.read(lambda ledger: ledger.records.find(other.database, record.id)) is None


def test_a_change_replaces_cells_and_the_named_attachment_cells_alone(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    record = work.write(lambda ledger: make_record(ledger, world, [upload, upload]))
    cells = {TEXT.id: "ünïcode", "fldNumber": 12.5, "fldList": ["a", "b"], "fldBig": 2**70, "fldFlag": True}
    photos = AttachmentChange(PHOTOS.id, [(upload, "a"), (upload, "b")])

    changed = work.write(lambda ledger: ledger.records.change(record, cells, [photos], world.user, LATER))

    assert (changed.revision, changed.cells, changed.updated_at) == (1, cells, LATER)
    assert [tie.name for tie in changed.attached(PAPERS.id)] == ["my cat.png", "my cat.png"]
    assert [(tie.name, tie.position) for tie in changed.attached(PHOTOS.id)] == [("a", 0), ("b", 1)]
    assert work.read(lambda ledger: ledger.records.find(world.database, record.id)) == changed


def test_an_attachment_cell_can_be_reordered_and_emptied(work: Work, world: World):
    first, second = work.write(lambda ledger: [make_upload(ledger, world) for _ in range(2)])
    record = work.write(lambda ledger: make_record(ledger, world, [first, second]))
    swapped = AttachmentChange(PAPERS.id, [(second, "2"), (first, "1")])

    record = work.write(lambda ledger: ledger.records.change(record, {}, [swapped], world.user, LATER))
    assert [tie.upload for tie in record.attachments] == [second, first]
    assert work.read(lambda ledger: ledger.records.find(world.database, record.id)) == record

    empty = [AttachmentChange(PAPERS.id, [])]
    record = work.write(lambda ledger: ledger.records.change(record, {}, empty, world.user, LATER))
    assert (record.attachments, record.revision) == ((), 2)
    assert work.read(lambda ledger: ledger.records.find(world.database, record.id)) == record


def test_a_change_without_attachments_leaves_them(work: Work, world: World):
    record = work.write(lambda ledger: make_record(ledger, world, [make_upload(ledger, world)]))

    changed = work.write(lambda ledger: ledger.records.change(record, {}, [], world.user, LATER))

    assert changed.attachments == record.attachments
    assert work.read(lambda ledger: ledger.records.find(world.database, record.id)) == changed


def test_a_record_that_is_gone_is_not_changed(work: Work, world: World):
    record = replace(work.write(lambda ledger: make_record(ledger, world)), number=1 << 40)

    with pytest.raises(Missing):
        work.write(lambda ledger: ledger.records.change(record, {}, [], world.user, LATER))


def test_a_page_holds_its_part_of_the_records_in_order(work: Work, world: World):
    def story(ledger: Ledger):
        make_record(ledger, make_world(ledger))
        return [make_record(ledger, world, [make_upload(ledger, world, count)] * count) for count in range(3)]

    records = work.write(story)

    def page(**bounds: int):
        return work.read(lambda ledger: ledger.records.page(world.database, **bounds))

    assert page(limit=10) == records
    assert page(limit=2) == records[:2]
    assert page(limit=2, skip=1) == records[1:]
    assert page(limit=2, after=records[0].number) == records[1:]
    assert page(limit=2, after=records[0].number, skip=1) == records[2:]
    assert page(limit=2, skip=3) == []
    assert work.read(lambda ledger: ledger.records.count(world.database)) == 3


def test_several_records_are_kept_at_once_and_come_back_in_order(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world, 2))
    papers = AttachmentChange(PAPERS.id, [(upload, "a"), (upload, "b")])
    new = [NewRecord(unique("rec"), {TEXT.id: str(n)}, [papers] if n % 2 else []) for n in range(30)]

    kept = work.write(lambda ledger: ledger.records.add_all(world.database, new, world.user, NOW))

    assert [(record.id, record.cells) for record in kept] == [(each.id, each.cells) for each in new]
    assert [len(record.attachments) for record in kept] == [0, 2] * 15
    assert {(record.created_by, record.updated_by) for record in kept} == {(world.user.number,) * 2}
    ids = [record.id for record in kept]
    assert work.read(lambda ledger: ledger.records.find_all(world.database, [*reversed(ids), "recNone"])) == {
        record.id: record for record in kept
    }
    assert work.read(lambda ledger: [*ledger.records.find_all(world.database, [*reversed(ids)])]) == ids


def test_several_records_are_changed_at_once(work: Work, world: World):
    """Each in its own way, by somebody else, who is then known to have."""
    other = work.write(make_user)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    tied, plain, bystander = work.write(
        lambda ledger: [make_record(ledger, world, uploads) for uploads in ([upload], [], [upload])]
    )
    photos = AttachmentChange(PHOTOS.id, [(upload, "p")])
    changes = [
        RecordChange(tied, {TEXT.id: "A"}, [AttachmentChange(PAPERS.id, []), photos]),
        RecordChange(plain, {}, [photos]),
    ]

    def change(ledger: Ledger):
        ledger.records.find_all(world.database, [tied.id, plain.id], for_update=True)
        return ledger.records.change_all(changes, other, LATER)

    changed = work.write(change)

    assert [record.revision for record in changed] == [1, 1]
    assert {(record.created_by, record.updated_by) for record in changed} == {(world.user.number, other.number)}
    assert [[tie.field_id for tie in record.attachments] for record in changed] == [[PHOTOS.id], [PHOTOS.id]]
    found = work.read(lambda ledger: ledger.records.find_all(world.database, [tied.id, plain.id, bystander.id]))
    assert [*found.values()] == [*changed, bystander]


def test_of_several_changes_none_is_made_where_a_record_is_gone(work: Work, world: World):
    record = work.write(lambda ledger: make_record(ledger, world))
    gone = replace(record, number=1 << 40)

    with pytest.raises(Missing):
        work.write(
            lambda ledger: ledger.records.change_all(
                [RecordChange(record, {}), RecordChange(gone, {})], world.user, LATER
            )
        )

    assert work.read(lambda ledger: ledger.records.find(world.database, record.id)) == record


def test_a_removed_record_lets_go_of_its_files_which_stay(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    removed, kept = work.write(lambda ledger: [make_record(ledger, world, [upload]) for _ in range(2)])

    for _ in range(2):
        work.write(lambda ledger: ledger.records.remove_all([removed]))

    assert work.read(lambda ledger: ledger.records.find(world.database, removed.id)) is None
    assert work.read(lambda ledger: ledger.records.find(world.database, kept.id)) == kept
    assert work.read(lambda ledger: ledger.files.find_by_path(upload.path)) == upload


def test_records_are_present_in_their_database_and_space_alone(work: Work, world: World):
    record = work.write(lambda ledger: make_record(ledger, world))
    other = work.write(make_world)

    def present(space: Space, database: str):
        return work.read(lambda ledger: ledger.records.present(space.number, database, [record.id, "recNone"]))

    assert present(world.space, world.database.node.id) == {record.id}
    assert present(other.space, world.database.node.id) == set()
    assert present(world.space, other.database.node.id) == set()


def test_each_numbering_field_counts_for_itself(work: Work, world: World):
    """In a row, and never the same number twice."""
    first, second = Field("fldNo1", "No", FieldType.AUTO_NUMBER), Field("fldNo2", "Nr", FieldType.AUTO_NUMBER)
    work.write(lambda ledger: ledger.spaces.add_field(world.database.node, first))

    def take(count: int):
        return work.write(lambda ledger: ledger.records.take_numbers(world.database, count))

    assert (take(3), take(1)) == ({"fldNo1": 1}, {"fldNo1": 4})
    work.write(lambda ledger: ledger.spaces.add_field(world.database.node, second))
    assert take(2) == {"fldNo1": 5, "fldNo2": 1}
    other = work.write(make_world)
    assert work.write(lambda ledger: ledger.records.take_numbers(other.database, 1)) == {}


def test_people_are_known_as_members_and_as_users(work: Work, world: World):
    """Who is no member is told by the account; members of other spaces are not told of."""
    stranger = work.write(make_user)
    other = work.write(make_world)
    [mine, theirs] = [work.read(lambda ledger, w=w: ledger.spaces.find(w.space.id, w.user)) for w in (world, other)]
    assert mine is not None
    assert theirs is not None
    ids, numbers = [mine.member_id, theirs.member_id, "memNone"], [world.user.number, stranger.number, 1 << 40]

    people = work.read(lambda ledger: ledger.spaces.people(world.space.number, ids, numbers))

    assert people.members == {mine.member_id: Person(mine.member_id, "Ann")}
    assert people.users == {
        world.user.number: Person(mine.member_id, "Ann"),
        stranger.number: Person(stranger.id, "Ann"),
    }


# ── history ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_done_to_a_record_comes_newest_first_and_outlives_it(work: Work, world: World):
    record, other = work.write(lambda ledger: [make_record(ledger, world) for _ in range(2)])
    changed = replace(record, revision=1, cells={"fldJson": {"b": 1, "a": [True, 1.5, None]}})

    def live(ledger: Ledger):
        ledger.history.add(world.database, [creation(record), creation(other)], world.user, NOW)
        ledger.history.add(world.database, [update(record, changed)], world.user, LATER)
        ledger.history.add(world.database, [deletion(changed)], world.user, LATER)
        ledger.history.add(world.database, [], world.user, LATER)
        ledger.records.remove_all([record])

    work.write(live)

    def page(**bounds: int):
        return work.read(lambda ledger: ledger.history.page(world.database, record.id, **bounds))

    deeds = page(limit=10)
    assert [(deed.deed, deed.revision, deed.at) for deed in deeds] == [
        (Deed.DELETE, 1, LATER),
        (Deed.UPDATE, 1, LATER),
        (Deed.CREATE, 0, NOW),
    ]
    assert deeds[1].changes == {
        TEXT.id: [record.cells[TEXT.id], None],
        "fldJson": [None, {"b": 1, "a": [True, 1.5, None]}],
    }
    assert {deed.by.name for deed in deeds} == {"Ann"}
    assert page(limit=1) == deeds[:1]
    assert page(limit=9, before=deeds[1].number) == deeds[2:]
    elsewhere = work.write(make_world)
    assert work.read(lambda ledger: ledger.history.page(elsewhere.database, record.id, limit=9)) == []


@pytest.mark.parametrize(
    "value",
    [
        5e-324,
        -1.7e-300,
        0.1,
        1e-7,
        2.5e15,
        2**53,
        -(2**53),
        [[[{"": None, "é\u2028": [True, 1, 1.5]}]]],
        "\x01\U0001f600",
    ],
)
def test_whatever_a_field_takes_comes_back_as_it_was(work: Work, world: World, value: object):
    """In a cell and in the history of it."""
    cells = {"fldX": coerce(Field("fldX", "X", FieldType.JSON), value)}
    record = work.write(lambda ledger: ledger.records.add(world.database, unique("rec"), cells, [], world.user, NOW))
    work.write(lambda ledger: ledger.history.add(world.database, [creation(record)], world.user, NOW))

    found = work.read(lambda ledger: ledger.records.find(world.database, record.id))
    [made] = work.read(lambda ledger: ledger.history.page(world.database, record.id, limit=2))

    assert found == record
    assert repr(found.cells) == repr(cells)
    assert made.changes == {"fldX": [None, cells["fldX"]]}


def test_text_that_cannot_be_stored_is_the_callers_mistake(work: Work, world: World):
    with pytest.raises(Malformed):
        work.write(
            lambda ledger: ledger.records.add(
                world.database, unique("rec"), {TEXT.id: "half a \ud800 pair"}, [], world.user, NOW
            )
        )


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_blob_is_found_by_its_content_once_it_is_kept(work: Work, world: World):
    new = new_blob(world.space, variants=2)

    def find():
        return work.read(lambda ledger: ledger.files.find_ready(new.space_id, new.sha256, new.mime))

    work.write(lambda ledger: ledger.files.reserve(keys_of(new), NOW))
    assert find() is None

    ready = work.write(lambda ledger: ledger.files.add(new, NOW))
    assert (ready.state, ready.variants, ready.size) == (BlobState.READY, new.variants, 5_000_000_000)
    assert (ready.findings, ready.encoding) == (("polyglot", "trailing-data"), "utf-16")
    assert find() == ready


def test_a_blob_of_another_space_or_type_is_not_found(work: Work, world: World):
    blob = work.write(lambda ledger: make_ready(ledger, world.space))
    other = work.write(make_world)

    assert work.read(lambda ledger: ledger.files.find_ready(other.space.number, blob.sha256, blob.mime)) is None
    assert work.read(lambda ledger: ledger.files.find_ready(blob.space_id, blob.sha256, "image/gif")) is None


def test_of_two_twins_the_first_stays_and_the_keys_of_the_second_are_left_reserved(work: Work, world: World):
    first, second = (new_blob(world.space, b"the same", variants=2) for _ in range(2))
    work.write(lambda ledger: ledger.files.reserve([*keys_of(first), *keys_of(second)], NOW))

    winner = work.write(lambda ledger: ledger.files.add(first, NOW))

    assert work.write(lambda ledger: ledger.files.add(second, NOW)) == winner
    left = work.write(lambda ledger: ledger.files.condemn_reserved(LATER, 9999))
    assert {*keys_of(second)} <= {*left}
    assert not {*keys_of(first)} & {*left}


def test_a_story_goes_on_after_it_met_a_twin(work: Work, world: World):
    content = unique("").encode()
    twins = [new_blob(world.space, content) for _ in range(2)]

    def story(ledger: Ledger):
        ready, found = (add_blob(ledger, twin) for twin in twins)
        return ready, found, ledger.files.add_upload(new_upload(world), found, NOW)

    ready, found, upload = work.write(story)

    assert found == ready
    assert work.read(lambda ledger: ledger.files.find_by_path(upload.path)) == upload


@pytest.mark.parametrize("which", [0, 1, 2], ids=["its own", "a variant's", "the last variant's"])
def test_nothing_is_kept_under_a_key_that_is_not_reserved(work: Work, world: World, which: int):
    blob = new_blob(world.space, variants=2)
    reserved = [key for number, key in enumerate(keys_of(blob)) if number != which]
    work.write(lambda ledger: ledger.files.reserve(reserved, NOW))

    with pytest.raises(ReservationLost):
        work.write(lambda ledger: ledger.files.add(blob, NOW))

    assert work.read(lambda ledger: ledger.files.find_ready(blob.space_id, blob.sha256, blob.mime)) is None
    assert work.read(lambda ledger: ledger.files.named(keys_of(blob))) == {*reserved}


def test_nothing_is_kept_under_a_key_that_a_sweep_came_for(work: Work, world: World):
    blob = new_blob(world.space)
    work.write(lambda ledger: ledger.files.reserve(keys_of(blob), NOW))
    assert {*keys_of(blob)} <= {*work.write(lambda ledger: ledger.files.condemn_reserved(LATER, 9999))}

    with pytest.raises(ReservationLost):
        work.write(lambda ledger: ledger.files.add(blob, NOW))

    for _ in range(2):
        work.write(lambda ledger: ledger.files.release(keys_of(blob)))
    assert work.read(lambda ledger: ledger.files.named(keys_of(blob))) == set()


def test_a_sweep_comes_for_the_oldest_reservations_first(work: Work):
    long_ago = NOW - timedelta(days=2000)
    early, late = (f"ee/ee{unique('')[:30]:0>30}" for _ in range(2))
    work.write(lambda ledger: ledger.files.reserve([late], long_ago + timedelta(days=1)))
    work.write(lambda ledger: ledger.files.reserve([early], long_ago))

    def condemn(days: int, limit: int):
        before = long_ago + timedelta(days=days)
        return work.write(lambda ledger: ledger.files.condemn_reserved(before, limit))

    assert condemn(0, 9) == []
    assert condemn(2, 1) == [early]
    assert {*condemn(2, 9)} == {early, late}  # a sweep that broke off comes again
    work.write(lambda ledger: ledger.files.release([early, late]))
    assert condemn(2, 9) == []


def test_the_number_of_a_removed_blob_is_not_given_again(work: Work, world: World):
    def add_and_remove(ledger: Ledger):
        blob = make_ready(ledger, world.space)
        ledger.files.condemn(blob)
        ledger.files.remove(blob)
        ledger.files.remove(blob)
        return blob

    removed = work.write(add_and_remove)

    assert work.write(lambda ledger: make_ready(ledger, world.space)).id > removed.id


def test_a_ready_blob_is_not_removed(work: Work, world: World):
    blob = work.write(lambda ledger: make_ready(ledger, world.space))

    work.write(lambda ledger: ledger.files.remove(blob))

    assert work.read(lambda ledger: ledger.files.find_ready(blob.space_id, blob.sha256, blob.mime)) == blob


def test_a_blob_that_has_an_upload_is_not_removed(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    work.write(lambda ledger: ledger.files.condemn(upload.blob))

    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.files.remove(upload.blob))


def test_condemned_blobs_come_oldest_first(work: Work, world: World):
    long_ago = NOW - timedelta(days=1000)
    next_day = long_ago + timedelta(days=1)

    def story(ledger: Ledger):
        late = add_blob(ledger, new_blob(world.space, variants=2), next_day)
        early = add_blob(ledger, new_blob(world.space, variants=2), long_ago)
        for blob in (late, early):
            ledger.files.condemn(blob)
            ledger.files.condemn(blob)
        add_blob(ledger, new_blob(world.space), long_ago)
        return [replace(blob, state=BlobState.CONDEMNED) for blob in (early, late)]

    early, late = work.write(story)

    assert work.read(lambda ledger: ledger.files.condemned(NOW - timedelta(days=990), 5)) == [early, late]
    assert work.read(lambda ledger: ledger.files.condemned(NOW - timedelta(days=990), 1)) == [early]
    assert work.read(lambda ledger: ledger.files.condemned(next_day, 5)) == [early]
    work.write(lambda ledger: (ledger.files.remove(early), ledger.files.remove(late)))


# ── deletion ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_upload_is_out_of_sight_until_it_is_restored(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    record = work.write(lambda ledger: make_record(ledger, world, [upload]))
    gone = replace(upload, deleted_at=NOW)

    def seen(ledger: Ledger) -> list[object]:
        space, ids = world.space.number, [upload.id]
        found = ledger.records.find(world.database, record.id)
        assert found is not None
        return [
            ledger.files.find_by_path(upload.path),
            ledger.files.find_uploads(space, ids).get(upload.id),
            ledger.files.find_uploads(space, ids, with_deleted=True)[upload.id],
            ledger.files.find_by_number(upload.number),
            ledger.files.list_uploads(space, UploadSearch(), before=None, limit=9),
            ledger.files.list_uploads(space, UploadSearch(is_deleted=True), before=None, limit=9),
            [tie.upload for tie in found.attachments],
        ]

    there = [upload, upload, upload, upload, [upload], [], [upload]]
    assert work.read(seen) == there
    work.write(lambda ledger: ledger.files.delete_upload(upload, NOW))
    work.write(lambda ledger: ledger.files.delete_upload(upload, LATER))
    assert work.read(seen) == [None, None, gone, gone, [], [gone], []]
    assert work.write(lambda ledger: ledger.files.restore_upload(upload))
    assert not work.write(lambda ledger: ledger.files.restore_upload(upload))
    assert work.read(seen) == there


def test_deleted_uploads_come_oldest_first(work: Work, world: World):
    long_ago = NOW - timedelta(days=1000)
    uploads = [work.write(lambda ledger: make_upload(ledger, world)) for _ in range(3)]
    for days, upload in zip((2, 1, 3), uploads, strict=True):
        work.write(
            lambda ledger, upload=upload, days=days: ledger.files.delete_upload(upload, long_ago + timedelta(days))
        )

    def deleted(days: int, limit: int) -> set[int]:
        before = long_ago + timedelta(days)
        return {upload.number for upload in work.read(lambda ledger: ledger.files.deleted(before, limit))}

    assert deleted(1, 9) == set()
    assert deleted(3, 9) == {uploads[0].number, uploads[1].number}
    assert deleted(3, 1) == {uploads[1].number}
    for upload in uploads:
        work.write(lambda ledger, upload=upload: ledger.files.forget_upload(upload))
    assert deleted(9, 9) == set()


def test_the_last_upload_takes_its_blob_along(work: Work, world: World):
    first = work.write(lambda ledger: make_upload(ledger, world))
    second = work.write(lambda ledger: ledger.files.add_upload(new_upload(world), first.blob, NOW))
    work.write(lambda ledger: make_record(ledger, world, [first, second]))

    def is_ready() -> bool:
        blob = first.blob
        return work.read(lambda ledger: ledger.files.find_ready(blob.space_id, blob.sha256, blob.mime)) is not None

    work.write(lambda ledger: ledger.files.forget_upload(first))
    assert work.read(lambda ledger: ledger.files.find_by_number(first.number)) == first, "it was not deleted"
    for upload, others in ((first, True), (second, False)):
        work.write(lambda ledger, upload=upload: ledger.files.delete_upload(upload, NOW))
        work.write(lambda ledger, upload=upload: ledger.files.forget_upload(upload))
        work.write(lambda ledger, upload=upload: ledger.files.forget_upload(upload))
        assert work.read(lambda ledger, upload=upload: ledger.files.find_by_number(upload.number)) is None
        assert work.read(lambda ledger, upload=upload: ledger.records.uses(upload, 9)) == []
        assert is_ready() is others
    with pytest.raises(BlobGone):
        work.write(lambda ledger: ledger.files.add_upload(new_upload(world), first.blob, NOW))
    work.write(lambda ledger: ledger.files.remove(first.blob))


def test_uploads_are_listed_newest_first_and_narrowed(work: Work, world: World):
    def make(mime: str, name: str, purpose: Purpose) -> Upload:
        def story(ledger: Ledger) -> Upload:
            blob = add_blob(ledger, new_blob(world.space, mime=mime))
            return ledger.files.add_upload(replace(new_upload(world), name=name, purpose=purpose), blob, NOW)

        return work.write(story)

    photo = make("image/png", "Roof 100%.png", Purpose("avatar", "image", "person"))
    paper = make("application/pdf", "roof_plan.pdf", Purpose("attachment", "document", "transaction"))
    other = make("image/jpeg", "garden.jpg", Purpose("attachment", "image", "transaction"))
    work.write(lambda ledger: make_record(ledger, world, [photo]))
    stranger = work.write(make_world)
    work.write(lambda ledger: make_upload(ledger, stranger))

    def listed(before: int | None = None, limit: int = 9, **wanted: object) -> list[Upload]:
        search = UploadSearch(**wanted)  # type: ignore[arg-type]
        return work.read(
            lambda ledger: ledger.files.list_uploads(world.space.number, search, before=before, limit=limit)
        )

    assert listed() == [other, paper, photo]
    assert listed(limit=2) == [other, paper]
    assert listed(before=paper.number) == [photo]
    assert listed(mime="image/") == [other, photo]
    assert listed(mime="application/pdf") == [paper]
    assert listed(mime="image/%") == []
    assert listed(name="ROOF") == [paper, photo]
    assert listed(name="100%") == [photo]
    assert listed(name="f_p") == [paper], "no wildcard"
    assert listed(kind="document") == [paper]
    assert listed(entity="transaction") == [other, paper]
    assert listed(is_attached=True) == [photo]
    assert listed(is_attached=False) == [other, paper]
    assert listed(is_deleted=True) == []
    work.write(lambda ledger: ledger.files.rename_upload(other, "hedge.jpg"))
    assert listed(name="hedge") == [replace(other, name="hedge.jpg")]


def test_the_cells_that_an_upload_hangs_in_are_told(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    records = [work.write(lambda ledger: make_record(ledger, world, [upload])) for _ in range(2)]

    uses = work.read(lambda ledger: ledger.records.uses(upload, 9))
    assert [(use.database_id, use.record_id) for use in uses] == [
        (world.database.node.id, record.id) for record in records
    ]
    assert {use.field_id for use in uses} == {tie.field_id for record in records for tie in record.attachments}
    assert work.read(lambda ledger: ledger.records.uses(upload, 1)) == uses[:1]


def test_keys_of_blobs_and_of_variants_and_reserved_ones_are_named(work: Work, world: World):
    condemned = work.write(lambda ledger: make_ready(ledger, world.space, variants=2))
    work.write(lambda ledger: ledger.files.condemn(condemned))
    ready = work.write(lambda ledger: make_ready(ledger, world.space))
    reserved = f"ab/ab{unique('')[:30]:0>30}"
    work.write(lambda ledger: ledger.files.reserve([reserved], NOW))
    keys = {*keys_of(condemned), *keys_of(ready), reserved}
    strangers = [f"00/{number:032x}" for number in range(2500)]

    assert work.read(lambda ledger: ledger.files.named([*strangers, *keys])) == keys
    assert work.read(lambda ledger: ledger.files.named([])) == set()

    work.write(lambda ledger: ledger.files.remove(condemned))
    assert work.read(lambda ledger: ledger.files.named(sorted(keys))) == {ready.key, ready.variants[0].key, reserved}


def test_the_contents_of_keys_are_told_whatever_the_state(work: Work, world: World):
    condemned = work.write(lambda ledger: make_ready(ledger, world.space, variants=2))
    work.write(lambda ledger: ledger.files.condemn(condemned))
    ready = work.write(lambda ledger: make_ready(ledger, world.space))
    named = [each for blob in (condemned, ready) for each in (blob, *blob.variants)]
    strangers = [f"00/{number:032x}" for number in range(2500)]

    told = work.read(lambda ledger: ledger.files.contents([*strangers, *(each.key for each in named)]))

    assert told == {each.key: (each.size, each.sha256) for each in named}
    assert work.read(lambda ledger: ledger.files.contents([])) == {}


def test_ready_blobs_are_walked_in_order(work: Work, world: World):
    before, condemned, *blobs = work.write(
        lambda ledger: [make_ready(ledger, world.space, variants) for variants in (0, 0, 2, 0, 1)]
    )
    work.write(lambda ledger: ledger.files.condemn(condemned))

    assert work.read(lambda ledger: ledger.files.ready(after=before.id, limit=9)) == blobs
    assert work.read(lambda ledger: ledger.files.ready(after=before.id, limit=2)) == blobs[:2]
    assert work.read(lambda ledger: ledger.files.ready(after=blobs[0].id, limit=9)) == blobs[1:]


def test_uploads_are_found_within_their_space(work: Work, world: World):
    uploads = work.write(lambda ledger: [make_upload(ledger, world, variants) for variants in (0, 2)])
    stranger = work.write(lambda ledger: make_upload(ledger, make_world(ledger)))
    ids = [upload.id for upload in (*uploads, stranger, uploads[0])]

    found = work.read(lambda ledger: ledger.files.find_uploads(world.space.number, ids))

    assert found == {upload.id: upload for upload in uploads}
    assert work.read(lambda ledger: ledger.files.find_uploads(world.space.number, [])) == {}


def test_an_upload_is_found_by_its_public_name(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))

    assert work.read(lambda ledger: ledger.files.find_by_path(upload.path)) == upload
    assert work.read(lambda ledger: ledger.files.find_by_path("other.png")) is None


def test_only_a_ready_blob_takes_an_upload(work: Work, world: World):
    condemned = work.write(lambda ledger: make_ready(ledger, world.space))
    work.write(lambda ledger: ledger.files.condemn(condemned))

    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.files.add_upload(new_upload(world), condemned, NOW))


def test_two_uploads_cannot_share_a_public_name(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    copycat = replace(new_upload(world), path=upload.path)

    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.files.add_upload(copycat, upload.blob, NOW))


# ── idempotency ──────────────────────────────────────────────────────────────────────────────────────────────────


def claim(work: Work, key: str, fingerprint: str = "same", now: datetime = NOW) -> Claim:
    """Claim a key for an hour."""
    return work.write(lambda ledger: ledger.idempotency.claim("usr", key, fingerprint, now, now + timedelta(hours=1)))


def test_a_key_is_claimed_once(work: Work):
    key = unique("key")

    assert claim(work, key) == Claim(is_mine=True, fingerprint="same")
    assert claim(work, key, "other") == Claim(is_mine=False, fingerprint="same")
    assert work.write(lambda ledger: ledger.idempotency.claim("usr2", key, "", NOW, LATER)).is_mine


def test_a_finished_key_tells_its_answer_as_it_was(work: Work):
    key = unique("key")
    answer = {"z": 1, "a": [None, "é", {"name": "x", "id": 2.5}]}
    claim(work, key)
    work.write(lambda ledger: ledger.idempotency.finish("usr", key, answer, LATER))

    kept = claim(work, key, "other")

    assert kept == Claim(is_mine=False, fingerprint="same", answer=answer)
    assert list(kept.answer) == ["z", "a"]


def test_a_claim_past_its_time_is_taken_over(work: Work):
    key = unique("key")
    claim(work, key)
    work.write(lambda ledger: ledger.idempotency.finish("usr", key, "done", LATER))

    assert not claim(work, key, "new", LATER - timedelta(microseconds=1)).is_mine
    assert claim(work, key, "new", LATER) == Claim(is_mine=True, fingerprint="new")
    assert claim(work, key, "newer", LATER) == Claim(is_mine=False, fingerprint="new")


def test_a_released_key_can_be_claimed_again_and_a_finished_one_is_not_released(work: Work):
    key = unique("key")
    claim(work, key)
    work.write(lambda ledger: ledger.idempotency.release("usr", key))
    work.write(lambda ledger: ledger.idempotency.release("usr", key))
    assert claim(work, key).is_mine

    work.write(lambda ledger: ledger.idempotency.finish("usr", key, "done", LATER))
    work.write(lambda ledger: ledger.idempotency.release("usr", key))
    assert claim(work, key).answer == "done"


def test_a_claim_that_is_gone_cannot_be_finished(work: Work):
    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.idempotency.finish("usr", unique("key"), "done", LATER))


def test_what_expired_is_forgotten(work: Work):
    key = unique("key")
    claim(work, key, now=NOW - timedelta(days=9))
    fresh = unique("key")
    claim(work, fresh)

    assert work.write(lambda ledger: ledger.idempotency.forget(NOW - timedelta(days=8), 10)) == 1
    assert work.write(lambda ledger: ledger.idempotency.forget(NOW - timedelta(days=8), 10)) == 0
    assert not claim(work, fresh).is_mine


# ── variants made later, and words ───────────────────────────────────────────────────────────────────────────────


def late_variant(work: Work, recipe: str = "crop-64") -> Variant:
    """A rendition whose bytes lie under a reserved key."""
    variant = replace(new_variant(0), recipe=recipe)
    work.write(lambda ledger: ledger.files.reserve([variant.key], NOW))
    return variant


def test_a_variant_that_is_made_later_is_kept_beside_the_others(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world, variants=2))
    variant = late_variant(work)
    assert work.write(lambda ledger: ledger.files.add_variant(upload.blob, variant)) == variant

    found = work.read(lambda ledger: ledger.files.find_by_path(upload.path))
    assert found is not None
    assert found.blob.variants == (*upload.blob.variants, variant)
    assert variant.key not in work.write(lambda ledger: ledger.files.condemn_reserved(LATER, 9999))


def test_of_two_variants_by_one_recipe_the_first_is_kept(work: Work, world: World):
    blob = work.write(lambda ledger: make_ready(ledger, world.space))
    first, second = late_variant(work), late_variant(work)
    kept = [work.write(lambda ledger, one=one: ledger.files.add_variant(blob, one)) for one in (first, second)]

    assert kept == [first, first]
    assert second.key in work.write(lambda ledger: ledger.files.condemn_reserved(LATER, 9999))


def test_a_blob_that_is_condemned_gets_no_variant_and_no_words(work: Work, world: World):
    blob = work.write(lambda ledger: make_ready(ledger, world.space))
    variant = late_variant(work)
    work.write(lambda ledger: ledger.files.condemn(blob))

    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.files.add_variant(blob, variant))
    work.write(lambda ledger: ledger.files.keep_text(blob, "words"))
    assert work.read(lambda ledger: ledger.files.find_text(blob)) is None


def test_a_variant_under_a_key_that_is_not_reserved_is_not_kept(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    with pytest.raises(ReservationLost):
        work.write(lambda ledger: ledger.files.add_variant(upload.blob, replace(new_variant(0), recipe="64")))
    assert work.read(lambda ledger: ledger.files.find_by_path(upload.path)) == upload


def test_words_are_kept_once_and_go_with_their_blob(work: Work, world: World):
    read, unread, picture = (
        work.write(lambda ledger, mime=mime: add_blob(ledger, new_blob(world.space, mime=mime)))
        for mime in ("application/pdf", "application/pdf", "image/png")
    )
    for words in ("early", "Größe 你好", ""):
        work.write(lambda ledger, words=words: ledger.files.keep_text(read, words))
        assert work.read(lambda ledger: ledger.files.find_text(read)) == words
    assert work.read(lambda ledger: ledger.files.find_text(unread)) is None

    found = work.read(lambda ledger: ledger.files.unread({"application/pdf", "text/plain"}, after=0, limit=9999))
    assert unread in found
    assert read not in found
    assert picture not in found
    assert work.read(lambda ledger: ledger.files.unread(["application/pdf"], after=unread.id, limit=9)) == []

    def forget(ledger: Ledger) -> None:
        ledger.files.condemn(read)
        ledger.files.remove(read)

    work.write(forget)
    assert work.read(lambda ledger: ledger.files.find_text(read)) is None
