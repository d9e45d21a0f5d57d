"""The row of an order has the milestones of its facts, in any arrival order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.purchase_signals import Customer
from projections.orders import ORDERS, OrderRow
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    LAST_DAY,
    ORDER,
    WEEK_AFTER,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    scanned,
    statement_lists,
    taken_back,
    unavailable,
)
from tests.projections.folding import rows_of

MILESTONES = ("placed_at", "approved_at", "handed_over_at", "delivered_at", "cancelled_at")


def row_of(service: InMemoryService) -> OrderRow:
    return rows_of(ORDERS, service.lines())[ORDER]


@settings(BOUNDED_SETTINGS, max_examples=80)
@given(signals=statement_lists(least=1, most=6), chance=st.randoms(use_true_random=False))
def test_the_row_matches_the_facts_in_any_arrival_order(signals, chance) -> None:
    service = InMemoryService()
    for n, signal in enumerate(chance.sample(signals, len(signals))):
        service.take(signal, at=after(11 + n))
    service.tick(after(1000))
    row, facts = row_of(service), service.order().facts
    for name in (*MILESTONES, "unavailable_at"):
        assert getattr(row, name) == getattr(facts.milestones, name)
    assert (row.tier, row.promised_date) == (facts.customer.tier, facts.promise.delivery_date)
    assert row.signals == len(signals)
    assert row.cases == len(service.found())
    assert (row.first_signal_at, row.last_signal_at) == (after(11), after(10 + len(signals)))


def test_two_signals_at_one_time_are_ranked_as_in_the_facts() -> None:
    signals = (
        promising(LAST_DAY, id="a", customer=Customer(id="c", tier="vip")),
        promising(WEEK_AFTER, id="b", customer=Customer(id="c", tier="gold")),
    )
    rows = []
    for arrival in (signals, signals[::-1]):
        service = InMemoryService()
        for n, signal in enumerate(arrival):
            service.take(signal, at=after(1 + n))
        rows.append(row_of(service))
        facts = service.order().facts
        assert (rows[-1].tier, rows[-1].promised_date) == (
            facts.customer.tier,
            facts.promise.delivery_date,
        )
    assert rows[0] == rows[1]


def test_a_retracted_or_replaced_statement_counts_no_more() -> None:
    service = InMemoryService()
    service.take(promising(), handed_over(20), delivered(60), at=after(61))
    assert row_of(service).delivered_at == after(60)
    service.take(taken_back(62, "delivered"), at=after(62))
    assert row_of(service).delivered_at is None
    again = handed_over(22, id="again", replaces="handed-over")
    service.take(again, taken_back(63, "taken-back", id="after-all"), at=after(63))
    row = row_of(service)
    assert (row.handed_over_at, row.delivered_at) == (after(22), after(60))


def test_the_latest_revision_gives_the_promise_and_the_first_one_the_time() -> None:
    first = promising(LAST_DAY, revision=1)
    later = promising(WEEK_AFTER, at=2, id="later", revision=2)
    for arrival in ((first, later), (later, first)):
        service = InMemoryService()
        for signal in arrival:
            service.take(signal, at=after(3))
        row = row_of(service)
        assert (row.promised_date, row.placed_at, row.placed_by) == (
            WEEK_AFTER,
            after(0),
            first.key,
        )


def test_an_order_is_delivered_when_all_its_parcels_are() -> None:
    service = InMemoryService()
    parcels = (handed_over(20, id="p1", shipment="P1"), handed_over(20, id="p2", shipment="P2"))
    service.take(placed(), *parcels, delivered(60, shipment="P1"), at=after(61))
    assert row_of(service).delivered_at is None
    service.take(delivered(70, id="second", shipment="P2"), at=after(71))
    assert row_of(service).delivered_at == after(70)


def test_a_signal_ahead_of_the_clock_counts_once_its_time_comes() -> None:
    service = InMemoryService()
    service.take(placed(), delivered(10.5), at=after(10))
    assert row_of(service).delivered_at is None
    service.tick(after(11))
    assert row_of(service).delivered_at == after(10.5)


def test_an_order_that_passed_intake_has_the_time() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), approved(1), captured(1), at=after(2))
    assert rows_of(ORDERS, service.lines())["o-1"].passed_at is None
    service.take(allocated(2), at=after(3))
    assert rows_of(ORDERS, service.lines())["o-1"].passed_at == after(3)


def test_an_order_without_a_case_is_standard_flow() -> None:
    service = InMemoryService()
    service.take(placed(), approved(), captured(), delivered(), at=after(61))
    service.tick(after(1000))
    assert row_of(service).cases == 0


def test_an_order_has_a_row_from_its_first_signal() -> None:
    service = InMemoryService()
    service.take(scanned(), at=after(22))
    row = row_of(service)
    assert (row.order_id, row.signals, row.placed_at, row.tier) == (ORDER, 1, None, None)


def test_resolved_cases_count_too() -> None:
    service = InMemoryService()
    service.take(captured(), cancelled(), unavailable(), at=after(4))
    for case in service.found():
        service.resolve(case, after(5))
    assert row_of(service).cases == 2
