"""A refund that one system tells by its lines, and another one by its amount, is one refund."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from domain.orders.facts import facts_of
from domain.orders.payment_signals import RefundedPieces, RefundIssued
from domain.orders.signals import Signal
from tests.domain.signals import captured, line, money, placed, signal_fields

LINES = (line("70.00", id="A"), line("40.00", id="B", quantity=2), line("80.00", id="C"))
PAID: tuple[Signal, ...] = (placed(lines=LINES), captured(amount="230.00", payment="pi_1"))


def refund(
    hours: float, source: str, *, lines: dict[str, int] | None = None, **more: Any
) -> RefundIssued:
    if lines:
        more["lines"] = tuple(RefundedPieces(line=id, quantity=n) for id, n in lines.items())
    told = RefundIssued(**signal_fields(hours, f"{source}-{hours}", **more))
    return structs.replace(told, source=source)


BY_LINES = refund(50, "shop", lines={"B": 1})


@pytest.mark.parametrize(
    ("other", "refunds", "given_back"),
    [
        (refund(51, "psp", refund="re_1", payment="pi_1", amount=money("40.00")), 1, "40.00"),
        (refund(51, "psp", lines={"B": 1}), 1, "40.00"),
        (refund(51, "psp", refund="re_1", amount=money("41.00")), 2, "81.00"),
        # Two lines of the same value are two refunds, and so is what one system tells twice.
        (refund(51, "psp", lines={"B": 2}), 2, "120.00"),
        (refund(51, "shop", amount=money("40.00")), 2, "80.00"),
        (refund(80, "psp", refund="re_1", amount=money("40.00")), 2, "80.00"),
    ],
    ids=["amount", "same lines", "other amount", "other pieces", "one source", "a day later"],
)
def test_lines_alone_have_their_value(other: Signal, refunds: int, given_back: str) -> None:
    for told in permutations((*PAID, BY_LINES, other)):
        found = facts_of(told).money
        assert (len(found.refunds), f"{found.given_back:.2f}") == (refunds, given_back)
    if refunds == 1:
        (one,) = found.refunds
        assert dict(one.lines) == {"B": (1, found.given_back)}
        assert one.assumed
