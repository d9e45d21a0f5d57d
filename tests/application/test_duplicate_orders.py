"""An order that repeats another of the same customer is flagged on arrival."""

from __future__ import annotations

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain.look_ups.duplicates import MAX_DUPLICATE_WINDOW
from domain.orders.purchase_signals import Line
from domain.orders.relation_signals import OrderRelated, OrderRelation
from tests.application.in_memory_service import InMemoryService, kinds
from tests.application.look_ups import (
    DUPLICATES,
    days,
    own_signals_of,
    purchase,
    service_with_look_ups,
    take_signals,
)
from tests.application.test_intake_is_idempotent import at_once
from tests.domain.signals import after, cancelled, money, signal_fields


def flagged(service: InMemoryService) -> dict[str, str]:
    """Order id -> the order that it repeats."""
    return {s.order: s.other for s in own_signals_of(service, "order.duplicate_suspected")}


def basket(*lines: tuple[str, int], price: str = "5.00") -> dict[str, object]:
    return {
        "lines": tuple(Line(sku=sku, quantity=count, price=money(price)) for sku, count in lines)
    }


def test_the_second_of_two_equal_orders_is_flagged_and_names_the_first() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), purchase("second", 1))
    (signal,) = own_signals_of(service, "order.duplicate_suspected")
    assert (signal.order, signal.other) == ("second", "first")
    assert signal.id.startswith("duplicate:first")
    assert signal.event_time == after(1)
    case = service.only_case("duplicate_order")
    assert case.order == "second"
    assert service.order("second").facts.order.duplicate_of == "first"


def test_the_flag_is_recorded_with_the_order_by_the_policy_actor() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), purchase("second", 1))
    lines = [line for line in service.lines() if line.order == "second"]
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
def test_only_orders_placed_within_the_window_are_duplicates(hours, is_flagged) -> None:
    """Even if the order that was placed first arrives last: no decision is taken back."""
    service = service_with_look_ups(DUPLICATES)
    service.take(purchase("first"), at=after(30))
    service.take(purchase("second", hours), at=after(31))
    assert flagged(service) == ({"second": "first"} if is_flagged else {})


@pytest.mark.parametrize(
    "other",
    [
        purchase("second", 1, customer="bo"),
        purchase("second", 1, sku="lamp"),
        purchase("second", 1, quantity=2),
        purchase("second", 1, lines_complete=False),
        purchase("second", 1, **basket(("kettle", 1), ("lamp", 1))),
        purchase("second", 1, lines=()),
    ],
    ids=["customer", "product", "quantity", "not all lines", "more lines", "no lines"],
)
def test_orders_that_may_differ_are_not_flagged(other) -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), other)
    assert flagged(service) == {}


def test_orders_without_lines_are_never_duplicates() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first", lines=()), purchase("second", 1, lines=()))
    assert flagged(service) == {}
    assert {line.type for line in service.lines()} == {"order.signal_recorded"}


def test_the_same_products_are_the_same_basket_with_other_lines_and_prices() -> None:
    service = service_with_look_ups(DUPLICATES)
    lines = basket(("lamp", 1), ("kettle", 3))
    split = basket(("kettle", 1), ("lamp", 1), ("kettle", 2), price="4.00")
    take_signals(service, purchase("first", **lines), purchase("second", 1, **split))
    assert flagged(service) == {"second": "first"}


def test_the_first_of_several_possible_originals_is_named() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, *(purchase(f"o-{n}", 10 * n) for n in range(5)))
    assert flagged(service) == {"o-1": "o-0", "o-2": "o-0", "o-3": "o-1", "o-4": "o-2"}


def test_the_later_of_two_in_one_batch_is_flagged() -> None:
    service = service_with_look_ups(DUPLICATES)
    service.take(purchase("first"), purchase("second", 1), cancelled(2), at=after(3))
    assert flagged(service) == {"second": "first"}
    assert kinds(service.found()) == ["duplicate_order"]


def test_nine_of_ten_equal_orders_in_one_batch_are_flagged() -> None:
    service = service_with_look_ups(DUPLICATES)
    service.take(*(purchase(f"o-{n}", n / 10) for n in range(10)), at=after(3))
    assert flagged(service) == {f"o-{n}": "o-0" for n in range(1, 10)}


@pytest.mark.parametrize("apart", [True, False], ids=["processes", "threads"])
def test_all_but_one_of_concurrent_equal_orders_are_flagged(apart) -> None:
    service = service_with_look_ups(DUPLICATES)
    processes = [service.another_process() if apart else service for _ in range(12)]
    work = [
        lambda n=n, one=one: one.take(purchase(f"o-{n}"), at=after(1))
        for n, one in enumerate(processes)
    ]
    at_once(work)
    assert len(flagged(service)) == 11
    assert kinds(service.found()) == ["duplicate_order"] * 11


def test_an_order_taken_by_another_process_is_seen() -> None:
    """The log tells a process with an outdated customer that it must catch up."""
    service = service_with_look_ups(DUPLICATES)
    other = service.another_process()
    service.take(purchase("before", sku="lamp"), at=after(1))
    other.take(purchase("first", 1), at=after(1))
    service.take(purchase("second", 2), at=after(2))
    assert flagged(service) == {"second": "first"}


def test_an_order_is_not_a_duplicate_of_itself() -> None:
    service = service_with_look_ups(DUPLICATES)
    order = purchase("first")
    service.take(order, replace(order, source="oms"), at=after(1))
    service.take(order, replace(order, source="wms", event_time=after(0.5)), at=after(2))
    assert flagged(service) == {}


def test_a_repeated_signal_adds_nothing() -> None:
    service = service_with_look_ups(DUPLICATES)
    service.take(purchase("first"), purchase("second", 1), at=after(2))
    head = service.log.head()
    (receipt,) = service.another_process().take(purchase("second", 1), at=after(3))
    assert receipt.outcome == "duplicate"
    (receipt,) = service.take(replace(purchase("second", 1), ship_complete=True), at=after(4))
    assert receipt.outcome == "refused"
    assert service.log.head() == head


def test_an_order_dated_years_ahead_does_not_hide_duplicates() -> None:
    service = service_with_look_ups(DUPLICATES)
    service.take(purchase("first"), at=after(1))
    service.take(purchase("ahead", days(9_000)), at=after(2))
    service.take(purchase("second", 3), at=after(3))
    assert flagged(service) == {"second": "first"}


def test_old_orders_are_ignored_but_stay_in_the_log() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(
        service,
        purchase("long-ago"),
        purchase("now", 25 + MAX_DUPLICATE_WINDOW.total_seconds() / 3600),
    )
    service.take(purchase("late", 1), at=after(days(60)))
    assert flagged(service) == {}
    assert [line.type for line in service.lines()].count("customer.ordered") == 3


def test_the_order_after_a_cancelled_one_is_no_duplicate_of_it() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), replace(cancelled(1), order="first"))
    take_signals(service, purchase("second", 2))
    assert flagged(service) == {}


def test_an_order_of_another_shop_is_named_with_its_shop() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first", shop="uk"), purchase("second", 1))
    (signal,) = own_signals_of(service, "order.duplicate_suspected")
    assert (signal.order, signal.other, signal.other_shop) == ("second", "first", "uk")
    assert service.order("second").facts.order.duplicate_of == "uk/first"


def test_a_cancelled_order_of_another_shop_is_not_taken_for_one_of_this_shop() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first", shop="uk"))
    take_signals(service, replace(cancelled(1), order="first", shop="uk"))
    take_signals(service, purchase("second", 2))
    assert flagged(service) == {}


@pytest.mark.parametrize(("shop", "is_duplicate"), [("uk", False), (UNSET, True)])
def test_a_relation_to_an_order_of_another_shop_names_that_shop(
    shop: str | UnsetType, is_duplicate: bool
) -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first", shop="uk"), purchase("second", 1))
    fields = {**signal_fields(2, "related"), "order": "second"}
    exchanged = OrderRelated(
        other="first", other_shop=shop, relation=OrderRelation.EXCHANGE_OF, **fields
    )
    take_signals(service, exchanged)
    assert service.order("second").facts.order.duplicate_suspected is is_duplicate


def test_an_order_that_another_one_was_stated_to_be_related_to_is_no_duplicate_of_it() -> None:
    service = service_with_look_ups(DUPLICATES)
    fields = {**signal_fields(1, "related"), "order": "first"}
    merged = OrderRelated(other="second", relation=OrderRelation.MERGED_INTO, **fields)
    take_signals(service, purchase("first"), merged, purchase("second", 2))
    assert flagged(service) == {}
