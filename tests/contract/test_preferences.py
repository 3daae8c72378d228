"""What users chose, and what an installation remembers: on every database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from holdall.domain.preferences import DEFAULTS, KindPreference, Preferences, UploadPreferences
from holdall.ports import Ledger
from tests.support.databases import Work
from tests.support.rows import make_user

CHOSEN = Preferences(
    "EUR",
    "Europe/Berlin",
    "sealed",
    UploadPreferences({"image": KindPreference(("png",), 7)}, 40, keeps_originals=True, strips_metadata=False),
)


def test_whoever_never_chose_has_the_defaults(work: Work):
    user = work.write(make_user)

    assert work.read(lambda ledger: ledger.preferences.of(user)) == DEFAULTS
    assert work.write(lambda ledger: ledger.preferences.hold(user)) == DEFAULTS
    assert work.read(lambda ledger: ledger.preferences.of(user)) == DEFAULTS


def test_what_was_chosen_is_kept_and_taken_back(work: Work):
    user, other = work.write(make_user), work.write(make_user)

    for chosen in (CHOSEN, replace(CHOSEN, uploads=UploadPreferences()), DEFAULTS):

        def keep(ledger: Ledger, chosen: Preferences = chosen) -> None:
            ledger.preferences.hold(user)
            ledger.preferences.keep(user, chosen)

        work.write(keep)
        assert work.read(lambda ledger: ledger.preferences.of(user)) == chosen
        assert work.read(lambda ledger: ledger.preferences.of(other)) == DEFAULTS


def test_of_changes_at_once_none_is_lost(work: Work):
    user = work.write(make_user)
    names = [f"kind {number}" for number in range(8)]

    def choose(name: str) -> None:
        def change(ledger: Ledger) -> None:
            held = ledger.preferences.hold(user)
            kinds = {**held.uploads.kinds, name: KindPreference(max_bytes=1)}
            ledger.preferences.keep(user, replace(held, uploads=UploadPreferences(kinds)))

        work.write(change)

    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(choose, names))

    assert set(work.read(lambda ledger: ledger.preferences.of(user)).uploads.kinds) == set(names)


def test_the_first_value_is_remembered(work: Work):
    first = work.write(lambda ledger: ledger.preferences.remember("name", "first"))

    assert [first, work.write(lambda ledger: ledger.preferences.remember("name", "second"))] == [first] * 2
    assert work.write(lambda ledger: ledger.preferences.remember("other name", "x")) == "x"
