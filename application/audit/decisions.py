"""Decisions on an adjustment: who decided, under which policy and limit, and on which packet."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from application.audit.adjustment_times import lines_about
from application.cases.history import case_of
from application.cases.trail import describe_actor, fill_from_line
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentProposed,
    AdjustmentRejected,
    AdjustmentSystemApproved,
    ApprovalRequirement,
    ExecutionStarted,
)
from domain.adjustments.kinds import Duty
from domain.adjustments.proposal import approval_digest
from domain.cases.duties import duty_of
from domain.cases.event_descriptions import describe_event
from domain.cases.events import CaseEvent, Enriched, Resolved
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import PacketFact, packet_bytes
from domain.personal_data import ERASED, personal_texts
from domain.policy.approvals import ApprovalMatrix
from domain.policy.decision import Decision
from domain.policy.document import canonical_json
from domain.policy.governance import Governance
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill


class AdjustmentAct(Struct, frozen=True, kw_only=True):
    """An act on an adjustment. `persons` are those that it counts for: the owner of an agent, or both the
    delegate and the other person."""

    version: int
    position: int
    type: str
    said: str
    duty: Duty | None
    """The duty in the case that the act takes; None if it takes no duty."""
    who: str
    persons: Sequence[str]
    principal: str
    """The key or login of the request, or the part of the service."""
    agents: Sequence[str]
    delegate: str | None
    under: str | None
    """The break-glass that the act needed."""
    recorded_at: datetime
    cause: str | None


class PolicyAct(Struct, frozen=True):
    what: str
    who: str
    at: datetime
    note: str


class BoundPolicy(Struct, frozen=True, kw_only=True):
    """The policy that the adjustment is bound to, from the log."""

    version: str
    digest: str
    recomputed: str
    """SHA-256 of the document in the log, computed now."""
    unchanged: bool
    in_force_then: bool
    """Whether it was in force when the adjustment was proposed."""
    acts: Sequence[PolicyAct]
    """Who proposed, approved and activated it."""


class AppliedLimit(Struct, frozen=True, kw_only=True):
    """An approval, with its recorded limit, and the limit by the policy."""

    version: int
    who: str
    role: str
    limit: str
    limit_by_policy: str | None
    agrees: bool
    within: bool
    """Whether the counted amount does not exceed the limit."""
    complete: bool
    recorded_at: datetime


class ApprovalBasis(Struct, frozen=True, kw_only=True):
    """What the policy required for an adjustment, and the approvals that met it."""

    adjustment: UUID
    requirement: ApprovalRequirement
    policy: BoundPolicy
    limits: Mapping[str, str]
    """The limit of each role by that policy, in `requirement.currency`."""
    approvals: Sequence[AppliedLimit]
    by_policy: Decision | None
    """The decision with every verdict, if policy approved it by itself."""


class SeenPacket(Struct, frozen=True, kw_only=True):
    """The packet that a person decided on, byte for byte, and the digests that the decision is bound to."""

    version: int
    type: str
    who: str
    recorded_at: datetime
    packet_version: int | None
    """The line of the trail with the packet; null if there is none, which is an error."""
    digest: str
    """The digest of the packet in the decision."""
    recomputed: str | None
    """Null if personal data in it was erased: then the Merkle leaf of the line is the proof."""
    unchanged: bool | None
    """Null if personal data was erased, since then the packet cannot show it."""
    packet_base64: str | None
    packet: Sequence[PacketFact]
    bound_to: str | None
    """For a decision on an adjustment: the digest in the decision."""
    bound_recomputed: str | None
    """The same digest, computed from the proposal in the log."""


_BoundDecision = (
    AdjustmentApproved | AdjustmentRejected | ExecutionStarted | AdjustmentSystemApproved
)
_PacketDecision = Resolved | AdjustmentProposed | _BoundDecision


def list_adjustment_acts(lines: Sequence[RecordedEvent], adjustment: UUID) -> list[AdjustmentAct]:
    """All acts on an adjustment. Raises AdjustmentNotFound."""
    case_of(lines).adjustments.get(adjustment)
    return [_adjustment_act(line, line.event) for line in lines_about(lines, adjustment)]


def find_approval_basis(
    lines: Sequence[RecordedEvent],
    adjustment: UUID,
    governance: Governance,
    matrix_of: Callable[[str], ApprovalMatrix],
) -> ApprovalBasis:
    """The basis by the policy that the adjustment is bound to; `matrix_of` gives the approval matrix of a
    policy by its digest. Raises AdjustmentNotFound."""
    found = case_of(lines).adjustments.get(adjustment)
    required = found.requirement
    matrix = matrix_of(required.policy_digest)
    own = lines_about(lines, adjustment)
    decisions = (x.event.decision for x in own if isinstance(x.event, AdjustmentSystemApproved))
    return ApprovalBasis(
        adjustment=adjustment,
        requirement=required,
        policy=_bound_policy(required, found.proposed_at, governance),
        limits={role: f"{limit:f}" for role, limit in sorted(matrix.approvals.limits.items())},
        approvals=[
            _applied_limit(line, line.event, required, matrix)
            for line in own
            if isinstance(line.event, AdjustmentApproved)
        ],
        by_policy=next(decisions, None),
    )


def find_seen_packets(
    lines: Sequence[RecordedEvent], version: int | None = None
) -> list[SeenPacket]:
    """The packet of each decision that names one, or of the decision with this version."""
    packets: dict[str, tuple[int, tuple[PacketFact, ...]]] = {}
    proposals: dict[UUID, AdjustmentProposed] = {}
    found = []
    case = case_of(lines)
    for line in lines:
        event = line.event
        if isinstance(event, Enriched):
            packets[event.digest] = (line.version, event.packet)
        if isinstance(event, AdjustmentProposed):
            proposals[event.adjustment] = event
        if isinstance(event, _PacketDecision) and version in (None, line.version):
            found += [*_seen_packets_of(line, event, case, packets, proposals)]
    return found


def _seen_packets_of(
    line: RecordedEvent,
    event: _PacketDecision,
    case: ExceptionCase,
    packets: Mapping[str, tuple[int, tuple[PacketFact, ...]]],
    proposals: Mapping[UUID, AdjustmentProposed],
) -> Iterator[SeenPacket]:
    bound: str | None = None
    recomputed_bound: str | None = None
    named = None if isinstance(event, Resolved) else event.adjustment
    if isinstance(event, Resolved):
        digest = event.packet
    else:
        proposal = proposals[event.adjustment]
        digest, bound = proposal.packet, event.digest
        recomputed_bound = approval_digest(case, proposal)
    if digest is None:
        return  # the source of the problem cleared it, without a decision
    at, packet = packets.get(digest, (None, None))
    is_erased = ERASED in (
        *personal_texts(packet or ()),
        *(personal_texts(proposals[named]) if named else ()),
    )
    raw = packet_bytes(packet) if packet is not None else None
    recomputed = hashlib.sha256(raw).hexdigest() if raw is not None and not is_erased else None
    yield fill_from_line(
        SeenPacket,
        line,
        packet_version=at,
        digest=digest,
        recomputed=recomputed,
        unchanged=None if is_erased else recomputed == digest and bound == recomputed_bound,
        packet_base64=base64.b64encode(raw).decode() if raw is not None else None,
        packet=packet or (),
        bound_to=bound,
        bound_recomputed=recomputed_bound,
    )


def _adjustment_act(line: RecordedEvent, event: Any) -> AdjustmentAct:
    assert isinstance(event, CaseEvent)
    duty = duty_of(event) if line.actor.persons else None
    said = describe_event(event)
    return fill_from_line(AdjustmentAct, line, said=said, duty=duty, agents=line.actor.via)


def _bound_policy(
    required: ApprovalRequirement, at: datetime, governance: Governance
) -> BoundPolicy:
    policy = governance.policies[required.policy_digest]
    recomputed = hashlib.sha256(canonical_json(policy.document)).hexdigest()
    then = governance.in_force(at)
    return fill(
        BoundPolicy,
        policy,
        recomputed=recomputed,
        unchanged=recomputed == policy.digest and policy.version == required.policy,
        in_force_then=then is not None and then.digest == policy.digest,
        acts=[PolicyAct(act.what, describe_actor(act.by), act.at, act.note) for act in policy.acts],
    )


def _applied_limit(
    line: RecordedEvent,
    event: AdjustmentApproved,
    required: ApprovalRequirement,
    matrix: ApprovalMatrix,
) -> AppliedLimit:
    found = matrix.limit_of((event.role,), required.roles)
    by_policy = f"{found[1]:f}" if found is not None else None
    return fill_from_line(
        AppliedLimit,
        line,
        event,
        limit_by_policy=by_policy,
        agrees=event.limit == by_policy,
        within=Decimal(required.counted) <= Decimal(event.limit),
    )
