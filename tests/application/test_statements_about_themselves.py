"""Statements that name themselves, or the order itself, are kept, ignored and answered with a notice."""

from __future__ import annotations

import pytest

from domain.orders.relation_signals import DuplicateSuspected, OrderRelated, OrderRelation
from domain.orders.signal_body import SignalRetracted
from domain.orders.signals import Signal
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import ORDER, after, captured, placed, signal_fields

NOW = after(99)


@pytest.mark.parametrize(
    ("signal", "pointer"),
    [
        (SignalRetracted(of="self", **signal_fields(3, "self")), "/of"),
        (captured(3, "1.00", id="self", replaces="self"), "/replaces"),
    ],
)
def test_a_statement_that_names_itself_changes_no_other(signal: Signal, pointer: str) -> None:
    service = InMemoryService()
    service.take(placed(), captured(1, "99.00"), at=NOW)
    (receipt,) = service.take(signal, at=NOW)
    (notice,) = receipt.notices
    assert notice.pointer == pointer
    assert "names itself, which is ignored. Name the id of an earlier statement" in notice.detail
    more = 1 if pointer == "/replaces" else 0
    assert service.order().facts.payment.captured == 99 + more


@pytest.mark.parametrize(
    "signal",
    [
        OrderRelated(
            other=ORDER, relation=OrderRelation.REPLACEMENT_OF, **signal_fields(3, "related")
        ),
        DuplicateSuspected(other=ORDER, **signal_fields(3, "suspected")),
    ],
)
def test_an_order_is_not_related_to_itself(signal: Signal) -> None:
    service = InMemoryService()
    (receipt,) = service.take(placed(), signal, at=NOW)[1:]
    assert [notice.pointer for notice in receipt.notices] == ["/other"]
    assert not service.order().facts.order.duplicate_suspected
    assert "duplicate_order" not in {case.kind for case in service.found()}


def test_a_relation_to_itself_allows_no_duplicate() -> None:
    service = InMemoryService()
    other = DuplicateSuspected(other="o-2", **signal_fields(3, "suspected"))
    itself = OrderRelated(
        other=ORDER, relation=OrderRelation.SPLIT_FROM, **signal_fields(3, "related")
    )
    service.take(placed(), other, itself, at=NOW)
    assert service.order().facts.order.duplicate_of == "o-2"
