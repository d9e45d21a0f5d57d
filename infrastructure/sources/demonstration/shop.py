"""A shop that makes all signals of an order's life, without trouble or as the caller asks."""

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec import UNSET

from domain.money import ZERO, PositiveMoney, round_money
from domain.orders.payment_signals import PaymentAuthorized, PaymentCaptured
from domain.orders.purchase_signals import (
    Address,
    Charge,
    ChargeKind,
    Customer,
    Line,
    OrderDiscount,
    OrderPlaced,
)
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Delivered, HandedOver, LabelCreated, Scanned
from domain.orders.signal_body import LinePieces, Promise
from domain.orders.signals import Signal
from domain.orders.stock_signals import Released, StockAllocated
from infrastructure.sources.demonstration.catalogue import (
    CATALOGUE,
    EXPENSIVE_ITEM,
    MARKETS,
    TIERS,
    Market,
)
from infrastructure.sources.demonstration.signal_plan import SignalPlan, hours

SHIP_WITHIN: Final = timedelta(hours=48)
PROMISED_WITHIN: Final = timedelta(days=6)
BETWEEN_SCANS: Final = timedelta(hours=40)
CARRIER: Final = "parcelco"


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
        parcels: int = 1,
        lines: int | None = None,
    ) -> SignalPlan:
        """The signals of an order bought at `at`; each time span counts from then. `until` is the last
        type of signal, `without` are types to leave out. Of several parcels, each has its own lines."""
        order = f"{self._prefix}-{next(self._numbers):05}"
        market = self.chance.choice(MARKETS)
        chance = self.chance.uniform
        approval = approved or timedelta(minutes=chance(0.2, 4))
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
            about = {"order": order, "shop": market.shop, "event_time": at + after}
            return kind(source=source, id=name, **about, **facts)

        ordered = self._lines(market, at + SHIP_WITHIN, is_dear, max(lines or 0, parcels))
        discount = PositiveMoney("5.00", market.currency)
        placed = signal_of(
            OrderPlaced,
            "storefront",
            timedelta(),
            # One order for each customer, so that only intended duplicates look like duplicates.
            customer=Customer(id=f"C-{order}", tier=tier or self.chance.choice(TIERS)),
            lines=ordered,
            charges=(
                Charge(
                    kind=ChargeKind.SHIPPING,
                    id="standard",
                    amount=PositiveMoney("6.90", market.currency),
                ),
            ),
            discounts=(OrderDiscount(amount=discount, code="WELCOME5"),)
            if self.chance.random() < 0.2
            else UNSET,
            tenders=tenders,
            promise=Promise(
                delivery_date=(at + PROMISED_WITHIN).date(), time_zone=market.time_zone
            ),
            ship_complete=ship_complete,
            ship_to=_address(market),
        )
        paid = PositiveMoney(
            f"{total_of(placed) + PositiveMoney(extra, market.currency).value:.2f}", market.currency
        )
        payment = f"pi_{order}"
        plan = [
            placed,
            signal_of(
                PaymentAuthorized,
                "psp",
                approval,
                payment=payment,
                amount=paid,
                expires_at=at + expires if expires else None,
            ),
            signal_of(
                PaymentCaptured,
                "psp",
                approval,
                payment=payment,
                capture=f"ch_{order}",
                amount=paid,
                tender="card",
            ),
            signal_of(StockAllocated, "wms", approval + timedelta(minutes=5), warehouse="north"),
            signal_of(Released, "wms", release, warehouse="north"),
        ]
        for n, pieces in enumerate(_shared_out(ordered, parcels)):
            later = hours(3 * n)
            times = release + (leaves - release) / 2, leaves + later, arrives + later
            # A parcel whose later signals are missing has no tracking number.
            tracking = "" if until else f"PC{order}-{n + 1}"
            plan += _parcel(signal_of, f"{order}-{n + 1}", tracking, pieces, times, parcels > 1)
        plan.sort(key=lambda signal: signal.event_time)
        if until:
            types = [signal.type for signal in plan]
            plan = plan[: types.index(until) + 1]
        return [(signal.event_time, signal) for signal in plan if signal.type not in without]

    def _lines(
        self, market: Market, ship_by: datetime, is_dear: bool, least: int
    ) -> tuple[Line, ...]:
        count = max(self.chance.choice((1, 1, 1, 2, 3)), least)
        chosen = self.chance.sample(CATALOGUE, count)
        if is_dear:
            chosen = [EXPENSIVE_ITEM, *chosen[: max(least - 1, 1)]]
        return tuple(
            self._line(str(n), item, market, ship_by) for n, item in enumerate(chosen, start=1)
        )

    def _line(self, id: str, item: tuple[str, str, str], market: Market, ship_by: datetime) -> Line:
        sku, price, title = item
        pieces = self.chance.choice((1, 1, 1, 1, 2, 3))
        value = Decimal(price) * pieces
        discount = round_money(value / 10, market.currency) if self.chance.random() < 0.15 else ZERO
        base = value - discount
        rate = Decimal(market.tax_percent) / 100
        tax = base * rate / (1 + rate) if market.tax_included else base * rate
        return Line(
            id=id,
            sku=sku,
            title=title,
            quantity=pieces,
            price=PositiveMoney(price, market.currency),
            discount=PositiveMoney(str(discount), market.currency) if discount else UNSET,
            tax=PositiveMoney(str(round_money(tax, market.currency)), market.currency),
            tax_included=market.tax_included,
            ship_by=ship_by,
        )


MakePlan = Callable[[Shop, datetime], SignalPlan]
"""Makes the signals of an order that is placed at this time."""


def total_of(placed: Signal) -> Decimal:
    """What an order costs by its own statement."""
    assert isinstance(placed, OrderPlaced)
    total = sum((value_of(line) for line in placed.lines), ZERO)
    total += sum(charge.amount.value for charge in placed.charges or ())
    return total - sum(discount.amount.value for discount in placed.discounts or ())


def value_of(line: Line) -> Decimal:
    """What a line costs, with the tax that is on top."""
    value = line.price.value * line.quantity
    value -= line.discount.value if line.discount else ZERO
    return value + (line.tax.value if line.tax and not line.tax_included else ZERO)


def _address(market: Market) -> Address:
    country, area, city, postal_code, street = market.address
    return Address(
        country_code=country,
        country_area=area,
        city=city,
        postal_code=postal_code,
        street_address=street,
    )


def _shared_out(lines: Sequence[Line], parcels: int) -> list[tuple[LinePieces, ...]]:
    """The pieces of each parcel: the first has one line, the others the rest."""
    pieces = [LinePieces(line=str(line.id), quantity=line.quantity) for line in lines]
    found = [(piece,) for piece in pieces[: parcels - 1]]
    return [*found, tuple(pieces[parcels - 1 :])]


def _parcel(
    signal_of: Callable[..., Signal],
    shipment: str,
    tracking: str,
    pieces: tuple[LinePieces, ...],
    times: tuple[timedelta, timedelta, timedelta],
    is_one_of_several: bool,
) -> Iterator[Signal]:
    """The signals of one parcel, which is labelled, leaves and arrives at these times."""
    labelled, leaves, arrives = times
    which = f"-{shipment[-1]}" if is_one_of_several else ""
    named = {"shipment": shipment, "carrier": CARRIER}
    if is_one_of_several:
        told = {"tracking": tracking, "lines": pieces, **named}
        yield signal_of(LabelCreated, "wms", labelled, which, **told)
    yield signal_of(HandedOver, "carrier", leaves, which, tracking=tracking, **named)
    for n, (seen, status) in enumerate(_scan_times(leaves, arrives), start=1):
        yield signal_of(Scanned, "carrier", seen, f"{which}-{n}", status=status, **named)
    yield signal_of(Delivered, "carrier", arrives, which, shipment=shipment)


def _scan_times(leaves: timedelta, arrives: timedelta) -> list[tuple[timedelta, ScanStatus]]:
    """The scans of a parcel: soon after it leaves, regularly on its way, and on the last morning."""
    first, last = leaves + timedelta(hours=6), arrives - timedelta(hours=5)
    scans = [(first, ScanStatus.IN_TRANSIT)]
    while (seen := scans[-1][0] + BETWEEN_SCANS) < last:
        scans.append((seen, ScanStatus.IN_TRANSIT))
    return [*scans, (last, ScanStatus.OUT_FOR_DELIVERY)] if last > first else scans
