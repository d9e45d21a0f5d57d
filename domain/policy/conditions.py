"""Compiles conditions to functions, after checking them against the types of the facts.

`compile_condition` collects every fault instead of raising at the first. A compiled condition has
`holds(facts)`, which does not allocate, and `explain(facts)`, the verdict of every test.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from domain.errors import Fault
from domain.orders.fact_metadata import GROWING, LASTING, ONCE_KNOWN
from domain.policy.checks import unknown_name
from domain.policy.constants import describe_type, to_fact_type
from domain.policy.decision import Verdict, to_fact_value
from domain.policy.document_types import Condition
from domain.policy.facts import ORDER_FACTS, Fact

Predicate = Callable[[Any], bool]

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}


class CompiledCondition(Struct, frozen=True):
    holds: Predicate
    explain: Callable[[Any], tuple[Verdict, ...]]
    facts: frozenset[str]


class CompiledTest(Struct, frozen=True):
    fact: Fact
    test: str
    passes: Predicate


def compile_condition(
    condition: Condition,
    known: Mapping[str, Fact],
    pointer: str,
    faults: list[Fault],
    *,
    lasting: bool = False,
) -> CompiledCondition | None:
    """The compiled condition, or None with its faults added to `faults`.

    With `lasting`, every test must stay true as more signals arrive.
    """
    leaves: list[CompiledTest] = []
    before = len(faults)
    holds = _Compilation(known, faults, leaves).node(condition, pointer, lasting)
    if holds is None or len(faults) > before:
        return None

    def explain(facts: Any) -> tuple[Verdict, ...]:
        return tuple(
            Verdict(
                leaf.fact.path, leaf.test, to_fact_value(leaf.fact.read(facts)), leaf.passes(facts)
            )
            for leaf in leaves
        )

    return CompiledCondition(holds, explain, frozenset(leaf.fact.path for leaf in leaves))


def compile_order_condition(
    condition: Condition | None, pointer: str, faults: list[Fault], *, lasting: bool = False
) -> CompiledCondition | None:
    """Compile a condition on an order; None without one."""
    if condition is None:
        return None
    return compile_condition(condition, ORDER_FACTS, pointer, faults, lasting=lasting)


_FIELDS: Final = dict(
    zip(Condition.__struct_encode_fields__, Condition.__struct_fields__, strict=True)
)
"""The written name of each field of a condition -> its name in Python."""
_FORMS: Final = ("all", "any", "not", "fact")
_TESTS: Final = tuple(name for name in _FIELDS if name not in _FORMS)


def _given(condition: Condition, names: Iterable[str]) -> dict[str, Any]:
    """Those of the named fields that the condition gives."""
    values = {name: getattr(condition, _FIELDS[name]) for name in names}
    return {name: value for name, value in values.items() if value is not None}


class _Compilation(Struct):
    """A condition in the making: its faults and tests so far."""

    known: Mapping[str, Fact]
    faults: list[Fault]
    leaves: list[CompiledTest]

    def node(self, condition: Condition, pointer: str, lasting: bool) -> Predicate | None:
        forms, faults = _given(condition, _FORMS), self.faults
        if len(forms) != 1:
            given = " and ".join(forms) or "none"
            detail = f"give exactly one of all, any, not, fact; given: {given}"
            faults.append(Fault(pointer, detail))
            return None
        ((name, parts),) = forms.items()
        if name == "fact":
            return self._leaf(condition, parts, pointer, lasting)
        if extra := [*_given(condition, _TESTS)]:
            faults.append(Fault(f"{pointer}/{extra[0]}", "a test needs a `fact`: add one"))
        if name == "not":
            if lasting:
                faults.append(Fault(f"{pointer}/not", _NOT_LASTING))
            inner = self.node(parts, f"{pointer}/not", False)
            return None if inner is None else _negate(inner)
        if not parts:
            detail = "must not be empty: give at least one condition"
            faults.append(Fault(f"{pointer}/{name}", detail))
        tests = [self.node(part, f"{pointer}/{name}/{n}", lasting) for n, part in enumerate(parts)]
        valid = [test for test in tests if test is not None]
        return _all_pass(valid) if name == "all" else _any_passes(valid)

    def _leaf(
        self, condition: Condition, path: str, pointer: str, lasting: bool
    ) -> Predicate | None:
        fact, known, faults = self.known.get(path), self.known, self.faults
        if fact is None:
            group = [p for p in known if p.startswith(f"{path.partition('.')[0]}.")]
            faults.append(unknown_name(f"{pointer}/fact", "fact", path, group or known))
            return None
        tests = _given(condition, _TESTS)
        if len(tests) != 1:
            given = ", ".join(tests) or "none"
            faults.append(Fault(pointer, f"give exactly one test of {path}; given: {given}"))
            return None
        ((name, value),) = tests.items()
        if lasting and not _is_lasting(fact, name, value):
            moves = fact.moves or "it may change either way"
            faults.append(Fault(f"{pointer}/{name}", f"{path}: {moves}. {_NOT_LASTING}"))
        passes = _make_predicate(fact, name, value, f"{pointer}/{name}", faults)
        if passes is not None:
            self.leaves.append(CompiledTest(fact, f"{name} {_format_value(value)}", passes))
        return passes


_NOT_LASTING = (
    "A detection must stay true as more signals arrive, so that their order does not matter. "
    "This test may become false: use a lasting fact, or an expectation, which is decided when due"
)


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


def _is_lasting(fact: Fact, test: str, value: object) -> bool:
    return (
        (fact.moves == LASTING and test == "is" and value is True)
        or (fact.moves == GROWING and test in ("above", "at_least"))
        or (fact.moves == ONCE_KNOWN and test == "known" and value is True)
    )


def _format_value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_format_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _make_predicate(
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
    if constant is None:
        return None
    if name == "is":
        return lambda f: bool(read(f) == constant)
    if fact.type is bool or issubclass(fact.type, str):
        detail = f"{fact.path} is {describe_type(fact.type)}, which has no order: use is or one_of"
        faults.append(Fault(pointer, detail))
        return None
    compare = _COMPARISONS[name]
    return lambda f: (found := read(f)) is not None and compare(found, constant)
