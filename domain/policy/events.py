"""The events of policies. The log keeps every proposed document in full."""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.policy.document import PolicyDocument
from domain.policy.money_figures import MoneyFigures
from domain.policy.simulation_figures import SimulationFigures
from domain.texts import PATTERN_END, lines

POLICY_STREAM = uuid5(NAMESPACE_URL, "casetrail:policy")

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + PATTERN_END)]
Reason = Annotated[str, lines(4000, least=1)]
OptionalNote = Annotated[str, lines(4000)]


def recheck_stream(digest: str, begins_at: datetime) -> UUID:
    """The stream id of a recheck: a document takes effect only once at a given time."""
    return uuid5(POLICY_STREAM, f"{digest}\n{begins_at.isoformat()}")


class PolicyProposed(Struct, frozen=True, kw_only=True, tag="policy.proposed"):
    """A person or agent proposed this document to replace the one with the digest `base`."""

    document: PolicyDocument
    digest: Digest
    base: Digest
    why: Reason
    revises: Digest | UnsetType = UNSET
    """The proposal that this one replaces; its authors are authors of this one too."""


class PolicySimulated(Struct, frozen=True, kw_only=True, tag="policy.simulated"):
    """The result of recorded history under this document, and under the document `against`.

    The figures are reproducible from the signals recorded from `since` to before `until`, up to
    `position`.
    """

    digest: Digest
    against: Digest
    since: datetime
    until: datetime
    position: int
    figures: SimulationFigures
    money: MoneyFigures | UnsetType = UNSET
    """Left out if no adjustment was proposed in the period."""


class PolicyApproved(Struct, frozen=True, kw_only=True, tag="policy.approved"):
    """A person who is not an author approved it, compared with the policy `base`."""

    digest: Digest
    base: Digest
    note: OptionalNote = ""


class PolicyRejected(Struct, frozen=True, kw_only=True, tag="policy.rejected"):
    digest: Digest
    reason: Reason


class PolicyWithdrawn(Struct, frozen=True, kw_only=True, tag="policy.withdrawn"):
    """One of its authors withdrew it."""

    digest: Digest
    reason: Reason


class PolicyActivated(Struct, frozen=True, kw_only=True, tag="policy.activated"):
    """This document is in force from now, or from `effective_from`.

    `digest` is the SHA-256 of its canonical JSON.
    """

    document: PolicyDocument
    digest: Digest
    effective_from: datetime | UnsetType = UNSET
    """Left out if at once."""
    note: OptionalNote | UnsetType = UNSET


class PolicyTookEffect(Struct, frozen=True, kw_only=True, tag="policy.took_effect"):
    """A scheduled document came into force."""

    digest: Digest
    effective_from: datetime


class PolicyRolledBack(Struct, frozen=True, kw_only=True, tag="policy.rolled_back"):
    """An earlier policy is in force again, at once, under a new version."""

    document: PolicyDocument
    digest: Digest
    to: str
    """The version whose rules it has."""
    reason: Reason


class PolicyEmergencyActivated(Struct, frozen=True, kw_only=True, tag="policy.emergency_activated"):
    """One person alone put this document in force, at once and until `expires_at`."""

    document: PolicyDocument
    digest: Digest
    base: Digest
    reason: Reason
    expires_at: datetime
    keeps_scheduled: bool | UnsetType = UNSET
    """A scheduled document still comes into force, when this one has expired. Without it, it lapsed."""


class PolicyRatified(Struct, frozen=True, kw_only=True, tag="policy.ratified"):
    """Another person ratified the emergency change: it does not expire."""

    digest: Digest
    note: OptionalNote = ""


class PolicyEmergencyExpired(Struct, frozen=True, kw_only=True, tag="policy.emergency_expired"):
    """No person ratified it in time: the policy `again` is in force again."""

    digest: Digest
    expires_at: datetime
    again: Digest


class PolicyRecheckBegan(Struct, frozen=True, kw_only=True, tag="policy.recheck_began"):
    """The recheck of all open orders and cases under a policy that took effect has begun.

    Orders whose first event is after position `until` are under the new policy from the start.
    """

    digest: Digest
    before: Digest
    """The digest of the policy in force before."""
    until: int


class PolicyRecheckAdvanced(Struct, frozen=True, kw_only=True, tag="policy.recheck_advanced"):
    """Orders whose first event is up to `position` are rechecked.

    The figures count the orders since the last such event.
    """

    position: int
    orders: int
    """Open orders."""
    opened: int
    """Cases opened or reopened."""
    cleared: int
    """Cases whose problem is gone."""
    changed: int
    """Orders with a new event or another next deadline."""


class PolicyRecheckFinished(Struct, frozen=True, kw_only=True, tag="policy.recheck_finished"):
    """The recheck is complete; or another policy took effect, and its own recheck begins (`overtaken`)."""

    digest: Digest
    orders: int
    opened: int
    cleared: int
    changed: int
    overtaken: bool = False


GovernanceEvent: TypeAlias = (
    PolicyProposed
    | PolicySimulated
    | PolicyApproved
    | PolicyRejected
    | PolicyWithdrawn
    | PolicyActivated
    | PolicyTookEffect
    | PolicyRolledBack
    | PolicyEmergencyActivated
    | PolicyRatified
    | PolicyEmergencyExpired
)
RecheckEvent: TypeAlias = PolicyRecheckBegan | PolicyRecheckAdvanced | PolicyRecheckFinished
PolicyEvent: TypeAlias = GovernanceEvent | RecheckEvent
