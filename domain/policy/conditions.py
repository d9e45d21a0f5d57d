"""Compiles conditions to functions, after checking them against the types of the facts.

`compile_condition` collects every fault instead of raising at the first. A compiled condition has
`holds(facts)`, which does not allocate for an order, and `explain(facts)`, the verdict of every test.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from domain.errors import Fault
from domain.orders.parts import PartKind
from domain.policy.amounts import NO_RATES, Rates
from domain.policy.comparisons import (
    NEEDS_EACH,
    CompiledTest,
    Predicate,
    Scope,
    compile_test,
    find_fact,
)
from domain.policy.condition_texts import FORMS, QUANTIFIERS, describe_condition, plain_value
from domain.policy.decision import Verdict
from domain.policy.document_types import Condition
from domain.policy.facts import PART_FACTS, Fact, known_facts
from domain.policy.quantifiers import find_summand, make_matching, quantify, sum_up


class CompiledCondition(Struct, frozen=True):
    holds: Predicate
    explain: Callable[[Any], tuple[Verdict, ...]]
    facts: frozenset[str]
    """The names of the facts that it reads."""


def compile_condition(
    condition: Condition,
    known: Mapping[str, Fact],
    pointer: str,
    faults: list[Fault],
    *,
    each: PartKind | None = None,
    rates: Rates = NO_RATES,
    without_part: str = NEEDS_EACH,
) -> CompiledCondition | None:
    """The compiled condition, or None with its faults added to `faults`."""
    tests: list[CompiledTest] = []
    before = len(faults)
    scope = Scope(known, each, rates, without_part)
    holds = _Compilation(scope, faults, tests).node(condition, pointer)
    if holds is None or len(faults) > before:
        return None

    def explain(facts: Any) -> tuple[Verdict, ...]:
        return tuple(test.explain(facts) for test in tests)

    return CompiledCondition(holds, explain, _read_by(tests))


def compile_order_condition(
    condition: Condition | None,
    pointer: str,
    faults: list[Fault],
    *,
    each: PartKind | None = None,
    rates: Rates = NO_RATES,
    without_part: str = NEEDS_EACH,
) -> CompiledCondition | None:
    """Compile a condition on an order, with `each` on one of its parts; None without one."""
    if condition is None:
        return None
    known = known_facts(each)
    return compile_condition(
        condition, known, pointer, faults, each=each, rates=rates, without_part=without_part
    )


def names_part(condition: Condition | None) -> bool:
    """Whether a condition reads facts of the part that it is about (`part.…`)."""
    if condition is None:
        return False
    inner = [*(condition.all or ()), condition.not_]
    if isinstance(condition.any, tuple):
        inner += condition.any
    compared = [getattr(value, "fact", None) for value in _given(condition, _TESTS).values()]
    named = [path for path in (condition.fact, *compared) if path is not None]
    return any(path.startswith("part.") for path in named) or any(map(names_part, inner))


_FIELDS: Final = dict(
    zip(Condition.__struct_encode_fields__, Condition.__struct_fields__, strict=True)
)
"""The written name of each field of a condition -> its name in Python."""
_TESTS: Final = tuple(name for name in _FIELDS if name not in (*FORMS, "where"))


def _given(condition: Condition, names: Iterable[str]) -> dict[str, Any]:
    """Those of the named fields that the condition gives."""
    values = {name: getattr(condition, _FIELDS[name]) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _read_by(tests: Iterable[CompiledTest]) -> frozenset[str]:
    return frozenset().union(*(test.reads for test in tests))


class _Compilation(Struct):
    """A condition in the making: its faults and tests so far."""

    scope: Scope
    faults: list[Fault]
    tests: list[CompiledTest]

    def node(self, condition: Condition, pointer: str) -> Predicate | None:
        forms, faults = _given(condition, FORMS), self.faults
        if len(forms) != 1:
            given = " and ".join(forms) or "none"
            detail = f"give exactly one of {', '.join(FORMS)}; given: {given}"
            faults.append(Fault(pointer, detail))
            return None
        ((name, parts),) = forms.items()
        if name in QUANTIFIERS and not isinstance(parts, tuple):
            return self._quantifier(condition, name, parts, pointer)
        if condition.where is not None:
            detail = "needs the parts that it chooses from: add any, every, count or sum"
            faults.append(Fault(f"{pointer}/where", detail))
        if name == "fact":
            fact = find_fact(parts, self.scope, f"{pointer}/fact", faults)
            return self._test(condition, fact, pointer) if fact is not None else None
        if extra := [*_given(condition, _TESTS)]:
            detail = "a test needs a `fact`: add one"
            faults.append(Fault(f"{pointer}/{extra[0]}", detail))
        if name == "not":
            inner = self.node(parts, f"{pointer}/not")
            return None if inner is None else _negate(inner)
        if not parts:
            detail = "must not be empty: give at least one condition"
            faults.append(Fault(f"{pointer}/{name}", detail))
        found = [self.node(part, f"{pointer}/{name}/{n}") for n, part in enumerate(parts)]
        valid = [test for test in found if test is not None]
        return _all_pass(valid) if name == "all" else _any_passes(valid)

    def _test(self, condition: Condition, fact: Fact, pointer: str) -> Predicate | None:
        tests = _given(condition, _TESTS)
        if len(tests) != 1:
            given = ", ".join(tests) or "none"
            detail = f"give exactly one test of {fact.path}; given: {given}"
            self.faults.append(Fault(pointer, detail))
            return None
        ((name, value),) = tests.items()
        return self._add(fact, name, value, f"{pointer}/{name}")

    def _add(self, fact: Fact, name: str, value: Any, pointer: str) -> Predicate | None:
        test = compile_test(fact, name, value, self.scope, pointer, self.faults)
        if test is None:
            return None
        self.tests.append(test)
        return test.passes

    def _quantifier(
        self, condition: Condition, form: str, of: Any, pointer: str
    ) -> Predicate | None:
        """A question about the parts of one kind: a test of one fact, whose path is the question."""
        faults, scope = self.faults, self.scope
        summed = find_summand(of, f"{pointer}/sum", faults) if form == "sum" else None
        if form == "sum" and summed is None:
            return None
        kind = summed[0] if summed is not None else PartKind(of)
        inner = _Compilation(Scope(PART_FACTS[kind], kind, scope.rates), faults, [])
        where = None
        if condition.where is not None:
            where = inner.node(condition.where, f"{pointer}/where")
            if where is None:
                return None
        elif form in ("any", "every"):
            detail = f"missing: give the condition that {form} {kind} is to fit"
            faults.append(Fault(f"{pointer}/where", detail))
            return None
        written = msgspec.to_builtins(condition)
        path = describe_condition(
            {name: written[name] for name in (form, "where") if name in written}, plain_value
        )
        matching, every = (
            make_matching(kind, fits, in_part=scope.each is not None) for fits in (where, None)
        )
        reads = _read_by(inner.tests)
        if summed is not None:
            fact = sum_up(path, kind, summed[1], matching, scope.rates, reads)
            return self._test(condition, fact, pointer)
        fact = quantify(form, path, kind, matching, every, reads)
        given = [*_given(condition, _TESTS)]
        refused = given if form != "count" else [name for name in given if name == "known"]
        if refused:
            detail = (
                f"{path} is always {'known' if form == 'count' else 'true or false'}: remove it"
            )
            faults.append(Fault(f"{pointer}/{refused[0]}", detail))
            return None
        if form == "count":
            return self._test(condition, fact, pointer)
        return self._add(fact, "is", True, pointer)


def _negate(test: Predicate) -> Predicate:
    return lambda facts: not test(facts)


def _all_pass(tests: list[Predicate]) -> Predicate:
    def every(facts: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs three times as much here
            if not test(facts):
                return False
        return True

    return every


def _any_passes(tests: list[Predicate]) -> Predicate:
    def some(facts: Any) -> bool:
        for test in tests:  # noqa: SIM110
            if test(facts):
                return True
        return False

    return some
