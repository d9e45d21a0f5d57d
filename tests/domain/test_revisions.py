"""The latest revision of an order counts; what cannot be compared, or contradicts itself, is noticed."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from msgspec import UNSET, structs

from domain.orders.facts import facts_of
from domain.orders.purchase_signals import Line, OrderPlaced
from domain.orders.signal_body import Promise
from domain.orders.signals import Signal
from tests.domain.money import bought, edited, eur
from tests.domain.signals import after
from tests.domain.test_odd_statements import notices

PLACED = bought("10.00")


def version(hours: float, pieces: int, revision: Any = UNSET, **more: Any) -> Any:
    line = Line(id="a", sku="sku-a", price=eur("10.00"), quantity=pieces)
    return edited(hours, f"edit-{hours}", lines=(line,), revision=revision, **more)


def placed(revision: Any = UNSET) -> OrderPlaced:
    return structs.replace(PLACED, revision=revision)


def pieces_of(*signals: Signal) -> int:
    (found,) = {facts_of(arrived).goods.lines[0].line.quantity for arrived in permutations(signals)}
    return found


def test_the_highest_counter_counts() -> None:
    signals = placed(1), version(3, 4, 3), version(5, 2, 2)
    assert pieces_of(*signals) == 4
    assert notices(*signals) == []


def test_the_latest_time_counts() -> None:
    signals = placed(), version(3, 4, after(9)), version(5, 2, after(8))
    assert pieces_of(*signals) == 4
    assert notices(*signals) == []


def test_an_order_placed_without_a_revision_comes_before_the_edits_that_are_counted() -> None:
    signals = placed(), version(3, 4, 2), version(5, 2, 1)
    assert pieces_of(*signals) == 4
    assert notices(*signals) == []


def test_of_counters_and_times_the_event_time_counts_and_it_is_noticed() -> None:
    signals = placed(1), version(3, 4, 7), version(5, 2, after(4))
    assert pieces_of(*signals) == 2
    ((pointer, detail),) = notices(*signals)
    assert pointer == "/revision"
    assert "no counter, unlike that of" in detail


def test_an_edit_without_a_revision_among_counted_ones_is_noticed() -> None:
    signals = placed(1), version(3, 4), version(5, 2, 2)
    assert pieces_of(*signals) == 2
    ((pointer, detail),) = notices(*signals)
    assert (pointer, "no counter" in detail) == ("", True)


def test_a_counter_among_times_is_noticed() -> None:
    ((pointer, detail),) = notices(placed(after(0)), version(3, 4, 2))
    assert (pointer, "is a counter" in detail) == ("/revision", True)


def test_one_revision_with_two_contents_is_noticed_with_both() -> None:
    signals = placed(1), version(3, 4, 2), version(5, 2, 2)
    assert pieces_of(*signals) == 2
    first, second = notices(*signals)
    assert {first[0], second[0]} == {"/revision"}
    assert all("revision 2 was also told by" in detail for _, detail in (first, second))
    assert all("another value of `lines`; that of" in detail for _, detail in (first, second))


def test_one_revision_told_twice_alike_or_in_two_halves_is_not_odd() -> None:
    assert notices(placed(1), version(3, 4, 2), version(5, 4, 2)) == []
    day = Promise(delivery_date=after(99).date())
    half = edited(5, revision=2, promise=day)
    assert notices(placed(1), version(3, 4, 2), half) == []
    assert notices(placed(after(1)), version(3, 1, after(1))) == []


def test_another_source_has_revisions_of_its_own() -> None:
    other = structs.replace(version(3, 1, after(3)), source="erp")
    assert notices(placed(1), other) == []
