"""What becomes of a file once the scanners have spoken: it goes on, or it is refused and, where infected, held."""

from dataclasses import dataclass

from holdall.domain.access import Actor, Space
from holdall.domain.filename import display_name
from holdall.domain.files import FileType, Purpose, Staged
from holdall.errors import Infected, NotScanned
from holdall.flows.quarantine import detain
from holdall.ports import Ledger, NewQuarantined, Services, Verdict


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file at the door: who brings it, where to, and what it would be called there."""

    actor: Actor
    space: Space
    staged: Staged
    type: FileType
    path: str
    purpose: Purpose


async def judge(services: Services, arrival: Arrival, verdict: Verdict) -> str:
    """Why the file is to be kept without a verdict; ``""`` when it has one, or an operator's.

    Raises:
        Infected: a rule matched, and no operator has said that it is wrong about this content in this space.
        NotScanned: no scanner could say, and the house refuses what was not scanned.

    """
    if verdict.is_clean:
        return ""
    if verdict.signature and not await _is_overruled(services, arrival, verdict):
        staged = arrival.staged
        await detain(
            services, _suspect(services, arrival, verdict), staged.path if staged.data is None else staged.data
        )
        raise Infected(verdict.signature)
    if verdict.not_scanned and not services.caution.keeps_unscanned:
        raise NotScanned(verdict.not_scanned)
    return verdict.not_scanned


async def _is_overruled(services: Services, arrival: Arrival, verdict: Verdict) -> bool:
    """Whether an operator has said of each signature that it is wrong."""
    return await services.work.read(
        lambda ledger: is_overruled(ledger, arrival.space.number, arrival.staged.sha256, verdict)
    )


def is_overruled(ledger: Ledger, space_id: int, sha256: str, verdict: Verdict) -> bool:
    """As ``judge`` asks it, inside a transaction."""
    return all(ledger.quarantine.is_allowed(space_id, sha256, signature) for signature in verdict.signatures)


def _suspect(services: Services, arrival: Arrival, verdict: Verdict) -> NewQuarantined:
    return NewQuarantined(
        id=services.ids.public("qua"),
        space_id=arrival.space.number,
        user_id=arrival.actor.user.number,
        blob_id=None,
        key=services.ids.blob_keys(1)[0],
        sha256=arrival.staged.sha256,
        size=arrival.staged.size,
        mime=arrival.type.mime,
        signature=verdict.signature,
        scanner=verdict.scanner,
        name=display_name(arrival.staged.client_name),
        path=arrival.path,
        purpose=arrival.purpose,
    )
