"""What finds an order by references does not depend on the order of arrival."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from domain.orders.facts import OrderFacts
from domain.orders.order import Order, order_stream
from domain.orders.shipment_signals import LabelCreated
from domain.orders.signal_body import OWN_SOURCE, Refs, TrackingRef, order_key
from domain.orders.signals import Signal, event_time_key
from domain.orders.standing import standing
from tests.application.in_memory_service import InMemoryService
from tests.application.test_arrival_order import arrivals
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    approved,
    captured,
    delivered,
    placed,
    refunded,
    scanned,
    signal_fields,
    taken_back,
)

ORDERS = ("o-1", "o-2", order_key("o-1", "fr"))
LATEST = 24 * 200
# Hours within one day of each other, some days apart, and more than 90 days apart.
HOURS = st.sampled_from([0, 1, 20, 30, 24 * 10, 24 * 60, 24 * 80, 24 * 95, 24 * 150, LATEST])
FEW = st.sampled_from(["1", "2"])
CARRIERS = st.sampled_from(["", "dhl", "ups"])


def named(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(ORDERS))
    order, _, shop = key.partition("\x1f")
    return {"order": order, "shop": shop or UNSET}


def label(hours: float, id: str, **more: Any) -> LabelCreated:
    return LabelCreated(**signal_fields(hours, id, **more))


def tracking(draw: st.DrawFn) -> TrackingRef:
    return TrackingRef(code=draw(FEW), carrier=draw(CARRIERS))


@st.composite
def told(draw: st.DrawFn, id: str) -> Signal:
    """A statement with its order, which teaches references."""
    hours, order = draw(HOURS), named(draw)
    match draw(st.sampled_from(["placed", "payment", "label", "label", "scan"])):
        case "placed":
            refs = Refs(checkout=draw(FEW), order_number=draw(st.none() | FEW))
            return placed(hours, id, refs=refs, **order)
        case "payment":
            return approved(hours, id, payment=draw(FEW), **order)
        case "label":
            parcel = {"tracking": draw(FEW), "carrier": draw(CARRIERS)}
            fulfilment = draw(st.just(UNSET) | FEW)
            return label(hours, id, fulfilment=fulfilment, **parcel, **order)
        case _:
            return scanned(hours, id, tracking=draw(FEW), carrier=draw(CARRIERS), **order)


@st.composite
def referring(draw: st.DrawFn, id: str) -> Signal:
    """A statement without its order."""
    hours = draw(HOURS)
    shop = draw(st.sampled_from([UNSET, UNSET, "default", "fr"]))
    match draw(st.sampled_from(["scan", "delivered", "capture", "refund", "label", "checkout"])):
        case "scan":
            found = scanned(hours, id, refs=Refs(tracking=tracking(draw)))
        case "delivered":
            found = delivered(hours, id, refs=Refs(tracking=tracking(draw)))
        case "capture":
            refs = Refs(payment=draw(FEW), checkout=draw(st.none() | FEW))
            found = captured(hours, id=id, refs=refs)
        case "refund":
            refs = draw(
                st.builds(Refs, payment=FEW) | st.builds(Refs, refund=FEW, payment=st.none() | FEW)
            )
            found = refunded(hours, "40.00", id=id, refs=refs)
        case "label":
            refs = Refs(fulfilment=draw(FEW))
            found = label(hours, id, tracking=draw(FEW), refs=refs)
        case _:
            found = captured(hours, id=id, refs=Refs(checkout=draw(FEW)))
    return structs.replace(found, order="", shop=shop)


def few_references() -> st.SearchStrategy[Refs]:
    return (
        st.builds(Refs, payment=FEW)
        | st.builds(Refs, fulfilment=FEW)
        | st.builds(Refs, checkout=FEW)
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Signal]:
    """Statements with and without their orders, and retractions of them."""
    found = [draw(told(f"told-{n}")) for n in range(draw(st.integers(1, 7)))]
    for n in range(draw(st.integers(0, 2))):
        wrong = draw(st.sampled_from(found[: len(found) - n]))
        back = taken_back(draw(HOURS), wrong.id, f"back-{n}", shop=wrong.shop)
        found.append(structs.replace(back, order=wrong.order))
    sent = [draw(referring(f"found-{n}")) for n in range(draw(st.integers(1, 6)))]
    for n in range(draw(st.integers(0, 1))):
        wrong = draw(st.sampled_from([*found, *sent]))
        back = taken_back(draw(HOURS), wrong.id, f"found-back-{n}", refs=draw(few_references()))
        found.append(structs.replace(back, order=""))
    return found + sent


Result = tuple[dict[str, OrderFacts], dict[str, set[str]], set[tuple[str, str, tuple[str, ...]]]]


def result(service: InMemoryService) -> Result:
    """The facts of each order, the statements that count there, and the signals that are held."""
    orders = service.orders.refreshed([order_stream(key) for key in ORDERS]).values()
    waiting = {one.order for one in service.lines() if one.type == "held.signal_held"}
    held = service.intake.held.load(sorted(name for name in waiting if name))
    return (
        {order.id: order.facts for order in orders},
        {order.id: counting(order) for order in orders},
        {(h.signal.key, h.why, h.orders) for h in held.values() if not h.joined},
    )


def counting(order: Order) -> set[str]:
    """The statements of others that count."""
    return {one.key for one in standing(order.signals.values()) if one.source != OWN_SOURCE}


def live(service: InMemoryService, batches: list[list[Signal]]) -> Result:
    for n, batch in enumerate(batches):
        service.take(*batch, at=after(LATEST + 1, minutes=n))
    return result(service)


@settings(BOUNDED_SETTINGS, max_examples=150)
@given(data=st.data())
def test_any_arrival_order_finds_the_same_orders(data) -> None:
    signals = data.draw(stories())
    one_by_one = [[signal] for signal in sorted(signals, key=event_time_key)]
    mixed = data.draw(arrivals(signals))
    assert live(InMemoryService(), one_by_one) == live(InMemoryService(), mixed)


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(data=st.data())
def test_two_processes_find_the_same_orders_as_one(data) -> None:
    signals = data.draw(stories())
    one = InMemoryService()
    other = one.another_process()
    expected = live(InMemoryService(), [[s] for s in sorted(signals, key=event_time_key)])
    for n, batch in enumerate(data.draw(arrivals(signals))):
        (one if n % 2 else other).take(*batch, at=after(LATEST + 1, minutes=n))
    for service in (one, other):
        service.tick(after(LATEST + 2))
    assert result(other) == expected
