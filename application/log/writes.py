"""Writes for the log, from what policy decided on signals or with time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType, structs

from application.log.event_log import Write
from application.log.streams import CASE, ORDER
from domain.cases.detection import CaseDetection
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_events import TimerEvent
from domain.orders.events import SignalRecorded
from domain.orders.order import Order, order_stream
from domain.orders.signal_body import OWN_SOURCE
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR, Actor
from domain.policy.rulebook import Rulebook
from domain.recorded_event import Event


def writes_of(
    response: CaseDetection,
    order_before: Order,
    cases_before: Mapping[UUID, ExceptionCase],
    cause: str,
    recorded_at: datetime,
    sender: Actor,
) -> list[Write]:
    """The writes of a response, that of the order first; it is a guard if the order has no events."""
    streams: list[tuple[UUID, str, int, Sequence[Event], datetime | UnsetType | None]] = []
    if response.order_events or response.case_events:
        order = order_stream(response.order.id)
        streams.append((order, ORDER, order_before.version, response.order_events, UNSET))
    for case_id in {**response.case_events, **cases_before} if streams else {}:
        case = cases_before.get(case_id)
        # A case that was read and not changed must not have changed meanwhile: a guard.
        events = response.case_events.get(case_id, ())
        due = timer_after(case, response.cases[case_id])
        streams.append((case_id, CASE, case.version if case else 0, events, due))
    return [
        Write(
            stream=stream,
            kind=kind,
            expected=expected,
            events=[(_event_actor(event, sender), event) for event in events],
            recorded_at=recorded_at,
            cause=cause,
            order=response.order.id,
            next_due=due,
        )
        for stream, kind, expected, events, due in streams
    ]


def timer_after(before: ExceptionCase | None, after: ExceptionCase) -> datetime | UnsetType | None:
    """The timer to set for a case; UNSET if it does not change."""
    known = before.next_due if before is not None else None
    return after.next_due if after.next_due != known else UNSET


def known_timer_of(order: Order, rulebook: Rulebook) -> datetime | UnsetType | None:
    """The timer that is set for the order; UNSET if another policy may have set it."""
    return order.next_due(rulebook) if order.has_timer_from(rulebook) else UNSET


def with_next_due(
    writes: list[Write], before: datetime | UnsetType | None, after: Order, rulebook: Rulebook
) -> list[Write]:
    """The writes, with the timer of the order where it may have changed."""
    due = after.next_due(rulebook)
    if not writes or due == before:
        return writes
    return [structs.replace(writes[0], next_due=due), *writes[1:]]


def _event_actor(event: Event, sender: Actor) -> Actor:
    """The actor of an event: the sender for a signal, policy for its own look-ups and conclusions, the
    timekeeper for what time brings."""
    if isinstance(event, SignalRecorded) and event.signal.source != OWN_SOURCE:
        return sender
    return TIMEKEEPER_ACTOR if isinstance(event, TimerEvent) else POLICY_ACTOR
