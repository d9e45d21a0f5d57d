"""An order that repeats another of the same customer is flagged when it comes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.look_ups.duplicates import LONGEST_WITHIN
from domain.orders.signals import Line
from tests.application.house import House, kinds
from tests.application.looking_up import DUPLICATES, buys, days, looking_up, sent, told_of
from tests.application.test_signals_are_taken_once import at_once
from tests.domain.telling import after, cancelled, money


def flagged(house: House) -> dict[str, str]:
    """Order -> the one that it repeats."""
    return {s.order: s.other for s in told_of(house, "order.duplicate_suspected")}


def basket(*lines: tuple[str, int], price: str = "5.00") -> dict[str, object]:
    return {
        "lines": tuple(Line(sku=sku, quantity=count, price=money(price)) for sku, count in lines)
    }


def test_the_second_of_two_alike_is_flagged_and_names_the_first() -> None:
    house = looking_up(DUPLICATES)
    sent(house, buys("first"), buys("second", 1))
    (signal,) = told_of(house, "order.duplicate_suspected")
    assert (signal.order, signal.other) == ("second", "first")
    assert signal.id.startswith("duplicate:first")
    assert signal.event_time == after(1)
    case = house.the("duplicate_order")
    assert case.order == "second"
    assert house.order("second").facts.order.duplicate_of == "first"


def test_the_word_stands_in_the_log_with_the_order_and_is_policys() -> None:
    house = looking_up(DUPLICATES)
    sent(house, buys("first"), buys("second", 1))
    lines = [line for line in house.lines() if line.order == "second"]
    assert [line.type for line in lines] == [
        "order.signal_recorded",
        "order.signal_recorded",
        "order.problem_detected",
        "case.detected",
        "case.enriched",
        "case.routed",
        "customer.ordered",
    ]
    assert [line.actor.principal for line in lines] == ["key:test"] + ["system:policy"] * 6
    assert {line.recorded_at for line in lines} == {after(1)}


@pytest.mark.parametrize(
    ("hours", "is_flagged"), [(0, True), (24, True), (24.001, False), (-24, True), (-24.001, False)]
)
def test_only_orders_placed_within_the_window_are_alike(hours, is_flagged) -> None:
    """Also if the one that was placed first comes last: nothing that was decided is taken back."""
    house = looking_up(DUPLICATES)
    house.take(buys("first"), at=after(30))
    house.take(buys("second", hours), at=after(31))
    assert flagged(house) == ({"second": "first"} if is_flagged else {})


@pytest.mark.parametrize(
    "other",
    [
        buys("second", 1, customer="bo"),
        buys("second", 1, sku="lamp"),
        buys("second", 1, quantity=2),
        buys("second", 1, lines_complete=False),
        buys("second", 1, **basket(("kettle", 1), ("lamp", 1))),
        buys("second", 1, lines=()),
    ],
    ids=["customer", "product", "quantity", "not all lines", "more lines", "no lines"],
)
def test_what_is_not_surely_the_same_is_not_flagged(other) -> None:
    house = looking_up(DUPLICATES)
    sent(house, buys("first"), other)
    assert flagged(house) == {}


def test_orders_without_lines_are_never_alike() -> None:
    house = looking_up(DUPLICATES)
    sent(house, buys("first", lines=()), buys("second", 1, lines=()))
    assert flagged(house) == {}
    assert {line.type for line in house.lines()} == {"order.signal_recorded"}


def test_the_same_pieces_are_the_same_basket_whatever_the_lines_and_prices() -> None:
    house = looking_up(DUPLICATES)
    lines = basket(("lamp", 1), ("kettle", 3))
    split = basket(("kettle", 1), ("lamp", 1), ("kettle", 2), price="4.00")
    sent(house, buys("first", **lines), buys("second", 1, **split))
    assert flagged(house) == {"second": "first"}


def test_of_several_that_it_may_repeat_the_first_is_named() -> None:
    house = looking_up(DUPLICATES)
    sent(house, *(buys(f"o-{n}", 10 * n) for n in range(5)))
    assert flagged(house) == {"o-1": "o-0", "o-2": "o-0", "o-3": "o-1", "o-4": "o-2"}


def test_of_two_in_one_batch_the_later_is_flagged() -> None:
    house = looking_up(DUPLICATES)
    house.take(buys("first"), buys("second", 1), cancelled(2), at=after(3))
    assert flagged(house) == {"second": "first"}
    assert kinds(house.found()) == ["duplicate_order"]


def test_ten_alike_in_one_batch_leave_one_that_repeats_none() -> None:
    house = looking_up(DUPLICATES)
    house.take(*(buys(f"o-{n}", n / 10) for n in range(10)), at=after(3))
    assert flagged(house) == {f"o-{n}": "o-0" for n in range(1, 10)}


@pytest.mark.parametrize("apart", [True, False], ids=["processes", "threads"])
def test_of_those_that_come_at_once_all_but_one_are_flagged(apart) -> None:
    house = looking_up(DUPLICATES)
    houses = [house.neighbour() if apart else house for _ in range(12)]
    work = [
        lambda n=n, one=one: one.take(buys(f"o-{n}"), at=after(1)) for n, one in enumerate(houses)
    ]
    at_once(work)
    assert len(flagged(house)) == 11
    assert kinds(house.found()) == ["duplicate_order"] * 11


def test_what_another_process_took_meanwhile_is_seen() -> None:
    """A process that remembers the customer is told by the log that it is behind."""
    house = looking_up(DUPLICATES)
    other = house.neighbour()
    house.take(buys("before", sku="lamp"), at=after(1))
    other.take(buys("first", 1), at=after(1))
    house.take(buys("second", 2), at=after(2))
    assert flagged(house) == {"second": "first"}


def test_an_order_does_not_repeat_itself() -> None:
    house = looking_up(DUPLICATES)
    told = buys("first")
    house.take(told, replace(told, source="oms"), at=after(1))
    house.take(told, replace(told, source="wms", event_time=after(0.5)), at=after(2))
    assert flagged(house) == {}


def test_what_is_sent_again_derives_nothing_new() -> None:
    house = looking_up(DUPLICATES)
    house.take(buys("first"), buys("second", 1), at=after(2))
    head = house.log.head()
    (receipt,) = house.neighbour().take(buys("second", 1), at=after(3))
    assert receipt.outcome == "duplicate"
    (receipt,) = house.take(replace(buys("second", 1), ship_complete=True), at=after(4))
    assert receipt.outcome == "refused"
    assert house.log.head() == head


def test_a_source_that_is_years_ahead_does_not_blind_us() -> None:
    house = looking_up(DUPLICATES)
    house.take(buys("first"), at=after(1))
    house.take(buys("ahead", days(9_000)), at=after(2))
    house.take(buys("second", 3), at=after(3))
    assert flagged(house) == {"second": "first"}


def test_what_is_long_ago_is_forgotten_here_and_stays_in_the_log() -> None:
    house = looking_up(DUPLICATES)
    sent(house, buys("long-ago"), buys("now", 25 + LONGEST_WITHIN.total_seconds() / 3600))
    house.take(buys("late", 1), at=after(days(60)))
    assert flagged(house) == {}
    assert [line.type for line in house.lines()].count("customer.ordered") == 3
