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
from application.cases.trail import who
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentEvent,
    AdjustmentProposed,
    AdjustmentRejected,
    AdjustmentSystemApproved,
    ExecutionStarted,
    Requirement,
)
from domain.adjustments.kinds import Duty
from domain.adjustments.proposal import bound_to
from domain.cases.duties import duty_of
from domain.cases.events import CaseEvent, Enriched, Resolved
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import PacketFact, packet_bytes
from domain.cases.sentences import sentence
from domain.people import Actor
from domain.personal_data import ERASED, told_in
from domain.policy.approvals import ApprovalMatrix
from domain.policy.decision import Decision
from domain.policy.document import canonical
from domain.policy.governance import Governance
from domain.recorded import Recorded


class Act(Struct, frozen=True, kw_only=True):
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


class PolicyThen(Struct, frozen=True, kw_only=True):
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


class LimitUsed(Struct, frozen=True, kw_only=True):
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


class Under(Struct, frozen=True, kw_only=True):
    """What the policy required of an adjustment, and by whose limit it was met."""

    adjustment: UUID
    requirement: Requirement
    policy: PolicyThen
    limits: Mapping[str, str]
    """How much each role may approve by that policy, in `requirement.currency`."""
    approvals: Sequence[LimitUsed]
    by_policy: Decision | None
    """Where policy approved it by itself: by which rule, and every verdict."""


class Seen(Struct, frozen=True, kw_only=True):
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


_Bound = AdjustmentApproved | AdjustmentRejected | ExecutionStarted | AdjustmentSystemApproved
_OnPacket = Resolved | AdjustmentProposed | _Bound


def acts_on(lines: Sequence[Recorded], adjustment: UUID) -> list[Act]:
    """Everything that was done about it. Raises AdjustmentNotFound."""
    case_of(lines).adjustments.get(adjustment)
    return [
        _act(line, line.event)
        for line in lines
        if isinstance(line.event, AdjustmentEvent) and line.event.adjustment == adjustment
    ]


def under(
    lines: Sequence[Recorded],
    adjustment: UUID,
    governance: Governance,
    matrix_of: Callable[[str], ApprovalMatrix],
) -> Under:
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
    return Under(
        adjustment=adjustment,
        requirement=required,
        policy=_policy(required, one.proposed_at, governance),
        limits={role: f"{limit:f}" for role, limit in sorted(matrix.approvals.limits.items())},
        approvals=[
            _limit(line, line.event, required, matrix)
            for line in own
            if isinstance(line.event, AdjustmentApproved)
        ],
        by_policy=next(decisions, None),
    )


def seen(lines: Sequence[Recorded], version: int | None = None) -> list[Seen]:
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
        if isinstance(event, _OnPacket) and version in (None, line.version):
            found += [*_seen(line, event, case, packets, proposals)]
    return found


def _seen(
    line: Recorded,
    event: _OnPacket,
    case: ExceptionCase,
    packets: Mapping[str, tuple[int, tuple[PacketFact, ...]]],
    proposals: Mapping[UUID, AdjustmentProposed],
) -> Iterator[Seen]:
    bound: str | None = None
    again: str | None = None
    named = None if isinstance(event, Resolved) else event.adjustment
    if isinstance(event, Resolved):
        digest = event.packet
    else:
        proposal = proposals[event.adjustment]
        digest, bound, again = proposal.packet, event.digest, bound_to(case, proposal)
    if digest is None:
        return  # nobody decided: its source cleared it
    at, packet = packets.get(digest, (None, None))
    is_erased = ERASED in (*told_in(packet or ()), *(told_in(proposals[named]) if named else ()))
    told = packet_bytes(packet) if packet is not None else None
    recomputed = hashlib.sha256(told).hexdigest() if told is not None and not is_erased else None
    yield Seen(
        version=line.version,
        type=line.type,
        who=who(line.actor),
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


def _act(line: Recorded, event: Any) -> Act:
    assert isinstance(event, CaseEvent)
    by: Actor = line.actor
    return Act(
        version=line.version,
        position=line.position,
        type=line.type,
        said=sentence(event),
        duty=duty_of(event) if by.persons else None,
        who=who(by),
        persons=by.persons,
        principal=by.principal,
        agents=by.via,
        delegate=by.delegate,
        under=by.under,
        recorded_at=line.recorded_at,
        cause=line.cause,
    )


def _policy(required: Requirement, at: datetime, governance: Governance) -> PolicyThen:
    policy = governance.policies[required.policy_digest]
    recomputed = hashlib.sha256(canonical(policy.document)).hexdigest()
    then = governance.in_force(at)
    return PolicyThen(
        version=policy.version,
        digest=policy.digest,
        recomputed=recomputed,
        unchanged=recomputed == policy.digest and policy.version == required.policy,
        in_force_then=then is not None and then.digest == policy.digest,
        acts=[PolicyAct(act.what, who(act.by), act.at, act.note) for act in policy.acts],
    )


def _limit(
    line: Recorded, event: AdjustmentApproved, required: Requirement, matrix: ApprovalMatrix
) -> LimitUsed:
    again = matrix.limit_of((event.role,), required.roles)
    by_policy = f"{again[1]:f}" if again is not None else None
    return LimitUsed(
        version=line.version,
        who=who(line.actor),
        role=event.role,
        limit=event.limit,
        limit_by_policy=by_policy,
        agrees=event.limit == by_policy,
        within=Decimal(required.counted) <= Decimal(event.limit),
        complete=event.complete,
        recorded_at=line.recorded_at,
    )
