"""How a case begins, whether a rule has found its problem or a person, and how it comes to its queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import structs

from domain.cases.events import CaseEvent, Detected, Enriched, Routed
from domain.cases.packet import packet_digest, packet_of
from domain.cases.steps import Steps, asked_for
from domain.cases.work_commands import OpenCase
from domain.cases.work_events import Opened
from domain.errors import Fault, Invalid, OrderNotFound
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.policy.decision import Decision
from domain.policy.document import Kind
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Routing, Rulebook

BY_HAND = "by-hand"
"""A rule of no policy: somebody decided."""
Opening = Callable[[int], list[CaseEvent]]
"""The events that open a case, given which occurrence it is."""


def open_by_rule(
    kind: str,
    decision: Decision,
    deadline: datetime | None,
    shown_by: Sequence[Signal],
    order: Order,
    rulebook: Rulebook,
    now: datetime,
    recurrence_of: UUID | None,
) -> Opening:
    """What opens a case for a problem that a rule has found; it is routed once that is told."""
    owned = rulebook.kind(kind)
    packet = packet_of(order)
    enriched = Enriched(packet=packet, digest=packet_digest(packet))
    return lambda occurrence: [
        Detected(
            kind=kind,
            bucket=owned.bucket,
            severity=owned.severity,
            automation=owned.automation,
            occurrence=occurrence,
            detected_at=deadline or now,
            decision=decision,
            deadline=deadline,
            signals=tuple(signal.key for signal in shown_by),
            recurrence_of=recurrence_of,
        ),
        enriched,
    ]


def open_by_hand(ask: OpenCase, order: Order | None, rulebook: Rulebook, now: datetime) -> Opening:
    """What opens a case for a problem that no rule has found, but for its number.

    Policy routes it, unless the caller names the queue. Raises Invalid, OrderNotFound.
    """
    kinds, queues = rulebook.document.kinds, rulebook.document.queues
    faults = []
    if ask.kind not in kinds:
        faults.append(Fault("/kind", f"no kind {ask.kind}; known are: {', '.join(sorted(kinds))}"))
    if ask.queue is not None and ask.queue not in queues:
        known = ", ".join(sorted(queues))
        faults.append(Fault("/queue", f"no queue {ask.queue}; known are: {known}"))
    if faults:
        raise Invalid(faults, "the case")
    if order is None and ask.queue is None:
        raise OrderNotFound(f"no order {ask.order}: name the queue to open a case all the same")
    kind = kinds[ask.kind]
    facts = CaseFacts(kind=ask.kind, bucket=kind.bucket, severity=kind.severity, rule=BY_HAND)
    routing = rulebook.route(facts, order.facts if order is not None else Order(id="").facts)
    if ask.queue is not None:
        routing = structs.replace(
            routing,
            queue=ask.queue,
            owner_team=queues[ask.queue].owner_team,
            decision=Decision(policy=rulebook.version, rule=BY_HAND, verdicts=()),
        )
    packet = packet_of(order) if order is not None else ()
    routed = routed_by(routing, ask.kind, kind, rulebook, order)
    rest: tuple[CaseEvent, ...] = (
        Enriched(packet=packet, digest=packet_digest(packet)),
        routed,
        *asked_for(kind, Steps(), routed.owner_team, routed.terms, rulebook.version, now),
    )
    return lambda occurrence: [
        Opened(
            kind=ask.kind,
            bucket=kind.bucket,
            severity=kind.severity,
            automation=kind.automation,
            occurrence=occurrence,
            note=ask.note,
        ),
        *rest,
    ]


def routed_by(
    routing: Routing, name: str, kind: Kind, rulebook: Rulebook, order: Order | None
) -> Routed:
    """The event of a routing, with the terms that hold from here on."""
    tier = order.facts.customer.tier if order is not None else None
    service = rulebook.service(routing.work_type, tier)
    return Routed(
        kind=name,
        bucket=kind.bucket,
        severity=kind.severity,
        queue=routing.queue,
        owner_team=routing.owner_team,
        work_type=routing.work_type,
        skill=routing.skill,
        priority=routing.priority,
        decision=routing.decision,
        tier=tier,
        service=service[0] if service else None,
        terms=service[1] if service else None,
        ladder=rulebook.ladder(routing.queue),
        region=order.facts.address.region if order is not None else None,
    )
