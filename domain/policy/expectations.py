"""Expectations: when each is due, and whether the facts show it met, void or missed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from domain.errors import Fault
from domain.orders.facts import OrderFacts
from domain.policy.amounts import NO_RATES, Rates
from domain.policy.checks import duration_faults
from domain.policy.comparisons import Scope, find_fact
from domain.policy.conditions import CompiledCondition, compile_order_condition
from domain.policy.decision import Decision, Verdict, to_fact_value
from domain.policy.document import Expectation
from domain.policy.facts import (
    context_of,
    context_to_decide,
    contexts_of,
    feeds_of,
    groups_of,
    known_facts,
    part_fact_name,
    sources_of,
)

TIME_RESOLUTION = timedelta.resolution
MAX_DURATION = timedelta(days=3660)


class Deadline(Struct, frozen=True, gc=False):
    """When an expectation falls due. `missed_from` is the first moment at which it is missed."""

    at: datetime
    missed_from: datetime


class Watch:
    """A compiled expectation, of the whole order or of `each` part of a kind.

    A part is named by its key, such as `parcel:P1`; the key of the whole order is empty.
    """

    def __init__(
        self,
        expectation: Expectation,
        given: CompiledCondition | None,
        met_when: CompiledCondition | None,
        version: str,
    ) -> None:
        self.rule = expectation.rule
        self.kind = expectation.kind
        self.each = expectation.each
        known = known_facts(self.each)
        self._due = expectation.due
        self._met_by = known[expectation.met_by] if expectation.met_by else None
        self._met_when = met_when
        self._void_by = tuple(known[path] for path in expectation.void_by)
        self._given = given
        self._version = version
        due = self._due.at or self._due.by_end_of_day or self._due.after
        assert due is not None
        self._anchor = known[due]
        facts = [self._anchor, *self._void_by, *((self._met_by,) if self._met_by else ())]
        names = frozenset().union(*(fact.reads for fact in facts))
        names |= (given.facts if given else frozenset()) | (
            met_when.facts if met_when else frozenset()
        )
        names |= {part_fact_name(self.each, "part.id")} if self.each else frozenset()
        self.facts: frozenset[str] = names
        self.feeds = feeds_of(names)
        self.sources = sources_of(names)
        self.groups = groups_of(names)

    def deadline(self, facts: OrderFacts) -> Deadline | None:
        """The deadline for this order; None while it is not known or the expectation does not apply."""
        return self._deadline(facts) if self.each is None else None

    def open_deadline(self, facts: OrderFacts) -> Deadline | None:
        """The deadline of the order, unless the facts show the expectation met or void."""
        deadline = self.deadline(facts)
        return None if deadline is None or self._settled(facts, deadline) else deadline

    def deadlines(self, facts: OrderFacts) -> Sequence[tuple[str, Deadline]]:
        """The key and the deadline of each part that has one, or of the order."""
        return [
            (key, deadline)
            for key, context in contexts_of(self.each, facts)
            if (deadline := self._deadline(context)) is not None
        ]

    def open_deadlines(self, facts: OrderFacts) -> Sequence[tuple[str, Deadline]]:
        """The deadlines, without those of which the facts show the expectation met or void."""
        if self.each is None:
            deadline = self._deadline(facts)
            if deadline is None or self._settled(facts, deadline):
                return []
            return [("", deadline)]
        return [
            (key, deadline)
            for key, context in contexts_of(self.each, facts)
            if (deadline := self._deadline(context)) is not None
            and not self._settled(context, deadline)
        ]

    def deadline_of(self, facts: OrderFacts, part: str) -> Deadline | None:
        """The deadline of one part; None also if the part is not there."""
        context = context_of(self.each, facts, part)
        return None if context is None else self._deadline(context)

    def due_of(self, facts: OrderFacts, part: str) -> Deadline | None:
        """The deadline of one part, also if the expectation does not apply to it any more."""
        context = context_of(self.each, facts, part)
        return None if context is None else self._due_at(context)

    def settled(self, facts: OrderFacts, deadline: Deadline, part: str = "") -> bool:
        """Whether the facts show it met or void in time. `met_when` is decided only when it is due."""
        context = context_of(self.each, facts, part)
        return context is not None and self._settled(context, deadline)

    def met_when_due(self, facts: OrderFacts, part: str = "") -> bool:
        context = context_of(self.each, facts, part)
        return context is not None and self._met_when is not None and self._met_when.holds(context)

    @property
    def is_checked_when_due(self) -> bool:
        return self._met_when is not None

    def _deadline(self, context: Any) -> Deadline | None:
        # First: most expectations of an order count from something that has not happened.
        if self._anchor.read(context) is None:
            return None
        if self._given is not None and not self._given.holds(context):
            return None
        return self._due_at(context)

    def _due_at(self, context: Any) -> Deadline | None:
        anchor = self._anchor.read(context)
        if anchor is None:
            return None
        if self._due.by_end_of_day is not None:
            return Deadline(anchor, anchor)
        at = anchor + (self._due.within or timedelta())
        # An event at the deadline itself is in time.
        return Deadline(at, at + TIME_RESOLUTION)

    def _settled(self, context: Any, deadline: Deadline) -> bool:
        met_by = self._met_by
        if met_by is not None and _is_before(met_by.read(context), deadline):
            return True
        return any(_is_before(fact.read(context), deadline) for fact in self._void_by)

    def decide(self, facts: OrderFacts, deadline: Deadline, part: str = "") -> Decision:
        """The decision that it is missed, met or void, with every test and the value read.

        Raises LookupError for a part that is not there.
        """
        context = context_to_decide(self.rule, self.each, facts, part)
        at = to_fact_value(deadline.at)
        due = self._due
        how = (
            f"ends the day {at}"
            if due.by_end_of_day
            else f"due {at}"
            if due.at
            else f"due {at}, {due.within} later"
        )
        verdicts = [
            Verdict(self._anchor.path, how, to_fact_value(self._anchor.read(context)), True)
        ]
        bound = "before" if due.by_end_of_day else "not after"
        for fact in (*((self._met_by,) if self._met_by else ()), *self._void_by):
            read = fact.read(context)
            test = f"{bound} {at}"
            verdicts.append(
                Verdict(fact.path, test, to_fact_value(read), _is_before(read, deadline))
            )
        for condition in (self._given, self._met_when):
            verdicts += condition.explain(context) if condition else ()
        return Decision(policy=self._version, rule=self.rule, verdicts=tuple(verdicts))


def compile_watch(
    expectation: Expectation,
    pointer: str,
    version: str,
    faults: list[Fault],
    rates: Rates = NO_RATES,
) -> Watch | None:
    """The expectation compiled, or None with its faults added to `faults`."""
    before = len(faults)
    due = expectation.due
    anchors = {"at": due.at, "by_end_of_day": due.by_end_of_day, "after": due.after}
    named = {name: path for name, path in anchors.items() if path is not None}
    if len(named) != 1:
        faults.append(Fault(f"{pointer}/due", "give exactly one of at, by_end_of_day, after"))
    if (due.after is None) != (due.within is None):
        faults.append(Fault(f"{pointer}/due", "give both `after` and `within`, or neither"))
    faults += duration_faults(f"{pointer}/due/within", due.within, MAX_DURATION)
    if (expectation.met_by is None) == (expectation.met_when is None):
        faults.append(Fault(pointer, "give exactly one of met_by, met_when"))
    moments = [(f"due/{name}", path) for name, path in named.items()]
    moments += [("met_by", expectation.met_by)] if expectation.met_by else []
    moments += [(f"void_by/{n}", path) for n, path in enumerate(expectation.void_by)]
    each = expectation.each
    for place, path in moments:
        check_time_fact(path, Scope(known_facts(each), each), f"{pointer}/{place}", faults)
    given, met_when = (
        compile_order_condition(condition, f"{pointer}/{name}", faults, each=each, rates=rates)
        for name, condition in (("given", expectation.given), ("met_when", expectation.met_when))
    )
    if len(faults) > before:
        return None
    return Watch(expectation, given, met_when, version)


def _is_before(moment: datetime | None, deadline: Deadline) -> bool:
    return moment is not None and moment < deadline.missed_from


def check_time_fact(path: str, scope: Scope, pointer: str, faults: list[Fault]) -> None:
    """Add a fault unless the path is a fact that is a time."""
    fact = scope.known.get(path)
    if fact is None and path.startswith("part."):
        find_fact(path, scope, pointer, faults)
    elif fact is None or fact.type is not datetime:
        times = ", ".join(sorted(f.path for f in scope.known.values() if f.type is datetime))
        problem = f"there is no fact {path}" if fact is None else f"{path} is not a time"
        faults.append(Fault(pointer, f"{problem}; times are: {times}"))
