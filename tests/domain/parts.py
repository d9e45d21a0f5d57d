"""Orders with parts, built by hand, and conditions on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import structs

from domain.errors import Fault
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.parts import OrderParts, PartKind
from domain.orders.signals import Signal
from domain.policy.amounts import NO_RATES, Rates
from domain.policy.conditions import CompiledCondition, compile_order_condition
from domain.policy.document_types import Condition


def order_of(signals: Sequence[Signal] = (), **parts: Any) -> OrderFacts:
    """The facts of an order with these parts: `order_of(parcel=[ParcelPart("P1")])`."""
    made = OrderParts(**{kind: tuple(given) for kind, given in parts.items()})
    return structs.replace(facts_of(signals), parts=made)


def compiled(
    plain: dict[str, Any], *, each: PartKind | None = None, rates: Rates = NO_RATES
) -> CompiledCondition:
    faults: list[Fault] = []
    condition = msgspec.convert(plain, Condition)
    found = compile_order_condition(condition, "", faults, each=each, rates=rates)
    assert found is not None, faults
    return found


def passes(plain: dict[str, Any], facts: OrderFacts, rates: Rates = NO_RATES) -> bool:
    return compiled(plain, rates=rates).holds(facts)
