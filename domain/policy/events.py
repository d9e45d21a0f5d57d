"""What can happen to the policy. Every document that was ever proposed stays in the log whole."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.policy.document import PolicyDocument
from domain.policy.money_figures import MoneyFigures
from domain.policy.simulation_figures import Figures
from domain.texts import END, lines

POLICY_STREAM = uuid5(NAMESPACE_URL, "casetrail:policy")

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + END)]
Reason = Annotated[str, lines(4000, least=1)]
Remark = Annotated[str, lines(4000)]


def recheck_stream(digest: str, begins_at: datetime) -> UUID:
    """The stream of one look at all open orders: a document begins to decide at a moment once."""
    return uuid5(POLICY_STREAM, f"{digest}\n{begins_at.isoformat()}")


class PolicyProposed(Struct, frozen=True, kw_only=True, tag="policy.proposed"):
    """Somebody wants this document to decide instead of the one with the digest `base`."""

    document: PolicyDocument
    digest: Digest
    base: Digest
    why: Reason
    revises: Digest | UnsetType = UNSET
    """The proposal that this one takes the place of: whoever wrote that one wrote this one too."""


class PolicySimulated(Struct, frozen=True, kw_only=True, tag="policy.simulated"):
    """What recorded history would have led to under this document, and under the one `against` it.

    Whoever takes the signals recorded from `since` until before `until`, up to `position`, finds
    the same figures again.
    """

    digest: Digest
    against: Digest
    since: datetime
    until: datetime
    position: int
    figures: Figures
    money: MoneyFigures | UnsetType = UNSET
    """Left out where nothing was proposed to be given in the period."""


class PolicyApproved(Struct, frozen=True, kw_only=True, tag="policy.approved"):
    """Another person than its authors found it right, held against the policy `base`."""

    digest: Digest
    base: Digest
    note: Remark = ""


class PolicyRejected(Struct, frozen=True, kw_only=True, tag="policy.rejected"):
    digest: Digest
    reason: Reason


class PolicyWithdrawn(Struct, frozen=True, kw_only=True, tag="policy.withdrawn"):
    """One of its authors wants it no longer."""

    digest: Digest
    reason: Reason


class PolicyActivated(Struct, frozen=True, kw_only=True, tag="policy.activated"):
    """From here on, or from a later moment on, this document decides. `digest` is the SHA-256 of
    its canonical JSON."""

    document: PolicyDocument
    digest: Digest
    effective_from: datetime | UnsetType = UNSET
    """Left out: at once."""
    note: Remark | UnsetType = UNSET


class PolicyTookEffect(Struct, frozen=True, kw_only=True, tag="policy.took_effect"):
    """The moment has come from which the document was to decide."""

    digest: Digest
    effective_from: datetime


class PolicyRolledBack(Struct, frozen=True, kw_only=True, tag="policy.rolled_back"):
    """What decided before decides again, at once, under a version of its own."""

    document: PolicyDocument
    digest: Digest
    to: str
    """The version whose rules these are."""
    reason: Reason


class PolicyEmergencyActivated(Struct, frozen=True, kw_only=True, tag="policy.emergency_activated"):
    """One person alone lets this document decide, at once and until `expires_at`."""

    document: PolicyDocument
    digest: Digest
    base: Digest
    reason: Reason
    expires_at: datetime


class PolicyRatified(Struct, frozen=True, kw_only=True, tag="policy.ratified"):
    """Another person found the emergency change right: it does not expire."""

    digest: Digest
    note: Remark = ""


class PolicyEmergencyExpired(Struct, frozen=True, kw_only=True, tag="policy.emergency_expired"):
    """Nobody ratified it in time: the policy `again` decides as before."""

    digest: Digest
    expires_at: datetime
    again: Digest


class PolicyRecheckBegan(Struct, frozen=True, kw_only=True, tag="policy.recheck_began"):
    """All open orders and cases are looked at under the policy that has begun to decide.

    Orders that begin after position `until` know no other.
    """

    digest: Digest
    before: Digest
    """What decided until then."""
    until: int


class PolicyRecheckAdvanced(Struct, frozen=True, kw_only=True, tag="policy.recheck_advanced"):
    """The orders that begin up to `position` have been looked at; the figures are those of the
    orders since the last such event."""

    position: int
    orders: int
    """Those that are open."""
    opened: int
    """Cases opened or reopened."""
    cleared: int
    """Cases of which the problem is none any more."""
    changed: int
    """Orders about which anything was to be said, or of which another moment is to be waited for."""


class PolicyRecheckFinished(Struct, frozen=True, kw_only=True, tag="policy.recheck_finished"):
    """Everything open has been looked at; or another policy decides by now, and its own look at
    everything begins (`overtaken`)."""

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
