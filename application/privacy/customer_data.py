"""The data held of a customer: orders, cases, personal texts and files; and the writes that erase it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_codec import from_state
from application.log.event_log import EventLog, Write
from application.log.repository import Repository
from application.log.streams import CASE, ORDER, deliveries
from application.privacy.views import RecordView
from domain.cases.events import CaseDataErased
from domain.cases.evidence import FILE_PREFIX
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.orders.events import OrderDataErased
from domain.orders.order import Order, order_stream
from domain.orders.order_names import OrderName, order_name
from domain.personal_data import ERASED, personal_texts
from domain.personal_data_errors import CustomerStillServed, StoredInTheClear
from domain.privacy import Erasure, PrivacyRecord
from domain.sources.deliveries import KeptDelivery
from domain.struct_fields import fill


class HeldText(Struct, frozen=True):
    """A line of the log with personal texts, and those that are not erased."""

    stream: UUID
    version: int
    position: int
    type: str
    recorded_at: datetime
    texts: Sequence[str]
    order: str
    shop: str
    after_erasure: bool
    """It arrived after an erasure of its order."""


class HeldDelivery(Struct, frozen=True):
    """What a source sent of a customer's orders, kept as it came."""

    delivery: UUID
    source: str
    sender_id: str
    received_at: datetime
    body: str | None
    """As it came; null where it speaks of orders of others too, or is not text."""
    other_orders: int
    """How many orders of others it speaks of."""
    after_erasure: bool
    """It arrived after an erasure of one of the orders."""


class HeldData(Struct, frozen=True):
    """The data held of a customer, or of one order."""

    record: RecordView
    orders: Sequence[OrderName]
    cases: Sequence[UUID]
    texts: Sequence[HeldText]
    files: Sequence[str]
    after_erasure: int
    """How many texts and deliveries arrived after an erasure."""
    note: str | None
    """The same in words, and what to do; null if nothing was erased before."""
    deliveries: Sequence[HeldDelivery] = ()
    """What sources sent of these orders and is not erased."""


class HeldAfterErasure(Struct, frozen=True):
    """An order of which something arrived after its erasure; the texts themselves are not in here."""

    order: str
    shop: str
    record: UUID
    """The privacy record with the last erasure of the order."""
    erased_at: datetime
    texts: int
    """0: only stored answers of commands."""
    last_arrived_at: datetime | None
    note: str


class OrderCustomer(Struct, frozen=True):
    """What is recorded of the customer of one order, also after erasure."""

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
        return tuple(sorted({ref for ref in refs if ref.startswith(FILE_PREFIX)}))

    def texts(self, log: EventLog) -> list[HeldText]:
        """The lines with personal texts that are not erased, by position."""
        trails = log.trails(self.streams)
        erased = {
            line.order: line.position
            for order in self.orders
            for line in trails.get(order, ())
            if isinstance(line.event, OrderDataErased)
        }
        texts = [
            fill(
                HeldText,
                order_name(line.order or ""),
                line,
                texts=found,
                after_erasure=line.order in erased,
            )
            for lines in trails.values()
            for line in lines
            # From the order of an erasure on, its texts are hidden, also while their keys still exist.
            if line.position > erased.get(line.order, 0)
            and (found := [text for text in personal_texts(line.event) if text != ERASED])
        ]
        return sorted(texts, key=lambda text: text.position)

    def later_keys(self, log: EventLog, record: UUID, erasure: int) -> set[str]:
        """The keys that seal only lines after this erasure was ordered."""
        rows = log.recorder.select_streams(self.streams)
        lines = [from_state(position, state) for position, state in rows]
        ordered = OrderDataErased(record=record, erasure=erasure)
        erased = max((line.position for line in lines if line.event == ordered), default=0)
        sealed = [(line.position, line.sealed.key) for line in lines if line.sealed is not None]
        earlier = {key for position, key in sealed if position < erased}
        return {key for position, key in sealed if position > erased} - earlier

    def require_all_closed(self) -> None:
        """Raises CustomerStillServed for an open case, or a live adjustment."""
        open_ = [case for case in self.cases.values() if not case.is_resolved]
        live = [
            adjustment
            for case in self.cases.values()
            for adjustment in case.adjustments.items
            if adjustment.is_live and case.is_resolved
        ]
        if open_ or live:
            detail = [f"case {case.id} is {case.state}" for case in open_]
            detail += [f"adjustment {adjustment.id} is {adjustment.state}" for adjustment in live]
            raise CustomerStillServed("; ".join(detail), cases=[str(case.id) for case in open_])

    def require_sealed(self, log: EventLog) -> None:
        """Raises StoredInTheClear for personal texts that are not sealed."""
        states = log.recorder.select_streams(self.streams)
        lines = (from_state(position, state) for position, state in states)
        clear = [
            line.position for line in lines if line.sealed is None and personal_texts(line.event)
        ]
        if clear:
            positions = ", ".join(map(str, clear[:20])) + (" …" if len(clear) > 20 else "")
            raise StoredInTheClear(f"positions {positions}", positions=clear[:100])

    def erasure_writes(self, record: UUID, erasure: int, by: Caller) -> Iterator[Write]:
        """An event of the erasure for each order and case."""
        for stream, order in self.orders.items():
            of_order = OrderDataErased(record=record, erasure=erasure)
            yield by.write(stream, ORDER, order.version, [of_order], order.id)
        for stream, case in self.cases.items():
            of_case = CaseDataErased(record=record, erasure=erasure)
            yield by.write(stream, CASE, case.version, [of_case], case.order)


def load_customer_data(
    names: Collection[str],
    orders: Repository[Order],
    cases: Repository[ExceptionCase],
    reported: Collection[UUID] = (),
) -> CustomerData:
    """Load the data of a customer with these orders. `reported` are the cases of the orders in the reports:
    an order does not know the cases that people opened."""
    found = orders.current([order_stream(name) for name in names])
    # The order has the newest case of each kind of problem; its number tells the earlier ones.
    streams = [
        case_stream(order.id, kind, occurrence)
        for order in found.values()
        for kind, ref in order.cases.items()
        for occurrence in range(1, ref.occurrence + 1)
    ]
    return CustomerData(found, cases.current([*dict.fromkeys([*streams, *reported])]))


def held_deliveries(
    log: EventLog, reported: Collection[UUID], names: Collection[str], erasures: Sequence[Erasure]
) -> list[HeldDelivery]:
    """Those of the reported deliveries that no erasure covers."""
    ordered = {name: one.ordered_at for one in erasures for name in one.orders}
    found = deliveries(log).current([*reported])
    return [
        _held_delivery(stream, kept, names, not ordered.keys().isdisjoint(kept.orders))
        for stream in reported
        if (kept := found.get(stream)) is not None
        and not kept.is_erased
        # From the order of an erasure on they are hidden, also while their keys still exist.
        and not any(kept.received_at <= ordered[name] for name in kept.orders if name in ordered)
    ]


def _held_delivery(
    stream: UUID, kept: KeptDelivery, names: Collection[str], is_later: bool
) -> HeldDelivery:
    others = len({*kept.orders} - {*names})
    body = None
    # The body of several orders would show the data of other customers.
    if not others and kept.body is not None:
        with suppress(UnicodeDecodeError):
            body = kept.body.decode()
    taken = kept.taken
    return HeldDelivery(
        stream, taken.source, taken.delivery, kept.received_at, body, others, is_later
    )
