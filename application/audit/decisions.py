"""Who decided on an adjustment, as whom, under which policy and limit, and on what they saw."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from application.cases.history import case_of
from application.cases.trail import describe_actor
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentEvent,
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
from domain.people import Actor
from domain.personal_data import ERASED, personal_texts
from domain.policy.approvals import ApprovalMatrix
from domain.policy.decision import Decision
from domain.policy.document import canonical_json
from domain.policy.governance import Governance
from domain.recorded_event import RecordedEvent


class AdjustmentAct(Struct, frozen=True, kw_only=True):
    """Something that was done about an adjustment. Whose act it counts as is `persons`: of an agent's,
    its owner; of a delegate's, both."""

    version: int
    position: int
    type: str
    said: str
    duty: Duty | None
    """What whoever did it is held to in this case from then on; None for what nobody's duty is."""
    who: str
    persons: Sequence[str]
    principal: str
    """The key or login that it came with, or which part of the service it was."""
    agents: Sequence[str]
    delegate: str | None
    under: str | None
    """The break-glass without which it could not have been done."""
    recorded_at: datetime
    cause: str | None


class PolicyAct(Struct, frozen=True):
    what: str
    who: str
    at: datetime
    note: str


class BoundPolicy(Struct, frozen=True, kw_only=True):
    """The policy that the adjustment is bound to, as the log has it."""

    version: str
    digest: str
    recomputed: str
    """SHA-256 of the document in the log, worked out now."""
    unchanged: bool
    in_force_then: bool
    """It was the one that decided when the adjustment was proposed."""
    acts: Sequence[PolicyAct]
    """Who proposed it, approved it and put it in force."""


class AppliedLimit(Struct, frozen=True, kw_only=True):
    """An approval, with the limit that it was given under, and the same looked up again."""

    version: int
    who: str
    role: str
    limit: str
    limit_by_policy: str | None
    agrees: bool
    within: bool
    """What it was measured by does not exceed the limit."""
    complete: bool
    recorded_at: datetime


class ApprovalBasis(Struct, frozen=True, kw_only=True):
    """What the policy required of an adjustment, and by whose limit it was met."""

    adjustment: UUID
    requirement: ApprovalRequirement
    policy: BoundPolicy
    limits: Mapping[str, str]
    """How much each role may approve by that policy, in `requirement.currency`."""
    approvals: Sequence[AppliedLimit]
    by_policy: Decision | None
    """Where policy approved it by itself: by which rule, and every verdict."""


class SeenPacket(Struct, frozen=True, kw_only=True):
    """What lay before whoever decided: the packet, byte for byte, and all that the decision is bound to."""

    version: int
    type: str
    who: str
    recorded_at: datetime
    packet_version: int | None
    """The line of the trail that has the packet; null if none has it, which must not be."""
    digest: str
    """Of the packet, as the decision names it."""
    recomputed: str | None
    """Null where something personal in it was erased since: that is then proven by the line's leaf."""
    unchanged: bool | None
    """Null where nobody can tell from the packet any more, for the same reason."""
    packet_base64: str | None
    packet: Sequence[PacketFact]
    bound_to: str | None
    """Of a decision on an adjustment: the digest that it names."""
    bound_recomputed: str | None
    """The same, over what was proposed, as the log has it."""


_BoundDecision = (
    AdjustmentApproved | AdjustmentRejected | ExecutionStarted | AdjustmentSystemApproved
)
_PacketDecision = Resolved | AdjustmentProposed | _BoundDecision


def list_adjustment_acts(lines: Sequence[RecordedEvent], adjustment: UUID) -> list[AdjustmentAct]:
    """Everything that was done about it. Raises AdjustmentNotFound."""
    case_of(lines).adjustments.get(adjustment)
    return [
        _adjustment_act(line, line.event)
        for line in lines
        if isinstance(line.event, AdjustmentEvent) and line.event.adjustment == adjustment
    ]


def find_approval_basis(
    lines: Sequence[RecordedEvent],
    adjustment: UUID,
    governance: Governance,
    matrix_of: Callable[[str], ApprovalMatrix],
) -> ApprovalBasis:
    """By the policy that the adjustment is bound to; `matrix_of` gives that of a policy by its digest.
    Raises AdjustmentNotFound."""
    one = case_of(lines).adjustments.get(adjustment)
    required = one.requirement
    matrix = matrix_of(required.policy_digest)
    own = [
        line
        for line in lines
        if isinstance(line.event, AdjustmentEvent) and line.event.adjustment == adjustment
    ]
    decisions = (x.event.decision for x in own if isinstance(x.event, AdjustmentSystemApproved))
    return ApprovalBasis(
        adjustment=adjustment,
        requirement=required,
        policy=_bound_policy(required, one.proposed_at, governance),
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
    """Of each decision that names a packet, or of the one of this version."""
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
    again: str | None = None
    named = None if isinstance(event, Resolved) else event.adjustment
    if isinstance(event, Resolved):
        digest = event.packet
    else:
        proposal = proposals[event.adjustment]
        digest, bound, again = proposal.packet, event.digest, approval_digest(case, proposal)
    if digest is None:
        return  # nobody decided: its source cleared it
    at, packet = packets.get(digest, (None, None))
    is_erased = ERASED in (
        *personal_texts(packet or ()),
        *(personal_texts(proposals[named]) if named else ()),
    )
    told = packet_bytes(packet) if packet is not None else None
    recomputed = hashlib.sha256(told).hexdigest() if told is not None and not is_erased else None
    yield SeenPacket(
        version=line.version,
        type=line.type,
        who=describe_actor(line.actor),
        recorded_at=line.recorded_at,
        packet_version=at,
        digest=digest,
        recomputed=recomputed,
        unchanged=None if is_erased else recomputed == digest and bound == again,
        packet_base64=base64.b64encode(told).decode() if told is not None else None,
        packet=packet or (),
        bound_to=bound,
        bound_recomputed=again,
    )


def _adjustment_act(line: RecordedEvent, event: Any) -> AdjustmentAct:
    assert isinstance(event, CaseEvent)
    by: Actor = line.actor
    return AdjustmentAct(
        version=line.version,
        position=line.position,
        type=line.type,
        said=describe_event(event),
        duty=duty_of(event) if by.persons else None,
        who=describe_actor(by),
        persons=by.persons,
        principal=by.principal,
        agents=by.via,
        delegate=by.delegate,
        under=by.under,
        recorded_at=line.recorded_at,
        cause=line.cause,
    )


def _bound_policy(
    required: ApprovalRequirement, at: datetime, governance: Governance
) -> BoundPolicy:
    policy = governance.policies[required.policy_digest]
    recomputed = hashlib.sha256(canonical_json(policy.document)).hexdigest()
    then = governance.in_force(at)
    return BoundPolicy(
        version=policy.version,
        digest=policy.digest,
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
    again = matrix.limit_of((event.role,), required.roles)
    by_policy = f"{again[1]:f}" if again is not None else None
    return AppliedLimit(
        version=line.version,
        who=describe_actor(line.actor),
        role=event.role,
        limit=event.limit,
        limit_by_policy=by_policy,
        agrees=event.limit == by_policy,
        within=Decimal(required.counted) <= Decimal(event.limit),
        complete=event.complete,
        recorded_at=line.recorded_at,
    )
