"""Generated orders with several lines, parcels, captures, edits, cancellations, returns and corrections,
and a policy with rules over their parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import UNSET

from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentVoided,
    RefundIssued,
)
from domain.orders.purchase_signals import Customer, Line, OrderCancelled, OrderEdited, OrderPlaced
from domain.orders.return_signals import ReturnedPieces, ReturnReceived
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import (
    ClaimKind,
    CustomerClaimed,
    Delivered,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signal_body import LinePieces, Promise, SignalRetracted
from domain.orders.signals import Signal
from domain.orders.stock_signals import Backordered, StockAllocated, StockUnavailable
from domain.policy.reader import read_policy
from domain.policy.rulebook import Rulebook
from domain.policy.service_levels import without_clocks_and_look_ups
from tests.domain.policies import shipped
from tests.domain.signals import NOON, after, money, signal_fields

PARTS: Final[dict[str, list[dict[str, Any]]]] = {
    "detect": [
        {
            "rule": "parcel-lost",
            "kind": "lost",
            "each": "parcel",
            "when": {"fact": "part.lost_open", "is": True},
        },
        {
            "rule": "parcel-damaged",
            "kind": "damaged",
            "each": "parcel",
            "when": {"fact": "part.damaged_at", "known": True},
        },
        {
            "rule": "parcel-not-delivered",
            "kind": "delivery_failed",
            "each": "parcel",
            "when": {"fact": "part.failure_open", "is": True},
        },
        {
            "rule": "line-unavailable",
            "kind": "stock_unavailable",
            "each": "line",
            "when": {"fact": "part.unavailable", "at_least": 1},
        },
    ],
    "expect": [
        {
            "rule": "parcel-late",
            "kind": "delivery_late",
            "each": "parcel",
            "due": {"by_end_of_day": "part.promised_by"},
            "met_by": "part.delivered_at",
            "void_by": ["milestones.cancelled_at"],
        },
        {
            "rule": "line-late",
            "kind": "delivery_late",
            "each": "line",
            "given": {"fact": "part.unshipped", "at_least": 1},
            "due": {"by_end_of_day": "part.promised_by"},
            "met_by": "part.shipped_at",
            "void_by": ["milestones.cancelled_at"],
        },
        {
            "rule": "line-not-shipped",
            "kind": "ship_by_missed",
            "each": "line",
            "due": {"at": "part.ship_by"},
            "met_by": "part.shipped_at",
            "void_by": ["milestones.cancelled_at"],
        },
    ],
}
"""Rules over parts, in place of those of the shipped policy for the same kinds."""


def rules_over_parts(**kinds: dict[str, Any]) -> Rulebook:
    """The shipped policy with rules over parts; `kinds` changes its kinds."""
    document = shipped()
    over_parts = {rule["kind"] for rules in PARTS.values() for rule in rules}
    for place, rules in PARTS.items():
        rest = [rule for rule in document[place] if rule["kind"] not in over_parts]
        document[place] = [*rules, *rest]
    for name in over_parts:
        document["kinds"][name].pop("cleared_when", None)
    for name, changes in kinds.items():
        document["kinds"][name] |= changes
    return Rulebook(without_clocks_and_look_ups(read_policy(document).document))


LINES: Final = ("a", "b", "c")
PARCELS: Final = st.sampled_from(["P1", "P1", "P2", "P3", None])
FEW: Final = st.integers(1, 3)


@st.composite
def order_lines(draw: st.DrawFn, days: tuple[int, ...]) -> tuple[Line, ...]:
    names = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=3, unique=True))
    return tuple(
        Line(
            id=name,
            sku=draw(st.sampled_from(["s", "t", None])),
            quantity=draw(FEW),
            price=money(draw(st.sampled_from(["10.00", "40.00", "0"]))),
            ship_by=draw(st.sampled_from([None, after(300)])),
            promise=draw(promises(days)) or UNSET,
        )
        for name in names
    )


@st.composite
def promises(draw: st.DrawFn, days: tuple[int, ...]) -> Promise | None:
    day = draw(st.sampled_from([None, *days]))
    return Promise(delivery_date=NOON.date() + timedelta(days=day)) if day else None


@st.composite
def pieces(draw: st.DrawFn, kind: type[Any] = LinePieces) -> tuple[Any, ...]:
    names = draw(st.lists(st.sampled_from([*LINES, "unheard-of"]), min_size=1, max_size=2))
    return tuple(
        kind(sku=draw(st.sampled_from(["s", "t"])), quantity=draw(FEW))
        if draw(st.integers(0, 5)) == 0
        else kind(line=name, quantity=draw(st.none() | FEW))
        for name in names
    )


OF_PARCELS: Final = (
    *(LabelCreated, HandedOver, Scanned, Delivered, Delivered),
    *(DeliveryFailed, ShipmentLost, ShipmentCancelled),
)
TYPES: Final = (
    *OF_PARCELS,
    *OF_PARCELS,
    *(OrderEdited, OrderEdited, OrderCancelled, OrderCancelled, OrderPlaced, ReturnReceived),
    *(PaymentCaptured, PaymentCaptured, PaymentAuthorized, PaymentVoided, RefundIssued),
    *(StockAllocated, StockUnavailable, Backordered, CustomerClaimed),
    *(SignalRetracted, SignalRetracted, SignalRetracted),
)


@st.composite
def statements(
    draw: st.DrawFn,
    n: int,
    hours: tuple[int, int],
    days: tuple[int, ...],
    kind: type[Any] | None = None,
) -> Signal:
    """One statement of the order; `n` makes its id, and it may correct one of the others."""
    kind = kind or draw(st.sampled_from(TYPES))
    # Two sources, so that corrections often name a statement that is there.
    common = signal_fields(draw(st.integers(hours[0] * 4, hours[1] * 4)) / 4, str(n))
    common["source"] = draw(st.sampled_from(["shop", "shop", "wms"]))
    if kind is SignalRetracted:
        return SignalRetracted(**common, of=str(draw(st.integers(0, 14).filter(lambda m: m != n))))
    if draw(st.integers(0, 6)) == 0:
        common["replaces"] = str(draw(st.integers(0, 14).filter(lambda m: m != n)))
    if kind in (OrderPlaced, OrderEdited):
        return draw(versions(kind, common, days))
    if kind in OF_PARCELS:
        return draw(parcel_statements(kind, common, days))
    return draw(other_statements(kind, common))


@st.composite
def versions(
    draw: st.DrawFn, kind: type[Any], common: dict[str, Any], days: tuple[int, ...]
) -> Signal:
    if draw(st.booleans()):
        common["revision"] = draw(st.integers(1, 4))
    if kind is OrderPlaced or draw(st.booleans()):
        common["lines"] = draw(order_lines(days))
    if kind is OrderPlaced or draw(st.booleans()):
        common["promise"] = draw(promises(days))
    if kind is OrderPlaced:
        common["customer"] = draw(st.sampled_from([None, Customer(id="c")]))
        common["tenders"] = ("card",)
    signal: Signal = kind(**common)
    return signal


@st.composite
def parcel_statements(
    draw: st.DrawFn, kind: type[Any], common: dict[str, Any], days: tuple[int, ...]
) -> Signal:
    common["shipment"] = draw(PARCELS)
    if draw(st.booleans()):
        common["lines"] = draw(pieces())
    if draw(st.integers(0, 3)) == 0 and (promise := draw(promises(days))):
        common["promise"] = promise
    if kind is Scanned:
        common["status"] = draw(st.sampled_from([*ScanStatus]))
    if kind in (LabelCreated, HandedOver):
        common["tracking"] = draw(st.sampled_from(["", "T-1"]))
    signal: Signal = kind(**common)
    return signal


@st.composite
def other_statements(draw: st.DrawFn, kind: type[Any], common: dict[str, Any]) -> Signal:
    if kind in (PaymentCaptured, RefundIssued, PaymentAuthorized):
        common["amount"] = money(draw(st.sampled_from(["10.00", "40.00", "80.00"])))
    if kind in (PaymentCaptured, RefundIssued, PaymentAuthorized, PaymentVoided):
        common["payment"] = draw(st.sampled_from(["p", "q"]))
    if kind is PaymentCaptured and draw(st.booleans()):
        common["capture"] = draw(st.sampled_from(["c1", "c2"]))
    if kind is CustomerClaimed:
        common["kind"] = draw(st.sampled_from([*ClaimKind]))
        common["shipment"] = draw(PARCELS)
    if kind is ReturnReceived:
        common["lines"] = draw(pieces(ReturnedPieces))
    of_lines = (OrderCancelled, StockAllocated, StockUnavailable, Backordered, CustomerClaimed)
    if kind in of_lines and draw(st.booleans()):
        common["lines"] = draw(pieces())
    signal: Signal = kind(**common)
    return signal


@st.composite
def statement_sets(
    draw: st.DrawFn, hours: tuple[int, int], days: tuple[int, ...], *, first: int = 0, most: int = 8
) -> list[Signal]:
    """Statements of one order, which may contradict and correct each other."""
    count = draw(st.integers(1, most))
    kinds = [OrderPlaced] if not first else []
    return [
        draw(statements(first + n, hours, days, kinds[n] if n < len(kinds) else None))
        for n in range(count)
    ]
