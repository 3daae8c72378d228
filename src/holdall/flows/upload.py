"""The story of an upload: staged files in, acknowledged uploads out, or a reason why not.

admit     name, first bytes and size against the policy          domain.policy
check     full structural check, then malware                    ports.Examiner: inspector and scanner
judge     what infected and unscanned files lead to              flows.judge
keep      bytes durable under reserved keys → rows, one commit   flows.keep
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from holdall.domain.access import Actor, Scope, Space
from holdall.domain.filename import display_name
from holdall.domain.files import Family, FileType, Inspection, Purpose, Staged, Upload
from holdall.domain.findings import FindingsPolicy
from holdall.domain.policy import UploadPolicy, admit
from holdall.errors import ContentRefused, FindingRefused, Infected
from holdall.flows.access import demand
from holdall.flows.judge import Arrival, judge
from holdall.flows.keep import Candidate, keep, remembering, rewritten
from holdall.flows.once import Once
from holdall.ports import Services


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """Who brings files where, under which policy, and what they are to be called."""

    actor: Actor
    space: Space
    policy: UploadPolicy
    purpose: Purpose
    path_for: Callable[[FileType], str]
    """Makes a public name for a file of this type; unguessable, never the client's."""


async def upload(services: Services, request: UploadRequest, files: Sequence[Staged], once: Once) -> list[Upload]:
    """Take all of the files, or none of them.

    Raises:
        TypeRefused, ContentRefused, TooLarge, Infected: one of them may not come in.
        Forbidden: the credential may not write; that the role may was asked with the space (``flows.access``).
        NotScanned, InspectorUnavailable, StorageUnavailable, DatabaseUnavailable: ours; nothing was kept.

    """
    demand(request.actor, Scope.WRITE)
    with services.meter.step("admit"):
        types = [admit(staged, request.policy) for staged in files]
    candidates = [await check(services, request, staged, type) for staged, type in zip(files, types, strict=True)]
    return await keep(services, request.space, request.actor, candidates, remembering(once))


async def check(services: Services, request: UploadRequest, staged: Staged, type: FileType) -> Candidate:
    """Look through the whole file, which was admitted as ``type``; only what passes becomes a candidate.

    Raises:
        ContentRefused, Infected: it may not come in.
        NotScanned, InspectorUnavailable: ours.

    """
    policy = request.policy
    recipes, master = (policy.recipes, policy.master) if type.family is Family.IMAGE else ((), None)
    try:
        async with AsyncExitStack() as turn:
            with services.meter.step("wait"):
                await turn.enter_async_context(services.turns.turn(request.actor.key))
            with services.meter.step("examine"):
                examined = await services.examiner.examine(
                    staged.path, type.mime, type.family, policy.limits, recipes, master
                )
    except ContentRefused as refusal:  # the examiner knows the file; what is allowed here, it does not
        refusal.kind, refusal.allowed = policy.kind.name, policy.kind.mimes
        raise
    path = request.path_for(type)
    arrival = Arrival(request.actor, request.space, staged, type, path, request.purpose)
    inspection = examined.inspection
    refused = policy.findings.first_refused(inspection.findings)
    try:
        unscanned = await judge(services, arrival, examined.verdict)
    except Infected:
        if not refused:
            raise
    if refused:  # told before malware, as what a file is comes first; an infected one lies in quarantine all the same
        raise FindingRefused(policy.kind.name, type.mime, policy.kind.mimes, finding=refused)
    return Candidate(
        staged=rewritten(staged, inspection),
        inspection=_as_kept(inspection, policy.findings),
        name=display_name(staged.client_name),
        path=path,
        purpose=request.purpose,
        unscanned=unscanned,
    )


def _as_kept(inspection: Inspection, policy: FindingsPolicy) -> Inspection:
    """With those of its findings that are kept with the file."""
    flagged = policy.flagged(inspection.findings)
    return inspection if flagged == inspection.findings else replace(inspection, findings=flagged)
