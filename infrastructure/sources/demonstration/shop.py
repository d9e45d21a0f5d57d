"""A shop that makes all signals of an order's life, without trouble or as the caller asks."""

import itertools
import random
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

from domain.money import ZERO, PositiveMoney
from domain.orders.payment_signals import PaymentAuthorized, PaymentCaptured
from domain.orders.purchase_signals import Address, Customer, Line, OrderPlaced
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Delivered, HandedOver, Scanned
from domain.orders.signal_body import Promise
from domain.orders.signals import Signal
from domain.orders.stock_signals import Released, StockAllocated

SignalPlan = list[tuple[datetime, Signal]]
"""Signals, each with the time at which it arrives: usually its event time."""

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
EXPENSIVE_ITEM: Final = ("sofa-3", "899.00")
CUSTOMER_ADDRESSES: Final = (
    ("Europe/Berlin", "EUR", ("DE", "", "Berlin", "10115", "Chausseestr. 12")),
    ("Europe/Lisbon", "EUR", ("PT", "", "Lisboa", "1100-148", "Rua Augusta 24")),
    ("America/New_York", "USD", ("US", "NY", "New York", "10001", "350 W 31st St")),
    ("America/Sao_Paulo", "BRL", ("BR", "SP", "São Paulo", "01310-100", "Av. Paulista 900")),
)
SHIP_WITHIN: Final = timedelta(hours=48)
PROMISED_WITHIN: Final = timedelta(days=6)
BETWEEN_SCANS: Final = timedelta(hours=40)
TIERS: Final = ("standard", "standard", "standard", "standard", "gold", "vip")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


class Shop:
    """Makes the signals of orders. Some may be in the future."""

    def __init__(self, seed: int, prefix: str) -> None:
        self.chance = random.Random(seed)
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def life(
        self,
        at: datetime,
        *,
        until: str = "",
        without: Collection[str] = (),
        approved: timedelta | None = None,
        expires: timedelta | None = None,
        released: timedelta | None = None,
        handed_over: timedelta | None = None,
        delivered: timedelta | None = None,
        extra: str = "0",
        tenders: tuple[str, ...] = ("card",),
        tier: str | None = None,
        is_dear: bool = False,
        ship_complete: bool = False,
    ) -> SignalPlan:
        """The signals of an order bought at `at`; each time span counts from then. `until` is the last
        type of signal, `without` are types to leave out."""
        order = f"{self._prefix}-{next(self._numbers):05}"
        zone, currency, (country, area, city, postal_code, street) = self.chance.choice(
            CUSTOMER_ADDRESSES
        )
        chance = self.chance.uniform
        approval = approved or timedelta(minutes=chance(0.2, 4))
        lines = self._lines(currency, at + SHIP_WITHIN, is_dear)
        charge = sum((line.price.value * line.quantity for line in lines), ZERO)
        charge += sum(line.freight.value for line in lines if line.freight)
        paid = PositiveMoney(f"{charge + PositiveMoney(extra, currency).value:.2f}", currency)
        release = released or approval + timedelta(hours=chance(1, 6))
        leaves = handed_over or max(release + timedelta(hours=chance(6, 18)), timedelta(hours=24))
        arrives = delivered or leaves + timedelta(days=chance(1.5, 3))

        def signal_of(
            kind: Callable[..., Signal],
            source: str,
            after: timedelta,
            which: str = "",
            **facts: object,
        ) -> Signal:
            name = f"{order}-{kind.__name__.lower()}{which}"
            return kind(source=source, id=name, order=order, event_time=at + after, **facts)

        promise = Promise(delivery_date=(at + PROMISED_WITHIN).date(), time_zone=zone)
        tier = tier or self.chance.choice(TIERS)
        # One order for each customer, so that only intended duplicates look like duplicates.
        customer = Customer(id=f"C-{order}", tier=tier)
        ship_to = Address(
            country_code=country,
            country_area=area,
            city=city,
            postal_code=postal_code,
            street_address=street,
        )
        plan = [
            signal_of(
                OrderPlaced,
                "storefront",
                timedelta(),
                customer=customer,
                lines=lines,
                tenders=tenders,
                promise=promise,
                ship_complete=ship_complete,
                ship_to=ship_to,
            ),
            signal_of(
                PaymentAuthorized,
                "psp",
                approval,
                amount=paid,
                expires_at=at + expires if expires else None,
            ),
            signal_of(PaymentCaptured, "psp", approval, amount=paid, method="card"),
            signal_of(StockAllocated, "wms", approval + timedelta(minutes=5), warehouse="north"),
            signal_of(Released, "wms", release, warehouse="north"),
            signal_of(
                HandedOver,
                "carrier",
                leaves,
                carrier="parcelco",
                # A parcel whose later signals are missing has no tracking number.
                tracking="" if until else f"PC{order}",
            ),
            *(
                signal_of(Scanned, "carrier", seen, f"-{n}", status=status, carrier="parcelco")
                for n, (seen, status) in enumerate(_scan_times(leaves, arrives), start=1)
            ),
            signal_of(Delivered, "carrier", arrives),
        ]
        if until:
            types = [signal.type for signal in plan]
            plan = plan[: types.index(until) + 1]
        return [(signal.event_time, signal) for signal in plan if signal.type not in without]

    def _lines(self, currency: str, ship_by: datetime, is_dear: bool) -> tuple[Line, ...]:
        chosen = self.chance.sample(CATALOGUE, self.chance.choice((1, 1, 1, 2, 3)))
        if is_dear:
            chosen = [EXPENSIVE_ITEM, *chosen[:1]]
        freight = PositiveMoney("6.90", currency)
        return tuple(
            Line(sku=sku, price=PositiveMoney(price, currency), freight=freight, ship_by=ship_by)
            for sku, price in chosen
        )


def _scan_times(leaves: timedelta, arrives: timedelta) -> list[tuple[timedelta, ScanStatus]]:
    """The scans of a parcel: soon after it leaves, regularly on its way, and on the last morning."""
    first, last = leaves + timedelta(hours=6), arrives - timedelta(hours=5)
    scans = [(first, ScanStatus.IN_TRANSIT)]
    while (seen := scans[-1][0] + BETWEEN_SCANS) < last:
        scans.append((seen, ScanStatus.IN_TRANSIT))
    return [*scans, (last, ScanStatus.OUT_FOR_DELIVERY)] if last > first else scans


def add_signal(
    plan: SignalPlan,
    kind: Callable[..., Signal],
    source: str,
    after: timedelta,
    which: str = "",
    **facts: object,
) -> SignalPlan:
    """The plan with one more signal, at a time after the purchase."""
    at, placed = plan[0]
    name = f"{placed.order}-{kind.__name__.lower()}{which}"
    signal = kind(source=source, id=name, order=placed.order, event_time=at + after, **facts)
    return [*plan, (at + after, signal)]
