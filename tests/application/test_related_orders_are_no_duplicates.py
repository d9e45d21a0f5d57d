"""Orders that belong together are no duplicates, whichever of them a source states it of, and when."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.orders.relation_signals import DuplicateSuspected, OrderRelated, OrderRelation
from domain.orders.signal_body import SignalRetracted
from tests.application.in_memory_service import InMemoryService
from tests.application.look_ups import (
    DUPLICATES,
    own_signals_of,
    purchase,
    service_with_look_ups,
    take_signals,
)
from tests.domain.signals import after, signal_fields, taken_back

OF_ONE = [OrderRelation.SUBSCRIPTION_OF, OrderRelation.SPLIT_FROM, OrderRelation.MERGED_INTO]
SECOND_OF_ONE = [OrderRelation.REPLACEMENT_OF, OrderRelation.EXCHANGE_OF]


def related(
    order: str, other: str, hours: float = 0, relation: OrderRelation = OF_ONE[0]
) -> OrderRelated:
    fields = {**signal_fields(hours, f"related-{order}"), "order": order}
    return OrderRelated(other=other, relation=relation, **fields)


def is_suspected(service: InMemoryService, order: str = "second") -> bool:
    return service.order(order).facts.order.duplicate_suspected


def cases(service: InMemoryService) -> list[tuple[str, bool]]:
    return [
        (case.order, case.cleared or case.is_resolved)
        for case in service.found()
        if case.kind == "duplicate_order"
    ]


@pytest.mark.parametrize("relation", OF_ONE)
def test_two_orders_of_one_third_are_no_duplicates(relation) -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), related("first", "sub-7", 0.5, relation))
    service.take(purchase("second", 1), related("second", "sub-7", 1, relation), at=after(1))
    assert own_signals_of(service, "order.duplicate_suspected") == []
    assert cases(service) == []


@pytest.mark.parametrize("relation", SECOND_OF_ONE)
def test_two_replacements_of_one_order_may_be_duplicates(relation) -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), related("first", "lost", 0.5, relation))
    service.take(purchase("second", 1), related("second", "lost", 1, relation), at=after(1))
    assert cases(service) == [("second", False)]


@pytest.mark.parametrize("relation", OrderRelation)
def test_what_the_earlier_order_states_later_takes_the_suspicion_back(relation) -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), purchase("second", 1))
    assert cases(service) == [("second", False)]
    take_signals(service, related("first", "second", 2, relation))
    assert not is_suspected(service)
    assert cases(service) == [("second", True)]
    (back,) = own_signals_of(service, "signal.retracted")
    assert isinstance(back, SignalRetracted)
    assert (back.order, back.reason) == ("second", "the order is related to first")


@pytest.mark.parametrize("last", ["first", "second"])
def test_the_second_relation_to_one_third_takes_the_suspicion_back(last) -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), purchase("second", 1))
    other = {"first": "second", "second": "first"}[last]
    take_signals(service, related(other, "sub-7", 2))
    assert is_suspected(service)
    take_signals(service, related(last, "sub-7", 3))
    assert not is_suspected(service)


def test_a_relation_that_is_taken_back_leaves_the_suspicion() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), purchase("second", 1), related("first", "second", 2))
    assert not is_suspected(service)
    take_signals(service, replace(taken_back(3, "related-first"), order="first"))
    assert is_suspected(service)
    take_signals(service, replace(related("first", "second", 4), id="again"))
    assert not is_suspected(service)


def test_the_suspicion_of_another_system_is_taken_back_too() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, related("first", "second", 0))
    fields = {**signal_fields(1, "d"), "order": "second", "source": "oms"}
    service.take(DuplicateSuspected(other="first", **fields), at=after(1))
    assert not is_suspected(service)


def test_a_relation_to_another_order_leaves_the_suspicion() -> None:
    service = service_with_look_ups(DUPLICATES)
    take_signals(service, purchase("first"), purchase("second", 1), related("first", "third", 2))
    take_signals(service, related("second", "fourth", 3))
    assert cases(service) == [("second", False)]
