"""Any arrival order of the statements of an order gives the same facts, open problems and parts."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.events import SignalRecorded
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.signals import Signal, event_time_key
from tests.application.in_memory_service import InMemoryService
from tests.application.orders_with_parts import rules_over_parts, statement_sets
from tests.application.test_arrival_order import arrivals
from tests.domain.signals import BOUNDED_SETTINGS, after, order_with

RULEBOOK = rules_over_parts()
# The statements of a window happen in its first part and arrive in its second; nothing falls due there.
FIRST = {"hours": (0, 10), "days": (3, 8)}
SECOND = {"hours": (100, 110), "days": (6, 8)}


def live(
    service: InMemoryService, batches: list[list[Signal]], start: datetime, until: datetime
) -> tuple[OrderFacts, set[tuple[str, str]]]:
    """Take the batches soon after `start`; the state then, before time passes until the next window."""
    for n, batch in enumerate(batches):
        service.take(*batch, at=start + n * (after(0.5) - after(0)))
    state = service.order().facts, service.open_problems()
    service.tick(until, punctual=True)
    return state


@settings(BOUNDED_SETTINGS, max_examples=40)
@given(data=st.data())
def test_any_arrival_order_leads_to_the_same_open_problems_and_parts(data) -> None:
    first = data.draw(statement_sets(**FIRST, most=9))
    second = data.draw(statement_sets(**SECOND, first=9, most=6))
    sorted_stream, as_it_comes = InMemoryService(RULEBOOK), InMemoryService(RULEBOOK)
    for signals, start, until in ((first, 10, 100), (second, 110, 1000)):
        one_by_one = [[signal] for signal in sorted(signals, key=event_time_key)]
        mixed = data.draw(arrivals(signals))
        assert live(sorted_stream, one_by_one, after(start), after(until)) == live(
            as_it_comes, mixed, after(start), after(until)
        )
    assert as_it_comes.open_problems() == sorted_stream.open_problems()
    assert as_it_comes.due() == sorted_stream.due()


@settings(BOUNDED_SETTINGS, max_examples=150)
@given(
    signals=statement_sets(hours=(0, 200), days=(3, 8), most=12),
    chance=st.randoms(use_true_random=False),
)
def test_pieces_are_conserved_in_every_state(signals, chance) -> None:
    chance.shuffle(signals)
    order = order_with()
    for signal in signals:
        order = order.after(SignalRecorded(signal=signal))
        for line in order.facts.goods.lines:
            places = {
                name: getattr(line, name)
                for name in (
                    *("waiting", "allocated", "backordered", "unavailable", "in_parcels"),
                    *("on_the_way", "delivered", "returned", "lost"),
                )
            }
            assert all(count >= 0 for count in places.values()), places
            assert line.kept == sum(places.values()) >= 0, places
            assert 0 <= line.cancelled <= line.line.quantity, places


@settings(BOUNDED_SETTINGS, max_examples=150)
@given(signals=statement_sets(hours=(0, 200), days=(3, 8), most=10), more=st.data())
def test_facts_computed_step_by_step_are_those_of_the_whole_set(signals, more) -> None:
    order = order_with()
    for signal in more.draw(st.permutations(signals)):
        order = order.after(SignalRecorded(signal=signal))
        assert order.facts == facts_of(order.signals.values())
