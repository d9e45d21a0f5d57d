"""What is held of a customer: the orders and cases that tell of them, and what an erasure of it writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_codec import from_state
from application.log.event_log import EventLog, Write
from application.log.repository import Repository
from application.log.streams import CASE, ORDER
from domain.cases.events import CaseDataErased
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.orders.events import OrderDataErased
from domain.orders.order import Order, order_stream
from domain.personal_data import told_in
from domain.personal_data_errors import CustomerStillServed, StoredInTheClear
from domain.privacy import PrivacyRecord


class HeldText(Struct, frozen=True):
    """A line of the log that has personal texts, and the texts."""

    stream: UUID
    version: int
    position: int
    type: str
    recorded_at: datetime
    texts: Sequence[str]


class HeldData(Struct, frozen=True):
    """What is held of a customer."""

    record: PrivacyRecord
    orders: Sequence[str]
    cases: Sequence[UUID]
    texts: Sequence[HeldText]
    files: Sequence[str]


class WhoseOrder(Struct, frozen=True):
    """All that is recorded of the customer of one order; what was erased included."""

    record: PrivacyRecord | None
    orders: Sequence[str]
    cases: Sequence[UUID]
    files: Sequence[str]

    @property
    def streams(self) -> list[UUID]:
        return [order_stream(name) for name in self.orders]


class CustomerData(Struct, frozen=True):
    """The orders and cases of a customer, as they are now."""

    orders: Mapping[UUID, Order]
    cases: Mapping[UUID, ExceptionCase]

    @property
    def streams(self) -> list[UUID]:
        return [*self.orders, *self.cases]

    @property
    def files(self) -> tuple[str, ...]:
        refs = (piece.ref for case in self.cases.values() for piece in case.evidence)
        return tuple(sorted({ref for ref in refs if ref.startswith("sha256:")}))

    def texts(self, log: EventLog) -> list[HeldText]:
        """Every line of theirs that has personal texts, by position."""
        texts = [
            HeldText(line.stream, line.version, line.position, line.type, line.recorded_at, told)
            for lines in log.trails(self.streams).values()
            for line in lines
            if (told := told_in(line.event))
        ]
        return sorted(texts, key=lambda one: one.position)

    def must_be_done(self) -> None:
        """Raises CustomerStillServed."""
        open_ = [case for case in self.cases.values() if not case.is_resolved]
        live = [
            one
            for case in self.cases.values()
            for one in case.adjustments.items
            if one.is_live and case.is_resolved
        ]
        if open_ or live:
            told = [f"case {case.id} is {case.state}" for case in open_]
            told += [f"adjustment {one.id} is {one.state}" for one in live]
            raise CustomerStillServed("; ".join(told), cases=[str(case.id) for case in open_])

    def must_be_sealed(self, log: EventLog) -> None:
        """Raises StoredInTheClear."""
        states = log.recorder.select_streams(self.streams)
        lines = (from_state(position, state) for position, state in states)
        clear = [line.position for line in lines if line.sealed is None and told_in(line.event)]
        if clear:
            told = ", ".join(map(str, clear[:20])) + (" …" if len(clear) > 20 else "")
            raise StoredInTheClear(f"positions {told}", positions=clear[:100])

    def erased(self, record: UUID, erasure: int, by: Caller) -> Iterator[Write]:
        """What each of them tells of the erasure."""
        for stream, order in self.orders.items():
            told = OrderDataErased(record=record, erasure=erasure)
            yield _telling(told, stream, ORDER, order.version, order.id, by)
        for stream, case in self.cases.items():
            of_case = CaseDataErased(record=record, erasure=erasure)
            yield _telling(of_case, stream, CASE, case.version, case.order, by)


def customer_data(
    names: Collection[str], orders: Repository[Order], cases: Repository[ExceptionCase]
) -> CustomerData:
    """Of a customer whose orders have these names."""
    found = orders.current([order_stream(name) for name in names])
    # Of each kind of problem, the order remembers the newest case.
    streams = [
        case_stream(order.id, kind, occurrence)
        for order in found.values()
        for kind, ref in order.cases.items()
        for occurrence in range(1, ref.occurrence + 1)
    ]
    return CustomerData(found, cases.current(streams))


def _telling(
    event: OrderDataErased | CaseDataErased,
    stream: UUID,
    kind: str,
    version: int,
    order: str,
    by: Caller,
) -> Write:
    return Write(
        stream=stream,
        kind=kind,
        expected=version,
        events=[(by.actor, event)],
        recorded_at=by.now,
        cause=by.cause,
        order=order,
    )
