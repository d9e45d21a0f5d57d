"""A lifelike order stream for demonstrations: seeded, with every kind of exception in it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.money import ZERO, PositiveMoney
from domain.orders.signals import (
    Customer,
    Delivered,
    HandedOver,
    Line,
    OrderCancelled,
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    Promise,
    Released,
    Scanned,
    ScanStatus,
    Signal,
    StockAllocated,
    StockUnavailable,
)

Plan = list[tuple[datetime, Signal]]
"""Signals, each with the time at which it is told: as a rule, its event time."""

CATALOGUE: Final = (
    ("kettle-17", "39.90"),
    ("lamp-oak", "89.00"),
    ("rug-220", "249.00"),
    ("boots-42", "129.50"),
    ("tea-assam", "12.40"),
    ("desk-180", "419.00"),
    ("headphones-b", "199.00"),
    ("plant-ficus", "34.95"),
)
PLACES: Final = (
    ("Europe/Berlin", "EUR"),
    ("Europe/Lisbon", "EUR"),
    ("America/New_York", "USD"),
    ("America/Sao_Paulo", "BRL"),
)
SHIP_WITHIN: Final = timedelta(hours=48)
TIERS: Final = ("standard", "standard", "standard", "standard", "gold", "vip")
HISTORY: Final = timedelta(days=14)
HISTORY_ORDERS: Final = 420
SHARE_WITHOUT_TROUBLE: Final = 0.85


class Trouble(NamedTuple):
    """A kind of trouble, and how long after the purchase it shows."""

    plan: Callable[[datetime], Plan]
    shows_after: timedelta


class Shop:
    """Makes orders, each with all the signals of its life, some of them in the future."""

    def __init__(self, seed: int, prefix: str) -> None:
        self._chance = random.Random(seed)
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._troubles = (
            Trouble(self.delivered_late, timedelta(days=7, hours=12)),
            Trouble(self.never_shipped, SHIP_WITHIN),
            Trouble(self.payment_stalls, timedelta(hours=72)),
            Trouble(self.overcharged, timedelta(hours=4)),
            Trouble(self.pays_nothing, timedelta()),
            Trouble(self.out_of_stock, timedelta(hours=13)),
            Trouble(self.cancelled_and_paid, timedelta(hours=8)),
            Trouble(self.cancelled_after_handover, timedelta(hours=34)),
            Trouble(self.clocks_disagree, timedelta(hours=30)),
            Trouble(self.scanned_late, SHIP_WITHIN),
        )
        self._coming: list[Trouble] = []

    def order(self, at: datetime) -> Plan:
        """An order bought at this time; most meet no trouble."""
        if self._chance.random() < SHARE_WITHOUT_TROUBLE:
            return self.goes_well(at)
        return self._next_trouble().plan(at)

    def trouble_about_now(self, now: datetime) -> Plan:
        """An order whose trouble shows within seconds, told by a channel that tells late."""
        trouble = self._next_trouble()
        soon = timedelta(seconds=self._chance.uniform(2, 10))
        return trouble.plan(now + soon - trouble.shows_after)

    def _next_trouble(self) -> Trouble:
        """Every kind comes once before any comes again."""
        if not self._coming:
            self._coming = [*self._troubles]
            self._chance.shuffle(self._coming)
        return self._coming.pop()

    def goes_well(self, at: datetime) -> Plan:
        return self._life(at)

    def delivered_late(self, at: datetime) -> Plan:
        return self._life(at, delivered=timedelta(days=self._chance.uniform(8, 10)))

    def never_shipped(self, at: datetime) -> Plan:
        return self._life(at, until="fulfilment.released")

    def payment_stalls(self, at: datetime) -> Plan:
        return self._life(at, approved=timedelta(hours=self._chance.uniform(80, 120)))

    def overcharged(self, at: datetime) -> Plan:
        return self._life(at, extra=self._chance.choice(("4.31", "11.08", "0.57")))

    def pays_nothing(self, at: datetime) -> Plan:
        return self._life(at, until="order.placed", tenders=())

    def out_of_stock(self, at: datetime) -> Plan:
        plan = self._life(at, until="payment.captured")
        return _ended(plan, StockUnavailable, "wms", timedelta(hours=9))

    def cancelled_and_paid(self, at: datetime) -> Plan:
        plan = self._life(at, until="stock.allocated")
        return _ended(plan, OrderCancelled, "oms", timedelta(hours=3))

    def cancelled_after_handover(self, at: datetime) -> Plan:
        plan = self._life(at, until="shipment.handed_over")
        return _ended(plan, OrderCancelled, "oms", timedelta(hours=5))

    def clocks_disagree(self, at: datetime) -> Plan:
        """The carrier's clock is behind the warehouse's: delivered before it was handed over."""
        return self._life(at, delivered=timedelta(hours=20))

    def scanned_late(self, at: datetime) -> Plan:
        """Handed over in time, but told only after the limit: evidence that clears the case."""
        plan = self._life(at, until="shipment.handed_over")
        told = at + SHIP_WITHIN + timedelta(seconds=20)
        return [(told if isinstance(s, HandedOver) else t, s) for t, s in plan]

    def _life(
        self,
        at: datetime,
        *,
        until: str = "",
        approved: timedelta | None = None,
        delivered: timedelta | None = None,
        extra: str = "0",
        tenders: tuple[str, ...] = ("card",),
    ) -> Plan:
        order = f"{self._prefix}-{next(self._numbers):05}"
        zone, currency = self._chance.choice(PLACES)
        hours = self._chance.uniform
        approval = approved or timedelta(minutes=hours(0.2, 4))
        lines = self._lines(currency, at + SHIP_WITHIN)
        charge = sum((line.price.value * line.quantity for line in lines), ZERO)
        charge += sum(line.freight.value for line in lines if line.freight)
        paid = PositiveMoney(f"{charge + PositiveMoney(extra, currency).value:.2f}", currency)
        released = approval + timedelta(hours=hours(1, 6))
        handed_over = max(released + timedelta(hours=hours(6, 18)), timedelta(hours=24))
        arrives = delivered or handed_over + timedelta(days=hours(1.5, 4))

        def told(
            kind: Callable[..., Signal], source: str, after: timedelta, **facts: object
        ) -> Signal:
            name = kind.__name__.lower()
            return kind(
                source=source, id=f"{order}-{name}", order=order, event_time=at + after, **facts
            )

        promised = (at + timedelta(days=6)).date()
        tier = self._chance.choice(TIERS)
        customer = Customer(id=f"C{self._chance.randrange(900):03}", tier=tier)
        promise = Promise(delivery_date=promised, time_zone=zone)
        plan = [
            told(
                OrderPlaced,
                "storefront",
                timedelta(),
                customer=customer,
                lines=lines,
                tenders=tenders,
                promise=promise,
            ),
            told(PaymentAuthorized, "psp", approval, amount=paid),
            told(PaymentCaptured, "psp", approval, amount=paid, method="card"),
            told(StockAllocated, "wms", approval + timedelta(minutes=5), warehouse="north"),
            told(Released, "wms", released, warehouse="north"),
            told(HandedOver, "carrier", handed_over, carrier="parcelco"),
            told(
                Scanned, "carrier", handed_over + timedelta(hours=6), status=ScanStatus.IN_TRANSIT
            ),
            told(Delivered, "carrier", arrives),
        ]
        if until:
            types = [signal.type for signal in plan]
            plan = plan[: types.index(until) + 1]
        return [(signal.event_time, signal) for signal in plan]

    def _lines(self, currency: str, ship_by: datetime) -> tuple[Line, ...]:
        chosen = self._chance.sample(CATALOGUE, self._chance.choice((1, 1, 1, 2, 3)))
        freight = PositiveMoney("6.90", currency)
        return tuple(
            Line(sku=sku, price=PositiveMoney(price, currency), freight=freight, ship_by=ship_by)
            for sku, price in chosen
        )


def _ended(plan: Plan, kind: Callable[..., Signal], source: str, after: timedelta) -> Plan:
    _, last = plan[-1]
    at = last.event_time + after
    name = f"{last.order}-{kind.__name__.lower()}"
    return [*plan, (at, kind(source=source, id=name, order=last.order, event_time=at))]


class DemonstrationStream:
    """What the shop's systems tell, in the order in which they tell it."""

    def __init__(self, seed: int, started_at: datetime) -> None:
        stamp = started_at.strftime("%m%d%H%M")
        self._past = Shop(seed, f"P{stamp}")
        self._present = Shop(seed + 1, f"D{stamp}")
        self._chance = random.Random(seed + 2)
        self._started_at = started_at
        self._told = itertools.count()
        self._waiting: list[tuple[datetime, int, Signal]] = []

    def history(self) -> Iterator[tuple[datetime, Signal]]:
        """Two weeks of orders up to the start; what they still have to tell comes with the rest."""
        for n in range(HISTORY_ORDERS):
            share = 1 - (n + self._chance.random()) / HISTORY_ORDERS
            self._expect(self._past.order(self._started_at - HISTORY * share))
        yield from self._until(self._started_at)

    def present(self, now: datetime, *, trouble: bool) -> list[Signal]:
        """What is told by now, with one more order: an everyday one, or one in trouble."""
        plan = self._present.trouble_about_now(now) if trouble else self._present.order(now)
        self._expect(plan)
        return [signal for _, signal in self._until(now)]

    def _expect(self, plan: Plan) -> None:
        for at, signal in plan:
            heapq.heappush(self._waiting, (at, next(self._told), signal))

    def _until(self, now: datetime) -> Iterator[tuple[datetime, Signal]]:
        while self._waiting and self._waiting[0][0] <= now:
            at, _, signal = heapq.heappop(self._waiting)
            yield at, signal
