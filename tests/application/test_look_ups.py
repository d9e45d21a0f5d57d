"""A look-up result is recorded once with its order, and only the service can write it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from application.log import streams
from application.orders.batches import Arrival
from domain.errors import SourceReserved
from domain.orders.order import order_stream
from domain.orders.purchase_signals import Address, Customer, Line
from domain.policy.look_up_parts import LookUps
from domain.policy.rulebook import Rulebook
from domain.policy.service_levels import without_clocks_and_look_ups
from infrastructure.policies.files import load_policy
from tests.application.in_memory_service import SENDER, InMemoryService
from tests.application.look_ups import (
    CountingRecorder,
    days,
    own_signals,
    purchase,
    service_with_look_ups,
    take_signals,
)
from tests.domain.exception_signals import checked, suspected
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    captured,
    delivered,
    money,
    placed,
    statement_lists,
)

BAD = Address(country_code="DE", city="Berlin", street_address="Chausseestr. 1")


def eventful(service: InMemoryService) -> None:
    """Orders for which every look-up has a result."""
    take_signals(service, *(purchase(f"o-{n}", days(n), customer=f"c-{n}") for n in range(10)))
    cheap = {"price": "1.00", "ship_to": BAD}
    take_signals(
        service, purchase("first", days(10), **cheap), purchase("second", days(10.5), **cheap)
    )


AFTERWARDS = after(days(10.5))


def test_every_look_up_of_the_shipped_policy_finds_its_result() -> None:
    service = service_with_look_ups()
    eventful(service)
    found = [(signal.order, signal.type) for signal in own_signals(service)]
    assert found == [
        ("first", "order.price_flagged"),
        ("first", "address.checked"),
        ("second", "order.duplicate_suspected"),
        ("second", "order.price_flagged"),
        ("second", "address.checked"),
    ]
    assert {case.kind for case in service.found()} == {
        "discount_glitch",
        "address_problem",
        "duplicate_order",
    }


@pytest.mark.parametrize("off", [None, LookUps()])
def test_nothing_is_looked_up_unless_the_policy_asks(off) -> None:
    service = service_with_look_ups(off, recorder=CountingRecorder())
    eventful(service)
    assert own_signals(service) == []
    assert service.found() == []
    assert {line.type for line in service.lines()} == {"order.signal_recorded"}


def test_a_replay_of_tables_looks_nothing_up() -> None:
    """`replay olist` opens only cases that its tables show."""
    service = InMemoryService(Rulebook(without_clocks_and_look_ups(load_policy().document)))
    eventful(service)
    assert (own_signals(service), service.found()) == ([], [])


def test_reading_the_log_again_looks_nothing_up() -> None:
    service = service_with_look_ups()
    eventful(service)
    stream = order_stream("second")
    read_back = streams.orders(service.log).current([stream])[stream]
    kept = service.orders.cached([stream])[stream]
    assert (read_back.signals, read_back.facts) == (kept.signals, kept.facts)
    assert read_back.facts.order.duplicate_of == "first"
    # Under a policy without look-ups the same log gives the same result.
    without = InMemoryService(
        Rulebook(without_clocks_and_look_ups(service.rulebook.document)), service.recorder
    )
    assert without.order("second").facts == read_back.facts


@pytest.mark.parametrize("forged", [suspected(1), checked(1, "valid"), captured(), placed(1)])
def test_a_signal_of_the_reserved_source_is_refused(forged) -> None:
    service = service_with_look_ups()
    batch = [captured(2), replace(forged, source="casetrail"), delivered()]
    receipts = service.take(*batch, at=after(70))
    assert [receipt.outcome for receipt in receipts] == ["recorded", "refused", "recorded"]
    assert isinstance(receipts[1].problem, SourceReserved)
    assert own_signals(service) == []


def test_a_copy_of_a_look_up_result_is_refused() -> None:
    service = service_with_look_ups()
    eventful(service)
    head = service.log.head()
    receipts = service.take(*own_signals(service), at=AFTERWARDS)
    assert {receipt.outcome for receipt in receipts} == {"refused"}
    assert service.log.head() == head


def test_repeated_signals_in_any_batch_add_nothing() -> None:
    service = service_with_look_ups()
    eventful(service)
    service.tick(AFTERWARDS)
    head = service.log.head()
    again = [
        line.event.signal
        for line in service.lines()
        if line.type == "order.signal_recorded" and line.event.signal.source != "casetrail"
    ]
    for one in (service, service.another_process()):
        receipts = one.take(*again, *again, at=AFTERWARDS)
        assert {receipt.outcome for receipt in receipts} == {"duplicate"}
    assert service.log.head() == head


def test_receipts_cover_sent_signals_only() -> None:
    service = service_with_look_ups()
    take_signals(service, purchase("first"))
    receipts = service.take(captured(), purchase("second", 1), captured(), at=after(2))
    assert [receipt.outcome for receipt in receipts] == ["recorded", "recorded", "duplicate"]
    assert [(case.kind, case.event) for case in receipts[1].cases] == [
        ("duplicate_order", "case.routed")
    ]


def test_a_batch_reads_its_comparison_streams_together_and_only_if_needed() -> None:
    recorder = CountingRecorder()
    service = service_with_look_ups(recorder=recorder)
    service.take(captured(1), delivered(2), at=after(3))
    assert recorder.reads == [{order_stream("o-1")}]
    recorder.reads.clear()
    orders = [purchase(f"a-{n}", 4, f"c-{n % 7}", sku=f"s-{n % 3}") for n in range(40)]
    service.take(*orders, at=after(4))
    # Then the alike orders that were found, since one that is cancelled is no duplicate.
    assert [len(reads) for reads in recorder.reads] == [40, 7 + 3, 19]
    recorder.reads.clear()
    # From here on the streams are cached; whether an alike order was cancelled is read each time.
    more = [purchase(f"b-{n}", 30, f"c-{n % 7}", sku=f"s-{n % 3}") for n in range(40)]
    service.take(*more, at=after(30))
    assert [len(reads) for reads in recorder.reads] == [40, 19]
    recorder.reads.clear()
    service.take(*more, at=after(31))
    assert recorder.reads == []


def test_look_up_streams_have_no_timers() -> None:
    service = service_with_look_ups()
    eventful(service)
    kinds = {due.kind for due in service.recorder.take_due(after(1e6), 1_000, after(1) - after())}
    assert kinds <= {"order", "case"}


PAST = [purchase(f"p-{n}", days(-20 + 2 * n), f"c-{n % 2}", str(90 + n), "s") for n in range(10)]


@settings(BOUNDED_SETTINGS, max_examples=80)
@given(drawn=statement_lists(least=1, most=6), chance=st.randoms(use_true_random=False))
def test_look_up_results_do_not_depend_on_arrival_order(drawn, chance) -> None:
    """Several purchase signals of one order are among them, with other lines, currencies and
    times."""
    first, second = service_with_look_ups(), service_with_look_ups()
    for service in (first, second):
        take_signals(service, *PAST)
    cheap = [
        replace(
            placed(n, customer=Customer(id="c-1"), ship_to=BAD, id=f"cheap-{n}"),
            lines=(Line(sku="s", price=money(f"{10 + n}.00")),),
        )
        for n in range(3)
    ]
    signals = [*drawn, *cheap]
    first.take(*signals, at=after(12))
    for signal in chance.sample(signals, len(signals)):
        second.take(signal, at=after(12))
    assert first.order().signals == second.order().signals
    assert first.order().facts == second.order().facts
    # A statement may open a case that a later arrival clears: it is open in no order of arrival.
    assert first.open_problems() == second.open_problems()
    assert len([s for s in own_signals(first) if s.type == "order.price_flagged"]) >= 3


few = st.integers(0, 3)
orders_placed = st.builds(
    lambda n, hours, customer, sku, price: purchase(
        f"o-{n}", hours, f"c-{customer}", f"{price}.00", f"s-{sku}"
    ),
    *(st.integers(0, 12), st.integers(0, 40), few, few, st.integers(1, 4)),
)


@settings(BOUNDED_SETTINGS, max_examples=80)
@given(orders=st.lists(orders_placed, min_size=2, max_size=12, unique_by=lambda o: o.order))
def test_a_batch_of_orders_with_several_times_equals_several_batches(orders) -> None:
    """At any place in the batch, the order that arrived later is the duplicate."""
    together, apart = service_with_look_ups(), service_with_look_ups()
    arrivals = [Arrival(signal, after(50 + n)) for n, signal in enumerate(orders)]
    together.intake.take(arrivals[::-1], SENDER)
    for arrival in arrivals:
        apart.intake.take([arrival], SENDER)

    def lines(service: InMemoryService) -> list[tuple[object, ...]]:
        trails = sorted(service.lines(), key=lambda line: (line.stream, line.version))
        return [(one.stream, one.version, one.event, one.recorded_at, one.cause) for one in trails]

    assert lines(together) == lines(apart)
