"""What the stories of somebody's books share: whose they are, and what becomes of files that hang in them no longer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor, Scope
from holdall.domain.files import Upload
from holdall.errors import BookRefused
from holdall.flows.access import demand
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class Ties:
    """Files that a change hung somewhere, and those that it took down."""

    linked: Sequence[Upload] = ()
    unlinked: Sequence[Upload] = ()


@dataclass(frozen=True, slots=True)
class Keeper:
    """Whoever looks into their own books, or writes in them."""

    services: Services
    actor: Actor

    @property
    def user(self) -> int:
        """The number of their account."""
        return self.actor.user.number

    def read(self) -> None:
        """Refuse a credential that may not read.

        Raises:
            Forbidden: it may not.

        """
        demand(self.actor, Scope.READ)

    def hold(self, ledger: Ledger) -> int:
        """Hold the books until the transaction ends; what was turned over in them.

        Raises:
            Forbidden: the credential may not write.

        """
        demand(self.actor, Scope.WRITE)
        return ledger.books.hold(self.user)

    def avatar(self, ledger: Ledger, number: int | None, entity: str, code: str) -> None:
        """Refuse an avatar that is no picture of the caller's for such a thing (contract pika, sections 4 and 5).

        Raises:
            BookRefused: with this code.

        """
        if number is None:
            return
        upload = ledger.files.there([number], to_tie=True).get(number)
        is_theirs = upload is not None and upload.user_id == self.user
        if upload is None or not is_theirs or (upload.purpose.kind, upload.purpose.entity) != ("image", entity):
            raise BookRefused(code)

    def settle(self, ledger: Ledger, before: Iterable[int | None], after: Iterable[int | None]) -> Ties:
        """What came to hang somewhere by a change that is kept, and what was taken down by it.

        What hangs nowhere now is deleted; until its grace is over it can be brought back.
        """
        had, has = {each for each in before if each is not None}, {each for each in after if each is not None}
        ledger.files.hold_uploads(had - has)
        let_go = list(ledger.files.there(had - has).values())
        now = self.services.clock.now()
        for upload in let_go:
            if not ledger.files.is_used(upload.number):
                ledger.files.delete_upload(upload, now)
        return Ties(list(ledger.files.there(has - had).values()), let_go)
