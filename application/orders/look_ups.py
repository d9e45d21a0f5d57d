"""Look-ups: compare an arriving order with earlier orders, with usual prices, and check its address.

Findings become signals of our own, recorded with the order, so that a replay of the log looks nothing up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from application.log.event_log import Write
from application.log.repository import Repository
from application.log.streams import CUSTOMER, PRODUCT, History, history_after
from application.orders.batches import OrderBatch, group_by_time
from domain.errors import TrailHasGap
from domain.look_ups.addresses import CheckAddress, create_address_checked
from domain.look_ups.duplicates import CustomerOrders, create_customer_ordered, customer_stream
from domain.look_ups.events import CustomerOrdered, LookUpEvent, ProductPriced
from domain.look_ups.prices import ProductPrices, product_prices_shown, product_stream
from domain.orders.order import Order, order_stream
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import OWN_SOURCE
from domain.orders.signals import Signal
from domain.people import POLICY_ACTOR
from domain.policy.look_up_parts import LookUps
from domain.recorded_event import RecordedEvent


class PlacedOrder(Struct, frozen=True):
    """A new signal that an order was placed, and when it reached us."""

    signal: OrderPlaced
    received_at: datetime


class LookUpResult(Struct, frozen=True):
    """The findings for a batch; `histories` are those that it was compared with, as they are after it."""

    signals: Mapping[tuple[str, str], Sequence[Signal]] = {}
    """By order and key of the signal that they are derived from."""
    histories: Mapping[UUID, History] = {}
    writes: Sequence[Write] = ()

    def about(self, signals: Iterable[Signal]) -> Iterator[Signal]:
        for signal in signals if self.signals else ():
            yield from self.signals.get((signal.order_key, signal.key), ())


EMPTY_RESULT = LookUpResult()
FRESH_FOR = timedelta(minutes=1)
"""Usual prices span days, so a history of prices may be a minute old."""
MAX_TRACKED_STREAMS = 100_000


class LookUp:
    def __init__(
        self,
        histories: Repository[History],
        check_address: CheckAddress,
        subject_of: Callable[[str], UUID],
    ) -> None:
        """`subject_of` gives the id of a customer's record."""
        self._histories = histories
        self._subject_of = subject_of
        self._check_address = check_address
        self._looked_at: dict[UUID, datetime] = {}

    def of(
        self, placed: Sequence[PlacedOrder], wanted: LookUps, *, contended: bool = False
    ) -> LookUpResult:
        """Compare these orders, by arrival, with those before them. `contended`: other processes write,
        so read the log first."""
        entries = [
            (order, event, self._stream(event))
            for order in placed
            for event in _history_events(order.signal, wanted)
        ]
        streams = {stream for _, _, stream in entries}
        states = (
            self._histories.refreshed([*streams])
            if contended or self._is_stale(entries)
            else self._histories.cached([*streams])
        )
        read = dict(states)
        found: dict[tuple[str, str], list[Signal]] = {}
        writes: list[Write] = []
        for order, event, stream in entries:
            signal = order.signal
            derived, is_news = _compare_with_history(
                stream, states.get(stream), event, signal, wanted
            )
            if derived is not None:
                found.setdefault((signal.order_key, signal.key), []).append(derived)
            if is_news:
                line = _line(stream, states.get(stream), event, order)
                states[stream] = history_after(states.get(stream), line)
                writes.append(_write(line))
        if wanted.addresses:
            for signal in (order.signal for order in placed):
                if (address := signal.ship_to) is not None:
                    derived = create_address_checked(signal, self._check_address(address))
                    found.setdefault((signal.order_key, signal.key), []).append(derived)
        # A customer's history that was read and not changed must not have changed meanwhile, or two
        # duplicate orders might miss each other.
        writes += [
            _guard(stream, history, placed[0].received_at)
            for stream, history in read.items()
            if states[stream] is history and isinstance(history, CustomerOrders)
        ]
        return LookUpResult(found, states, writes)

    def _stream(self, event: LookUpEvent) -> UUID:
        if isinstance(event, CustomerOrdered):
            return customer_stream(self._subject_of(event.customer))
        return product_stream(event.sku, event.price.currency)

    def _is_stale(self, entries: Sequence[tuple[PlacedOrder, LookUpEvent, UUID]]) -> bool:
        """Whether a history of prices was last read too long ago: other processes may have added to it.

        Every process adds prices, so guards would fail often: reading now and then costs less.
        """
        looked = self._looked_at
        stale = False
        for order, event, stream in entries:
            if isinstance(event, ProductPriced):
                before = looked.get(stream)
                if before is None or not timedelta() <= order.received_at - before < FRESH_FOR:
                    looked[stream] = order.received_at
                    stale = True
        if len(looked) > MAX_TRACKED_STREAMS:
            looked.clear()
        return stale

    def keep(self, found: LookUpResult) -> None:
        for stream, history in found.histories.items():
            self._histories.keep(stream, history)

    def forget(self, found: LookUpResult) -> None:
        self._histories.forget(found.histories)


def _history_events(placed: OrderPlaced, wanted: LookUps) -> Iterator[LookUpEvent]:
    if wanted.duplicates is not None and (event := create_customer_ordered(placed)) is not None:
        yield event
    if wanted.prices is not None:
        yield from product_prices_shown(placed)


def _compare_with_history(
    stream: UUID, before: History | None, event: LookUpEvent, placed: OrderPlaced, wanted: LookUps
) -> tuple[Signal | None, bool]:
    """The signal derived from the comparison, if any, and whether the history gets this event."""
    match before, event:
        case None | CustomerOrders(), CustomerOrdered() if wanted.duplicates is not None:
            orders = before or CustomerOrders()
            derived = orders.find_duplicate(placed, event, wanted.duplicates.within)
            return derived, not orders.contains(event, placed.order_key)
        case None | ProductPrices(), ProductPriced() if wanted.prices is not None:
            prices, over = before or ProductPrices(), wanted.prices.over
            flagged = prices.flagged(placed, event, over, wanted.prices.least_history)
            return flagged, prices.is_new(event)
        case _:
            raise TrailHasGap(f"stream {stream} is a history of another kind")


def _line(
    stream: UUID, before: History | None, event: LookUpEvent, placed: PlacedOrder
) -> RecordedEvent:
    return RecordedEvent(
        stream=stream,
        version=(before.version if before is not None else 0) + 1,
        recorded_at=placed.received_at,
        actor=POLICY_ACTOR,
        event=event,
        order=placed.signal.order_key,
        cause=f"signal:{placed.signal.key}",
    )


def _write(line: RecordedEvent) -> Write:
    return Write(
        stream=line.stream,
        kind=CUSTOMER if isinstance(line.event, CustomerOrdered) else PRODUCT,
        expected=line.version - 1,
        events=[(line.actor, line.event)],
        recorded_at=line.recorded_at,
        cause=line.cause,
        order=line.order,
    )


def _guard(stream: UUID, history: CustomerOrders, now: datetime) -> Write:
    return Write(stream=stream, kind=CUSTOMER, expected=history.version, events=[], recorded_at=now)


def find_new_orders(units: Sequence[OrderBatch], orders: Mapping[UUID, Order]) -> list[PlacedOrder]:
    """The new signals that an order was placed, by time of arrival: of two alike orders, the later one
    is the duplicate, at any place in the batch."""
    found: list[tuple[datetime, int, OrderPlaced]] = []
    for unit in units:
        if not any(isinstance(arrival.signal, OrderPlaced) for arrival in unit.arrivals):
            continue
        order = orders.get(order_stream(unit.order))
        seen: set[str] = set()
        for received_at, places in group_by_time(unit):
            for n in places:
                signal = unit.arrivals[n].signal
                is_known = order is not None and order.recorded(signal.key) is not None
                is_new = not is_known and signal.key not in seen and signal.source != OWN_SOURCE
                seen.add(signal.key)
                if is_new and isinstance(signal, OrderPlaced):
                    found.append((received_at, unit.places[n], signal))
    found.sort(key=lambda placed: placed[:2])
    return [PlacedOrder(signal, received_at) for received_at, _, signal in found]
