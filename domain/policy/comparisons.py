"""Compiles one test of one fact: with a value, with an amount in a currency, or with another fact."""

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from domain.errors import Fault
from domain.orders.parts import PartKind
from domain.personal_data import PERSONAL_FACTS
from domain.policy.amounts import NO_RATES, Amount, Rates, parse_amount
from domain.policy.checks import unknown_name
from domain.policy.condition_texts import plain_value
from domain.policy.constants import describe_type, to_fact_type
from domain.policy.decision import FactValue, Verdict, to_fact_value
from domain.policy.document_types import FactReference
from domain.policy.facts import Fact

Predicate = Callable[[Any], bool]
Compare = Callable[[Any, Any], bool]

_COMPARISONS: Final[Mapping[str, Compare]] = {
    "is": operator.eq,
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}
NEEDS_EACH: Final = (
    "only a rule with `each` and a `where` can read facts of a part: add `each` to the rule, or ask "
    "with any, every, count or sum"
)


class Scope(Struct, frozen=True):
    """The facts that a condition may read, and the rates that it compares amounts with."""

    known: Mapping[str, Fact]
    each: PartKind | None = None
    """The kind of part that it is about; None for the whole order."""
    rates: Rates = NO_RATES
    without_part: str = NEEDS_EACH
    """What to do about a fact of a part where there is none."""


class CompiledTest(Struct, frozen=True):
    passes: Predicate
    explain: Callable[[Any], Verdict]
    reads: frozenset[str]


def find_fact(path: str, scope: Scope, pointer: str, faults: list[Fault]) -> Fact | None:
    """The fact of this path, or None with a fault that lists the known ones."""
    fact = scope.known.get(path)
    if fact is None and path.startswith("part.") and scope.each is None:
        faults.append(Fault(pointer, f"{path}: {scope.without_part}"))
    elif fact is None:
        group = [p for p in scope.known if p.startswith(f"{path.partition('.')[0]}.")]
        what = f"{scope.each} fact" if path.startswith("part.") else "fact"
        faults.append(unknown_name(pointer, what, path, group or scope.known))
    return fact


def compile_test(
    fact: Fact, name: str, value: Any, scope: Scope, pointer: str, faults: list[Fault]
) -> CompiledTest | None:
    """The test, or None with its faults added to `faults`."""
    if isinstance(value, FactReference):
        return _compare_with_fact(fact, name, value.fact, scope, pointer, faults)
    amount = _amount_with_currency(fact, value)
    if amount is not None:
        return _compare_with_amount(fact, name, amount, scope.rates, pointer, faults)
    passes = _compare_with_value(fact, name, value, pointer, faults)
    if passes is None:
        return None
    test, read = f"{name} {plain_value(value)}", fact.read

    def explain(facts: Any) -> Verdict:
        return Verdict(fact.path, test, to_fact_value(read(facts)), passes(facts))

    return CompiledTest(passes, explain, fact.reads)


def _compare_with_value(
    fact: Fact, name: str, value: Any, pointer: str, faults: list[Fault]
) -> Predicate | None:
    read = fact.read
    if name == "known":
        return (lambda f: read(f) is not None) if value else (lambda f: read(f) is None)
    if name == "one_of":
        if not value:
            faults.append(Fault(pointer, "must not be empty: give at least one value"))
        values = [to_fact_type(v, fact, f"{pointer}/{n}", faults) for n, v in enumerate(value)]
        allowed = frozenset(v for v in values if v is not None)
        return lambda f: read(f) in allowed
    constant = to_fact_type(value, fact, pointer, faults)
    if constant is None or not _has_order(fact, name, pointer, faults):
        return None
    if name == "is":
        return lambda f: bool(read(f) == constant)
    compare = _COMPARISONS[name]
    return lambda f: (found := read(f)) is not None and compare(found, constant)


def _has_order(fact: Fact, name: str, pointer: str, faults: list[Fault]) -> bool:
    if name == "is" or not (fact.type is bool or issubclass(fact.type, str)):
        return True
    detail = f"{fact.path} is {describe_type(fact.type)}, which has no order: use is or one_of"
    faults.append(Fault(pointer, detail))
    return False


def _amount_with_currency(fact: Fact, value: Any) -> Amount | None:
    if fact.type is not Decimal or not isinstance(value, str):
        return None
    try:
        amount = parse_amount(value)
    except ValueError:
        return None
    return amount if amount.currency is not None else None


def _compare_with_amount(
    fact: Fact, name: str, amount: Amount, rates: Rates, pointer: str, faults: list[Fault]
) -> CompiledTest | None:
    read, currency, compare = fact.read, fact.currency, _COMPARISONS[name]
    detail = rates.missing(amount.currency)
    if currency is None:
        detail = f'{fact.path} is not in a currency: write "{amount.value}"'
    if currency is None or detail is not None:
        faults.append(Fault(pointer, str(detail)))
        return None

    def passes(facts: Any) -> bool:
        found = read(facts)
        if found is None:
            return False
        pair = rates.pair(found, currency(facts), amount.value, amount.currency)
        return pair is not None and compare(*pair)

    def explain(facts: Any) -> Verdict:
        found = read(facts)
        shown = None if found is None else str(Amount(found, currency(facts)))
        return Verdict(fact.path, f"{name} {amount}", shown, passes(facts))

    return CompiledTest(passes, explain, fact.reads | fact.currency_reads)


def _compare_with_fact(
    fact: Fact, name: str, path: str, scope: Scope, pointer: str, faults: list[Fault]
) -> CompiledTest | None:
    other = find_fact(path, scope, f"{pointer}/fact", faults)
    if other is None:
        return None
    if other.type is not fact.type:
        one, two = describe_type(fact.type), describe_type(other.type)
        detail = f"{path} is {two}, and {fact.path} is {one}: compare facts of one type"
        faults.append(Fault(f"{pointer}/fact", detail))
        return None
    if (fact.currency is None) is not (other.currency is None):
        without, with_one = (fact, other) if fact.currency is None else (other, fact)
        detail = f"{without.path} is not in a currency, and {with_one.path} is: compare like facts"
        faults.append(Fault(f"{pointer}/fact", detail))
        return None
    if not _has_order(fact, name, pointer, faults):
        return None
    passes = _make_fact_comparison(fact, other, _COMPARISONS[name], scope.rates)
    personal = path in PERSONAL_FACTS

    def explain(facts: Any) -> Verdict:
        # The texts of a test are not sealed, so the value of a personal fact is left out.
        shown = "" if personal else f" ({_shown(other, facts)})"
        read = to_fact_value(fact.read(facts))
        return Verdict(fact.path, f"{name} {path}{shown}", read, passes(facts))

    reads = fact.reads | other.reads | fact.currency_reads | other.currency_reads
    return CompiledTest(passes, explain, reads)


def _make_fact_comparison(fact: Fact, other: Fact, compare: Compare, rates: Rates) -> Predicate:
    read, read_other = fact.read, other.read
    currency, currency_other = fact.currency, other.currency
    if currency is None or currency_other is None or currency is currency_other:

        def same(facts: Any) -> bool:
            one, two = read(facts), read_other(facts)
            return one is not None and two is not None and compare(one, two)

        return same

    def converted(facts: Any) -> bool:
        one, two = read(facts), read_other(facts)
        if one is None or two is None:
            return False
        pair = rates.pair(one, currency(facts), two, currency_other(facts))
        return pair is not None and compare(*pair)

    return converted


def _shown(fact: Fact, facts: Any) -> FactValue:
    found = to_fact_value(fact.read(facts))
    return "unknown" if found is None else found
