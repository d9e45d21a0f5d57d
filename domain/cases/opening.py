"""The events that open a case and route it to its queue."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import UNSET, structs

from domain.cases.events import CaseEvent, Detected, Enriched, Routed
from domain.cases.packet import READING, packet_digest, packet_of
from domain.clock.calendars import BusinessCalendar
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.policy.decision import Decision, Verdict
from domain.policy.document import Kind, Severity
from domain.policy.facts import ORDER_FACTS
from domain.policy.rulebook import Routing, Rulebook
from domain.struct_fields import fill

SHORTEST_TIME: Final = timedelta(minutes=1)
"""What a case has at least, where its time is over when it opens."""
ALWAYS_OPEN: Final = BusinessCalendar(time_zone="UTC", always_open=True)
OWNER: Final = "source.owner"
"""What a routing reads that sends the case to the owner of its source."""
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


def route_to_owner(routing: Routing, owner: str | None, rulebook: Rulebook) -> Routing:
    """The routing, to the first queue of the owner if policy's route leads to another team."""
    if owner is None or routing.owner_team == owner:
        return routing
    queues = rulebook.document.queues
    queue = next((name for name, one in queues.items() if one.owner_team == owner), None)
    if queue is None:
        return routing
    skills = (route.skill for route in rulebook.document.route if route.queue == queue)
    verdict = Verdict(OWNER, f"is {owner}", owner, True)
    decision = structs.replace(routing.decision, verdicts=(*routing.decision.verdicts, verdict))
    return structs.replace(
        routing, queue=queue, owner_team=owner, skill=next(skills, routing.skill), decision=decision
    )
