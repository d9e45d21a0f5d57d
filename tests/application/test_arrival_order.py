"""Between two due times, any order and any batches of the same signals give the same result."""

from __future__ import annotations

from datetime import datetime

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from application.orders.batches import Arrival
from domain.orders.order import order_stream
from domain.orders.signals import Signal, event_time_key
from tests.application.in_memory_service import SENDER, InMemoryService
from tests.domain.signals import BOUNDED_SETTINGS, ORDER, after, captured, placed, statement_lists

# Hours after noon: the signals of a window happen in its first part and arrive in its second, in
# which nothing falls due. Their deadlines are between the windows or after them.
FIRST = {"hours": (0, 10), "ship_by": (30, 40, 90, 300), "days": (3, 8)}
SECOND = {"hours": (100, 110), "ship_by": (130, 300), "days": (6, 8)}


@st.composite
def arrivals(draw: st.DrawFn, signals: list[Signal]) -> list[list[Signal]]:
    """The same signals in random order and random batches, some of them twice."""
    again = draw(st.lists(st.sampled_from(signals), max_size=2)) if signals else []
    mixed = draw(st.permutations([*signals, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, max(len(mixed), 1)), max_size=3)))
    batches = [mixed[a:b] for a, b in zip([0, *cuts], [*cuts, len(mixed)], strict=True)]
    return [batch for batch in batches if batch]


def live(
    service: InMemoryService, batches: list[list[Signal]], start: datetime, until: datetime
) -> tuple[object, ...]:
    """Take the batches soon after `start`, and let time pass until the next window.

    A problem that comes and goes within a batch has no case; one by one, it has one that is cleared.
    """
    for n, batch in enumerate(batches):
        service.take(*batch, at=start + n * (after(0.5) - after(0)))
    due = service.due().get(order_stream(ORDER))
    state = (service.order().facts if batches else None, due, service.open_problems())
    service.tick(until, punctual=True)
    return state


@settings(BOUNDED_SETTINGS, max_examples=120)
@given(data=st.data())
def test_any_arrival_order_leads_to_the_same_cases(data) -> None:
    first = [placed(0, tenders=data.draw(st.sampled_from([None, ("card",)])))]
    first += data.draw(statement_lists(most=5, **FIRST))
    second = data.draw(statement_lists(first=50, most=4, **SECOND))
    # What a batch has of one moment is decided on together.
    for signals in (first, second):
        assume(len({signal.event_time for signal in signals}) == len(signals))

    sorted_stream, as_it_comes = InMemoryService(), InMemoryService()
    for signals, start, until in ((first, 10, 100), (second, 110, 1000)):
        one_by_one = [[signal] for signal in sorted(signals, key=event_time_key)]
        mixed = data.draw(arrivals(signals))
        # Repeated signals arrive in the second window too.
        assert live(sorted_stream, one_by_one, after(start), after(until)) == live(
            as_it_comes, mixed, after(start), after(until)
        )
    assert as_it_comes.open_problems() == sorted_stream.open_problems()
    assert as_it_comes.due() == sorted_stream.due() == {}


@settings(BOUNDED_SETTINGS, max_examples=40)
@given(signals=statement_lists(least=1, most=5, **FIRST), chance=st.randoms(use_true_random=False))
def test_repeated_signals_change_nothing(signals, chance) -> None:
    service = InMemoryService()
    service.take(*signals, at=after(10))
    before = service.log.head()
    receipts = service.take(*chance.sample(signals, len(signals)), at=after(11))
    assert {receipt.outcome for receipt in receipts} == {"duplicate"}
    assert service.log.head() == before


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(signals=statement_lists(least=1, most=6, **FIRST))
def test_the_log_folds_to_the_state_of_the_decision(signals) -> None:
    service = InMemoryService()
    for n, signal in enumerate(signals):
        service.take(signal, at=after(10 + n / 10))
    service.tick(after(1000))
    order = service.order()
    kept = service.orders.cached([order_stream(ORDER)])[order_stream(ORDER)]
    assert (kept.signals, kept.cases, kept.missed, kept.met) == (
        order.signals,
        order.cases,
        order.missed,
        order.met,
    )
    assert kept.facts == order.facts
    assert service.cases.cached([c.id for c in service.found()]) == {
        c.id: c for c in service.found()
    }


def test_payments_before_their_order_are_compared_with_it() -> None:
    service = InMemoryService()
    service.take(captured(1, "40.00", payment="a"), at=after(2))
    service.take(placed(0), at=after(3))
    assert [case.kind for case in service.found()] == ["payment_mismatch"]


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(signals=statement_lists(least=2, most=6, hours=(0, 200), ship_by=(30, 90), days=(3, 6)))
def test_a_batch_with_several_times_equals_several_batches(signals) -> None:
    together, apart = InMemoryService(), InMemoryService()
    arrivals = [Arrival(signal, after(20 * n + 1)) for n, signal in enumerate(signals)]
    together.intake.take(arrivals[::-1], SENDER)
    for arrival in arrivals:
        apart.intake.take([arrival], SENDER)

    def lines(service: InMemoryService) -> list[tuple[object, ...]]:
        trails = sorted(service.lines(), key=lambda line: (line.stream, line.version))
        return [(one.stream, one.version, one.event, one.recorded_at) for one in trails]

    assert lines(together) == lines(apart)
    assert together.due() == apart.due()
