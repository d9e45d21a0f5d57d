"""A product far below its usual price, as seen in earlier orders, is flagged."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.orders.purchase_signals import Line
from tests.application.in_memory_service import InMemoryService, kinds
from tests.application.look_ups import (
    DAY,
    PRICES,
    days,
    own_signals_of,
    purchase,
    service_with_look_ups,
    take_signals,
)
from tests.application.test_intake_is_idempotent import at_once
from tests.domain.signals import after, money


def sold(
    price: str, *on: float, customer: str = "c", currency: str = "BRL", sku: str = "kettle"
) -> list:
    """An order on each of these days."""
    return [
        purchase(f"{price}-{day}", days(day), customer, price, sku, currency=currency) for day in on
    ]


def flagged(service: InMemoryService) -> dict[str, tuple[str, str]]:
    """Order id -> its price and the usual price."""
    return {
        s.order: (s.price.amount, s.usual_price.amount)
        for s in own_signals_of(service, "order.price_flagged")
    }


def recorded(service: InMemoryService) -> list[tuple[str, float]]:
    """The prices in the log: the amount and the day."""
    lines = [line for line in service.lines() if line.type == "product.priced"]
    return [(line.event.price.amount, (line.event.at - after()) / DAY) for line in lines]


def test_a_price_far_below_usual_is_flagged_and_opens_a_case() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0, 3, 6), *sold("10.00", 8))
    assert flagged(service) == {"10.00-8": ("10.00", "100.00")}
    assert service.only_case("discount_glitch").order == "10.00-8"
    (signal,) = own_signals_of(service, "order.price_flagged")
    assert signal.id.startswith("price:kettle")
    assert (signal.sku, signal.event_time) == ("kettle", after(days(8)))


def test_the_policy_sets_the_price_limit() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(
        service, *sold("100.00", 0), *sold("50.01", 8), *sold("50.00", 9), *sold("120.00", 10)
    )
    assert flagged(service) == {"50.01-8": ("50.01", "100.00"), "50.00-9": ("50.00", "100.00")}
    assert [case.order for case in service.found()] == ["50.00-9"]


@pytest.mark.parametrize(("day", "is_flagged"), [(6.99, False), (7, True)])
def test_a_product_without_history_has_no_usual_price(day, is_flagged) -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0), *sold("10.00", day))
    assert bool(flagged(service)) is is_flagged


def test_a_new_product_is_not_flagged() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0, 30), *sold("10.00", 30, sku="lamp"))
    assert flagged(service) == {}


def test_a_low_price_that_many_use_does_not_become_usual() -> None:
    service = service_with_look_ups(PRICES)
    glitch = [purchase(f"g-{n}", days(10) + n / 10, price="1.00") for n in range(200)]
    take_signals(service, *sold("100.00", 0), *glitch, *sold("100.00", 11), *sold("1.00", 12))
    assert set(flagged(service)) == {*(g.order for g in glitch), "1.00-12"}
    assert {usual for _, usual in flagged(service).values()} == {"100.00"}


def test_a_lasting_price_becomes_usual() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0), *sold("40.00", *range(10, 25)))
    # 100 was seen once and is assumed to last a week.
    assert list(flagged(service)) == [f"40.00-{n}" for n in range(10, 17)]


def test_a_low_price_before_a_long_gap_does_not_become_usual() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", *range(10)), *sold("1.00", 10), *sold("2.00", 80))
    assert flagged(service)["2.00-80"] == ("2.00", "100.00")


def test_orders_dated_years_off_are_not_history() -> None:
    service = service_with_look_ups(PRICES)
    service.take(*sold("100.00", -9_000, 9_000), at=after(1))
    take_signals(service, *sold("10.00", 1, 2, 3))
    assert flagged(service) == {}


def test_only_the_look_back_period_counts() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", *range(0, 200, 10)), *sold("60.00", *range(200, 260, 10)))
    # 60 for 45 of 90 days; nothing before them counts.
    assert list(flagged(service)) == [f"60.00-{n}" for n in range(200, 250, 10)]


def test_each_currency_has_its_own_usual_price() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0, 9), *sold("10.00", 10, currency="USD"))
    assert flagged(service) == {}
    take_signals(service, *sold("4.00", 20, currency="USD"))
    assert flagged(service) == {"4.00-20": ("4.00", "10.00")}


def test_the_lowest_price_of_several_lines_with_one_product_counts() -> None:
    service = service_with_look_ups(PRICES)
    lines = tuple(Line(sku="kettle", price=money(p)) for p in ("100.00", "10.00", "90.00"))
    take_signals(service, *sold("100.00", 0), purchase("o", days(8), lines=lines))
    assert flagged(service) == {"o": ("10.00", "100.00")}


def test_each_product_of_an_order_is_compared_with_its_own_price() -> None:
    service = service_with_look_ups(PRICES)
    lines = (Line(sku="kettle", price=money("10.00")), Line(sku="lamp", price=money("10.00")))
    take_signals(
        service,
        *sold("100.00", 0),
        *sold("11.00", 0, sku="lamp"),
        purchase("o", days(8), lines=lines),
    )
    flags = own_signals_of(service, "order.price_flagged")
    assert {(s.sku, s.usual_price.amount) for s in flags} == {
        ("kettle", "100.00"),
        ("lamp", "11.00"),
    }


def test_a_price_is_recorded_on_change_and_otherwise_once_a_day() -> None:
    service = service_with_look_ups(PRICES)
    orders = [purchase(f"o-{n}", n, price="100.00") for n in range(49)]
    take_signals(service, *orders, *sold("90.00", 2.1), *sold("90", 2.2))
    assert recorded(service) == [("100.00", 0), ("100.00", 1), ("100.00", 2), ("90.00", 2.1)]


def test_a_late_order_is_compared_with_earlier_prices() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", *range(10)), *sold("20.00", *range(10, 40)))
    late = purchase("late", days(9.5), price="40.00")
    service.take(late, at=after(days(41)))
    assert flagged(service)["late"] == ("40.00", "100.00")


def test_late_orders_do_not_change_the_usual_price() -> None:
    """A hundred cheap orders of long ago arrive late; each is between two at the usual price."""
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", *range(60)))
    late = [purchase(f"late-{n}", days(20) + n / 1000, price="1.00") for n in range(100)]
    service.take(*late, at=after(days(60)))
    service.take(*sold("30.00", 61), at=after(days(61)))
    assert {flagged(service)[order.order] for order in late} == {("1.00", "100.00")}
    assert flagged(service)["30.00-61"] == ("30.00", "100.00")


def test_history_in_reverse_order_gives_the_same_result() -> None:
    forwards, backwards = service_with_look_ups(PRICES), service_with_look_ups(PRICES)
    history = sold("100.00", *range(20))
    for service, signals in ((forwards, history), (backwards, history[::-1])):
        for signal in signals:
            service.take(signal, at=after(days(21)))
        service.take(*sold("30.00", 22), at=after(days(22)))
    assert flagged(backwards) == flagged(forwards) == {"30.00-22": ("30.00", "100.00")}


def test_prices_of_the_order_itself_do_not_count() -> None:
    service = service_with_look_ups(PRICES)
    first = purchase("o", 0, price="100.00")
    again = replace(purchase("o", days(30), price="10.00"), source="oms")
    take_signals(service, first, again)
    assert flagged(service) == {}


def test_a_process_with_an_outdated_cache_catches_up_before_it_compares() -> None:
    service = service_with_look_ups(PRICES)
    other = service.another_process()
    take_signals(service, *sold("100.00", 0))
    take_signals(other, *sold("10.00", 0.1))
    # In the cache of this process the price is unchanged, so there is nothing to record.
    take_signals(service, *sold("100.00", 0.2))
    assert recorded(service) == [("100.00", 0), ("10.00", 0.1), ("100.00", 0.2)]


def test_concurrent_orders_at_the_usual_price_record_no_new_price() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0))
    processes = [service.another_process() for _ in range(20)]
    at_once(
        [
            lambda n=n, one=one: one.take(purchase(f"o-{n}", 2, f"c-{n}"), at=after(2))
            for n, one in enumerate(processes)
        ]
    )
    assert recorded(service) == [("100.00", 0)]


def test_concurrent_orders_record_a_new_price_once() -> None:
    service = service_with_look_ups(PRICES)
    processes = [service.another_process() for _ in range(20)]
    at_once(
        [
            lambda n=n, one=one: one.take(purchase(f"o-{n}", 2, f"c-{n}"), at=after(2))
            for n, one in enumerate(processes)
        ]
    )
    assert recorded(service) == [("100.00", 2 / 24)]


def test_a_price_of_zero_is_compared_with_no_history_and_is_none() -> None:
    service = service_with_look_ups(PRICES)
    take_signals(service, *sold("100.00", 0), *sold("0", 8), *sold("0", 9, sku="gift"))
    assert flagged(service) == {}
    assert service.found() == []
    # Had the gifts counted, the usual price would be lower.
    take_signals(service, *sold("0", *range(10, 40)), *sold("40.00", 41))
    assert flagged(service) == {"40.00-41": ("40.00", "100.00")}
    assert kinds(service.found()) == ["discount_glitch"]
