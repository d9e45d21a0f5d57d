"""Questions about the parts of an order: any, every, count and sum. Each compiles to a fact."""

import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from domain.errors import Fault
from domain.money import ZERO
from domain.orders.parts import PartKind, part_field
from domain.policy.amounts import Rates
from domain.policy.checks import unknown_name
from domain.policy.comparisons import Predicate
from domain.policy.constants import describe_type
from domain.policy.facts import OWN_FACTS, Fact, InPart, part_fact_name

Matching = Callable[[Any], Iterator[InPart]]
"""The parts of a context that fit; each step gives the same object with the next part."""
_ORDER_OF_PART: Final = operator.attrgetter("facts")


def make_matching(kind: PartKind, where: Predicate | None, *, in_part: bool) -> Matching:
    """Finds the parts that fit `where`, from the facts of an order or, `in_part`, of a part."""
    parts_of = operator.attrgetter(f"parts.{part_field(kind)}")

    def matching(context: Any) -> Iterator[InPart]:
        order = _ORDER_OF_PART(context) if in_part else context
        at = InPart(order, None)
        for part in parts_of(order):
            at.part = part
            if where is None or where(at):
                yield at

    return matching


def quantify(
    form: str, path: str, kind: PartKind, matching: Matching, every: Matching, reads: frozenset[str]
) -> Fact:
    """The fact that `any` or `every` part fits, or the `count` of those that do.

    `every` finds all parts. No part at all: `every` is false.
    """

    def count(context: Any) -> int:
        return sum(1 for _ in matching(context))

    def some(context: Any) -> bool:
        return next(matching(context), None) is not None

    def all_fit(context: Any) -> bool:
        return 0 < sum(1 for _ in every(context)) == count(context)

    kinds: dict[str, tuple[type[Any], Callable[[Any], Any]]] = {
        "any": (bool, some),
        "every": (bool, all_fit),
        "count": (int, count),
    }
    of_type, read = kinds[form]
    reads |= {part_fact_name(kind, "part.id")}
    return Fact(
        path=path,
        type=of_type,
        moves="",
        feeds=frozenset(),
        sources=frozenset(),
        read=read,
        reads=reads,
    )


def find_summand(path: str, pointer: str, faults: list[Fault]) -> tuple[PartKind, Fact] | None:
    """The fact to add up, named `kind.field`; None with a fault if it cannot be added up."""
    kind, _, field = path.partition(".")
    if kind not in [*PartKind]:
        faults.append(unknown_name(pointer, "kind of part", kind, PartKind))
        return None
    of = PartKind(kind)
    fact = OWN_FACTS[of].get(f"part.{field}")
    if fact is None:
        known = [p.replace("part", kind, 1) for p in OWN_FACTS[of]]
        faults.append(unknown_name(pointer, f"{kind} fact", path, known))
        return None
    if fact.type not in (int, Decimal):
        detail = f"{path} is {describe_type(fact.type)}: name an amount or a whole number"
        faults.append(Fault(pointer, detail))
        return None
    return of, fact


def sum_up(
    path: str, of: PartKind, summand: Fact, matching: Matching, rates: Rates, reads: frozenset[str]
) -> Fact:
    """The fact that is the sum over the parts that fit.

    It is unknown if one amount is unknown. Amounts in several currencies are converted to that of
    the approval matrix; without a rate the sum is unknown.
    """
    currency = summand.currency

    def total(context: Any) -> tuple[Any, str | None]:
        found = [(summand.read(at), currency(at) if currency else None) for at in matching(context)]
        if any(value is None for value, _ in found):
            return None, None
        # 0 without a currency is 0 in any.
        codes = {code for value, code in found if value or code}
        if currency is None or len(codes) < 2:
            code = next(iter(codes), None)
            if currency is not None and codes == {None}:
                return None, None
            return sum((value for value, _ in found), summand.type(0)), code
        converted = ZERO
        for value, code in found:
            rate = rates.rate(code)
            if rate is None and (value or code is not None):
                return None, None
            converted += value * (rate or ZERO)
        return converted, rates.currency

    return Fact(
        path=path,
        type=summand.type,
        moves="",
        feeds=frozenset(),
        sources=frozenset(),
        read=lambda context: total(context)[0],
        reads=reads | summand.reads | summand.currency_reads | {part_fact_name(of, "part.id")},
        currency=None if currency is None else lambda context: total(context)[1],
    )
