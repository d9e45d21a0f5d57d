"""The events that open a case, found by a rule or by a person, and route it to its queue."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import UNSET, structs

from domain.cases.case_parts import MANUAL_RULE
from domain.cases.events import CaseEvent, Detected, Enriched, Routed
from domain.cases.packet import READING, packet_digest, packet_of
from domain.cases.steps import Steps, create_policy_steps
from domain.cases.work_commands import OpenCase
from domain.cases.work_events import Opened
from domain.clock.calendars import BusinessCalendar
from domain.errors import Fault, Invalid, OrderNotFound
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.policy.decision import Decision
from domain.policy.document import Kind, Severity
from domain.policy.facts import ORDER_FACTS, CaseFacts
from domain.policy.rulebook import Routing, Rulebook
from domain.struct_fields import fill

SHORTEST_TIME: Final = timedelta(minutes=1)
"""What a case has at least, where its time is over when it opens."""
ALWAYS_OPEN: Final = BusinessCalendar(time_zone="UTC", always_open=True)
OpeningEventsBuilder = Callable[[int], list[CaseEvent]]
"""Builds the events that open a case, from the number of its occurrence."""


def create_enriched(order: Order | None) -> Enriched:
    packet = packet_of(order) if order is not None else ()
    return Enriched(packet=packet, digest=packet_digest(packet), reading=READING)


def open_by_rule(
    kind: str,
    decision: Decision,
    deadline: datetime | None,
    shown_by: Sequence[Signal],
    order: Order,
    rulebook: Rulebook,
    now: datetime,
    recurrence_of: UUID | None,
    part: str = "",
) -> OpeningEventsBuilder:
    """Open a case for a problem that a rule found. Routing follows, on the case's state."""
    rules = rulebook.kind(kind)
    enriched = create_enriched(order)
    return lambda occurrence: [
        Detected(
            kind=kind,
            bucket=rules.bucket,
            severity=rules.severity,
            automation=rules.automation,
            occurrence=occurrence,
            detected_at=deadline or now,
            decision=decision,
            deadline=deadline,
            signals=tuple(signal.key for signal in shown_by),
            recurrence_of=recurrence_of,
            part=part or UNSET,
        ),
        enriched,
    ]


def open_manually(
    request: OpenCase, order: Order | None, rulebook: Rulebook, now: datetime
) -> OpeningEventsBuilder:
    """Open a case for a problem that a person found.

    Policy routes it, unless the request names the queue. Raises Invalid, OrderNotFound.
    """
    kinds, queues = rulebook.document.kinds, rulebook.document.queues
    name, queue = request.kind, request.queue
    faults = []
    if name not in kinds:
        faults.append(Fault("/kind", f"no kind {name}; known are: {', '.join(sorted(kinds))}"))
    if queue is not None and queue not in queues:
        known = ", ".join(sorted(queues))
        faults.append(Fault("/queue", f"no queue {queue}; known are: {known}"))
    if faults:
        raise Invalid(faults, "the case")
    if order is None and queue is None:
        raise OrderNotFound(f"no order {request.order}: name a `queue` to open a case without one")
    kind = kinds[name]
    facts = CaseFacts(kind=name, bucket=kind.bucket, severity=kind.severity, rule=MANUAL_RULE)
    routing = rulebook.route(facts, order.facts if order is not None else Order(id="").facts)
    if queue is not None:
        routing = structs.replace(
            routing,
            queue=queue,
            owner_team=queues[queue].owner_team,
            decision=Decision(policy=rulebook.version, rule=MANUAL_RULE, verdicts=()),
        )
    routed = create_routed(routing, name, kind, rulebook, order, now)
    rest: tuple[CaseEvent, ...] = (
        create_enriched(order),
        routed,
        *create_policy_steps(kind, Steps(), routed.owner_team, routed.terms, rulebook.version, now),
    )
    return lambda occurrence: [
        Opened(
            kind=name,
            bucket=kind.bucket,
            severity=kind.severity,
            automation=kind.automation,
            occurrence=occurrence,
            note=request.note,
            parts=request.parts or UNSET,
        ),
        *rest,
    ]


def create_routed(
    routing: Routing, name: str, kind: Kind, rulebook: Rulebook, order: Order | None, now: datetime
) -> Routed:
    """The event of a routing, with the terms that apply from here on."""
    tier = order.facts.customer.tier if order is not None else None
    service = rulebook.service(routing.work_type, tier)
    terms = service[1].pinned() if service else None
    severity, due_at = kind.severity, None
    if kind.due_at is not None and order is not None:
        due_at = ORDER_FACTS[kind.due_at].read(order.facts)
    if due_at is not None:
        left = max(due_at - now, SHORTEST_TIME)
        if terms is not None:
            # Others decide at that time, whether our desks are open or not.
            terms = structs.replace(
                terms,
                calendar=ALWAYS_OPEN,
                resolution=left,
                by_cut_off=UNSET,
                cut_offs_while_open=UNSET,
                pauses_on=(),
            )
        if kind.critical_within is not None and left <= kind.critical_within:
            severity = Severity.CRITICAL
    return fill(
        Routed,
        routing,
        kind=name,
        bucket=kind.bucket,
        severity=severity,
        tier=tier,
        service=service[0] if service else None,
        terms=terms,
        ladder=rulebook.ladder(routing.queue),
        region=order.facts.address.region if order is not None else None,
    )
