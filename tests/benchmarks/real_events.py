"""Real events to measure with, made by the domain's own intake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from uuid import uuid4

from application.log import streams
from application.log.event_codec import to_stored
from application.log.event_log import EventLog, Write
from application.orders.batches import Arrival
from application.orders.intake import Intake
from application.orders.look_ups import LookUp
from domain.cases.events import CaseEvent, Resolution, Resolved
from domain.cases.exception_case import case_stream
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.work_events import CaseReleased, Claimed
from domain.orders.events import SignalRecorded
from domain.orders.stock_signals import StockAllocated
from domain.people import POLICY_ACTOR, Actor
from domain.recorded_event import RecordedEvent
from infrastructure.address_check import check_address
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.policies.files import load_policy
from infrastructure.sources.demonstration.money_troubles import overcharged
from infrastructure.sources.demonstration.shop import Shop

SHOP = Actor("key:5f1b6c0d2e9a", "shop")
ANA = Actor("key:0c94d7aa31be", "ana")
AT_ONCE = 2_000
CASES_AT_ONCE = 500
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_numbers = count(1)


def one_signal() -> Write:
    """A signal of a new order, as the intake writes it."""
    order = f"D-{next(_numbers):07}"
    signal = StockAllocated(source="wms", id=f"{order}-a", order=order, event_time=NOW)
    return Write(
        stream=uuid4(),
        kind=streams.ORDER,
        expected=0,
        events=[(SHOP, SignalRecorded(signal=signal))],
        recorded_at=NOW,
        order=order,
    )


def as_lines(write: Write) -> list[RecordedEvent]:
    """The lines of a write, for the library, which has no envelope of its own."""
    return [
        RecordedEvent(
            stream=write.stream,
            version=version,
            recorded_at=write.recorded_at,
            actor=actor,
            event=event,
            order=write.order,
            cause=write.cause,
        )
        for version, (actor, event) in enumerate(write.events, start=write.expected + 1)
    ]


def one_row() -> bytes:
    """The stored bytes of such a signal."""
    return to_stored(as_lines(one_signal())[0]).state


def opened() -> list[CaseEvent]:
    """The events that open a case: detected, enriched and routed by the shipped policy."""
    log = EventLog(InMemoryLogRecorder())
    orders, cases = streams.orders(log), streams.cases(log)
    rulebook = load_policy()
    look_up = LookUp(streams.histories(log), check_address, log.subject_of)
    intake = Intake(log, orders, cases, lambda: rulebook, lambda role: (), look_up)
    plan = overcharged(Shop(1, "A"), NOW)
    intake.take([Arrival(signal, NOW) for _, signal in plan], SHOP)
    return [line.event for line in log.read(0, 100) if line.type.startswith("case.")][:3]


def fill(log: EventLog, most: int) -> None:
    """Write so many events of cases in all stages, with the events of many cases mixed."""
    writes = _stages()
    left = most
    while left > 0:
        batch = list(islice(writes, min(left, AT_ONCE)))
        events = sum(len(write.events) for write in batch)
        log.append(batch)
        left -= events


def _stages() -> Iterator[Write]:
    """The next stage of one case after another. Every third case stays open."""
    opening = opened()
    resolution = Resolution(
        reason=ResolutionReason.REFUNDED,
        root_cause=RootCause.UPSTREAM_DATA,
        evidence=("psp/payment-1",),
        note="Refunded what was taken twice.",
    )
    stages: tuple[tuple[Actor, CaseEvent], ...] = (
        *((POLICY_ACTOR, event) for event in opening),
        (ANA, Claimed(person="ana")),
        (ANA, CaseReleased(note="Needs somebody who knows the seller.")),
        (ANA, Claimed(person="ana")),
        (ANA, Resolved(resolution=resolution)),
    )
    for crowd in count():
        numbers = range(crowd * CASES_AT_ONCE, (crowd + 1) * CASES_AT_ONCE)
        for version, stage in enumerate(stages):
            for number in numbers:
                if version == len(stages) - 1 and number % 3 == 0:
                    continue
                order = f"A-{number:07}"
                yield Write(
                    stream=case_stream(order, "payment_mismatch", 1),
                    kind=streams.CASE,
                    expected=version,
                    events=[stage],
                    recorded_at=NOW + timedelta(seconds=number, minutes=version),
                    cause=f"signal:psp/{order}-paymentcaptured",
                    order=order,
                )


def one_case(number: int, at: datetime = NOW) -> Write:
    """All events of a case that was opened at that time."""
    order = f"V-{number:07}-{uuid4().hex[:8]}"
    return Write(
        stream=case_stream(order, "payment_mismatch", 1),
        kind=streams.CASE,
        expected=0,
        events=[(POLICY_ACTOR, event) for event in _OPENED],
        recorded_at=at,
        order=order,
    )


_OPENED = opened()
