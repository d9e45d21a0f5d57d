"""The receipt of each signal of a batch names the cases that this signal changed, and no others."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from application.orders.batches import Arrival
from tests.application.in_memory_service import SENDER, InMemoryService
from tests.domain.signals import after, cancelled, captured, placed, unavailable


def of(order: str, signal: Any) -> Any:
    return structs.replace(signal, order=order)


def kinds(service: InMemoryService, *signals: Any, hours: float = 4) -> list[set[str]]:
    """The kinds of the cases in the receipt of each signal."""
    arrivals = [Arrival(signal, after(hours)) for signal in signals]
    receipts = service.intake.take(arrivals, SENDER).receipts
    return [{case.kind for case in receipt.cases} for receipt in receipts]


def test_a_batch_about_several_orders() -> None:
    found = kinds(
        InMemoryService(),
        *(of("A", placed()), of("B", placed()), of("A", unavailable())),
        *(of("B", captured()), of("B", cancelled()), of("C", placed())),
    )
    assert found[0] == found[1] == found[5] == set()
    assert found[2] == {"stock_unavailable"}
    assert found[3] | found[4] == {"refund_due"}


def test_signals_of_one_order_that_have_nothing_to_do_with_each_other() -> None:
    service = InMemoryService()
    first = kinds(service, placed(), captured(), unavailable(), cancelled())
    assert first[0] == set()
    assert "stock_unavailable" in first[2]
    _, repeated = kinds(service, cancelled(5, id="again"), placed(), hours=6)
    assert repeated == set()


def test_each_case_is_in_the_receipt_of_some_signal() -> None:
    service = InMemoryService()
    found = kinds(service, placed(), captured(), unavailable(), cancelled())
    assert set.union(*found) == {case.kind for case in service.found()}
