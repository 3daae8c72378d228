"""What every public face shares: the services, the links, the pace of bodies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from starlette.requests import Request

from holdall.domain.access import Space
from holdall.domain.policy import HouseRules, UploadPolicy
from holdall.domain.variants import AVATAR, PICTURE, Master
from holdall.flows.access_log import AccessRecorder
from holdall.flows.readiness import Readiness
from holdall.flows.variants import Variants
from holdall.flows.webhooks import Desk
from holdall.ports import Services, Traffic, Vault
from holdall.web.handover import Handover
from holdall.web.links import Links
from holdall.web.origins import Origins
from holdall.web.proxies import Proxies
from holdall.web.receive import BodyLimits

_AS_BUILT = HouseRules()


@dataclass(frozen=True, slots=True)
class Edge:
    """Made once, by ``bootstrap``; reached from a request with ``edge_of``."""

    services: Services
    links: Links
    pace: BodyLimits
    max_upload_bytes: int
    """The ceiling of a door that has none of its own."""
    access_log: AccessRecorder
    variants: Variants
    origins: Origins = field(default_factory=Origins)
    proxies: Proxies = field(default_factory=Proxies)
    handover: Handover | None = None
    """How files are left to our proxies to send; ``None``: they are not."""
    redirect_from: int = 0
    """Answers of so many bytes lead to the store, where it can be led to; 0: none does."""
    rules: Mapping[str, HouseRules] = field(default_factory=dict)
    """What the operator changed of each dialect's policies."""
    avatar: Master = AVATAR
    """How Pika's avatars are kept."""
    picture: Master = PICTURE
    """How Pika's other pictures are kept."""
    webhooks: Desk | None = None
    """Where webhooks are registered; ``None``: nowhere."""
    hides_places: bool = False
    """Whether Bika's pictures are served without their metadata."""
    vault: Vault | None = None
    """Where what users entrust to us is sealed; ``None``: nothing is taken."""
    app_id: str = ""
    """What this installation is called by Pika's clients, once and for all."""
    strict_entities: bool = False
    """Whether Pika's doors hold what they take to what it is for (contract pika, section 14, C5)."""
    frontend: Path | None = None
    """The folder of Pika's built front-end; ``None``: it is not served."""

    readiness: Readiness = field(default_factory=lambda: Readiness(()))
    """What a prober is told."""
    traffic: Traffic | None = None
    """What requests are counted by; ``None``: by nothing."""

    _settled: dict[tuple[str, str], UploadPolicy] = field(default_factory=dict)

    def policy(self, dialect: str, policy: UploadPolicy, space: Space) -> UploadPolicy:
        """A policy of this dialect, one for each kind of file, as the house has it and the space."""
        own = space.rules
        if own.findings or own.images:
            return policy.under(self.rules.get(dialect, _AS_BUILT).with_space(own))
        return self.house_policy(dialect, policy)

    def house_policy(self, dialect: str, policy: UploadPolicy) -> UploadPolicy:
        """The same as the house has it, for every space without rules of its own."""
        name = dialect, policy.kind.name
        if name not in self._settled:
            self._settled[name] = policy.under(self.rules.get(dialect, _AS_BUILT))
        return self._settled[name]


def edge_of(request: Request) -> Edge:
    """The edge that this request came in by."""
    return cast("Edge", request.scope["app"].edge)


def address_of(request: Request) -> str:
    """The address of the client, seen through our own proxies (``web.proxies``); ``""`` where there is none."""
    return request.client.host if request.client else ""
