"""Looking up: an arriving order held against what is remembered of others.

What is found becomes signals of our own, which are recorded with the order: whoever reads the log
later, or lives through it again, looks nothing up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from application.log.event_log import Write
from application.log.repository import Repository
from application.log.streams import CUSTOMER, PRODUCT, History, history_after
from domain.errors import TrailHasGap
from domain.look_ups.addresses import CheckAddress, checked
from domain.look_ups.duplicates import CustomerOrders, customer_stream, ordered
from domain.look_ups.events import CustomerOrdered, LookUpEvent, ProductPriced
from domain.look_ups.prices import ProductPrices, priced, product_stream
from domain.orders.signals import OrderPlaced, Signal
from domain.people import POLICY
from domain.policy.document import LookUps
from domain.recorded import Recorded


class Placed(Struct, frozen=True):
    """A statement that an order was placed, new to us, and when it reached us."""

    signal: OrderPlaced
    received_at: datetime


class LookedUp(Struct, frozen=True):
    """What was found of a batch; `histories` are those that it was held against, as they are then."""

    signals: Mapping[tuple[str, str], Sequence[Signal]] = {}
    """By order and key of the statement that they are derived from."""
    histories: Mapping[UUID, History] = {}
    writes: Sequence[Write] = ()

    def about(self, signals: Iterable[Signal]) -> Iterator[Signal]:
        for signal in signals if self.signals else ():
            yield from self.signals.get((signal.order, signal.key), ())


NOTHING = LookedUp()
FRESH_FOR = timedelta(minutes=1)
"""A price counts for days: what is a minute old shows what is usual."""
MOST_LOOKED_AT = 100_000


class LookUp:
    def __init__(
        self,
        histories: Repository[History],
        check_address: CheckAddress,
        subject_of: Callable[[str], UUID],
    ) -> None:
        """`subject_of` a customer is the log's name for it."""
        self._histories = histories
        self._subject_of = subject_of
        self._check_address = check_address
        self._looked_at: dict[UUID, datetime] = {}

    def of(self, placed: Sequence[Placed], asked: LookUps, *, wary: bool = False) -> LookedUp:
        """Hold these orders, in the order of their arrival, against those before them; `wary` of what
        other processes have written."""
        told = [
            (one, event, self._stream(event))
            for one in placed
            for event in _to_remember(one.signal, asked)
        ]
        streams = {stream for _, _, stream in told}
        states = (
            self._histories.caught_up([*streams])
            if wary or self._is_stale(told)
            else self._histories.at_hand([*streams])
        )
        read = dict(states)
        found: dict[tuple[str, str], list[Signal]] = {}
        writes: list[Write] = []
        for one, event, stream in told:
            signal = one.signal
            derived, is_news = _held_against(stream, states.get(stream), event, signal, asked)
            if derived is not None:
                found.setdefault((signal.order, signal.key), []).append(derived)
            if is_news:
                line = _line(stream, states.get(stream), event, one)
                states[stream] = history_after(states.get(stream), line)
                writes.append(_write(line))
        if asked.addresses:
            for one in placed:
                if (address := one.signal.ship_to) is not None:
                    derived = checked(one.signal, self._check_address(address))
                    found.setdefault((one.signal.order, one.signal.key), []).append(derived)
        # A customer's history that was looked at and left alone must not have changed meanwhile, or
        # two orders might miss each other.
        writes += [
            _guard(stream, history, placed[0].received_at)
            for stream, history in read.items()
            if states[stream] is history and isinstance(history, CustomerOrders)
        ]
        return LookedUp(found, states, writes)

    def _stream(self, event: LookUpEvent) -> UUID:
        if isinstance(event, CustomerOrdered):
            return customer_stream(self._subject_of(event.customer))
        return product_stream(event.sku, event.price.currency)

    def _is_stale(self, told: Sequence[tuple[Placed, LookUpEvent, UUID]]) -> bool:
        """Whether other processes may have told of a price that we have not heard of for a while.

        Prices change under everybody's hands: to guard them would cost more than to look now and then.
        """
        looked = self._looked_at
        stale = False
        for one, event, stream in told:
            if isinstance(event, ProductPriced):
                before = looked.get(stream)
                if before is None or not timedelta() <= one.received_at - before < FRESH_FOR:
                    looked[stream] = one.received_at
                    stale = True
        if len(looked) > MOST_LOOKED_AT:
            looked.clear()
        return stale

    def keep(self, found: LookedUp) -> None:
        for stream, history in found.histories.items():
            self._histories.keep(stream, history)

    def forget(self, found: LookedUp) -> None:
        self._histories.forget(found.histories)


def _to_remember(placed: OrderPlaced, asked: LookUps) -> Iterator[LookUpEvent]:
    if asked.duplicates is not None and (event := ordered(placed)) is not None:
        yield event
    if asked.prices is not None:
        yield from priced(placed)


def _held_against(
    stream: UUID,
    before: History | None,
    event: LookUpEvent,
    placed: OrderPlaced,
    asked: LookUps,
) -> tuple[Signal | None, bool]:
    """What the order shows against what was before it, and whether it is to be remembered."""
    match before, event:
        case None | CustomerOrders(), CustomerOrdered() if asked.duplicates is not None:
            orders = before or CustomerOrders()
            derived = orders.repeated_by(placed, event, asked.duplicates.within)
            return derived, not orders.knows(event, placed.order)
        case None | ProductPrices(), ProductPriced() if asked.prices is not None:
            prices, over = before or ProductPrices(), asked.prices.over
            flagged = prices.flagged(placed, event, over, asked.prices.least_history)
            return flagged, prices.is_news(event)
        case _:
            raise TrailHasGap(f"{stream} holds another kind of history")


def _line(stream: UUID, before: History | None, event: LookUpEvent, placed: Placed) -> Recorded:
    return Recorded(
        stream=stream,
        version=(before.version if before is not None else 0) + 1,
        recorded_at=placed.received_at,
        actor=POLICY,
        event=event,
        order=placed.signal.order,
        cause=f"signal:{placed.signal.key}",
    )


def _write(line: Recorded) -> Write:
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
