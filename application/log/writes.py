"""What follows from signals or from time, as writes for the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType, structs

from application.log.event_log import Write
from application.log.streams import CASE, ORDER
from domain.cases.detection import Response
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_events import ComeToPass
from domain.orders.events import SignalRecorded
from domain.orders.order import Order, order_stream
from domain.orders.signals import OWN_SOURCE
from domain.people import POLICY, TIMEKEEPER, Actor
from domain.policy.rulebook import Rulebook
from domain.recorded import Event


def writes_of(
    response: Response,
    order_before: Order,
    cases_before: Mapping[UUID, ExceptionCase],
    cause: str,
    recorded_at: datetime,
    sender: Actor,
) -> list[Write]:
    """A response as writes, the order's first: as a guard if nothing is to be said of it."""
    streams: list[tuple[UUID, str, int, Sequence[Event], datetime | UnsetType | None]] = []
    if response.order_events or response.case_events:
        order = order_stream(response.order.id)
        streams.append((order, ORDER, order_before.version, response.order_events, UNSET))
    for case_id in {**response.case_events, **cases_before} if streams else {}:
        case = cases_before.get(case_id)
        # A case that was looked at and left alone must not have changed meanwhile.
        events = response.case_events.get(case_id, ())
        due = timer_after(case, response.cases[case_id])
        streams.append((case_id, CASE, case.version if case else 0, events, due))
    return [
        Write(
            stream=stream,
            kind=kind,
            expected=expected,
            events=[(_by(event, sender), event) for event in events],
            recorded_at=recorded_at,
            cause=cause,
            order=response.order.id,
            next_due=due,
        )
        for stream, kind, expected, events, due in streams
    ]


def timer_after(before: ExceptionCase | None, after: ExceptionCase) -> datetime | UnsetType | None:
    """The timer to set for a case: UNSET if it stays as it is."""
    known = before.next_due if before is not None else None
    return after.next_due if after.next_due != known else UNSET


def timer_of(order: Order, rulebook: Rulebook) -> datetime | UnsetType | None:
    """The timer that is known to be set for the order; UNSET if it may be another policy's."""
    return order.next_due(rulebook) if order.is_watched_by(rulebook) else UNSET


def with_next_due(
    writes: list[Write], before: datetime | UnsetType | None, after: Order, rulebook: Rulebook
) -> list[Write]:
    """The writes, with the order's timer set where it may have changed."""
    due = after.next_due(rulebook)
    if not writes or due == before:
        return writes
    return [structs.replace(writes[0], next_due=due), *writes[1:]]


def _by(event: Event, sender: Actor) -> Actor:
    """Who did it: what policy concluded or had looked up, nobody sent; nor what came to pass."""
    if isinstance(event, SignalRecorded) and event.signal.source != OWN_SOURCE:
        return sender
    return TIMEKEEPER if isinstance(event, ComeToPass) else POLICY
