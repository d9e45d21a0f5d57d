"""A policy document as decisions: what is a problem, what is overdue, where a case goes.

A rulebook is compiled once from a checked document and is pure: facts and a time in, decisions out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property

from msgspec import Struct

from domain.clock.terms import ServiceTerms
from domain.errors import Fault, Invalid
from domain.orders.facts import OrderFacts
from domain.policy.conditions import Compiled, Fact, compile_condition, facts_in
from domain.policy.decision import Decision, Verdict, as_value
from domain.policy.document import (
    Bucket,
    Condition,
    Expectation,
    Kind,
    Ladder,
    PolicyDocument,
    Route,
    Severity,
    canonical,
)
from domain.policy.services import terms_of

RESOLUTION = timedelta.resolution
LONGEST = timedelta(days=3660)


class CaseFacts(Struct, frozen=True):
    """What a route may read of the case itself."""

    kind: str
    bucket: Bucket
    severity: Severity
    rule: str


class RoutingFacts(OrderFacts, frozen=True):
    """What a route may read: the facts of the order, and the case."""

    case: CaseFacts


ORDER_FACTS: Mapping[str, Fact] = facts_in(OrderFacts)
ROUTING_FACTS: Mapping[str, Fact] = facts_in(RoutingFacts)


class Deadline(Struct, frozen=True, gc=False):
    """When an expectation falls due. `missed_from` is the first moment at which it is missed."""

    at: datetime
    missed_from: datetime


class Routing(Struct, frozen=True, kw_only=True):
    queue: str
    owner_team: str
    work_type: str
    skill: str
    priority: int
    decision: Decision


class Detector:
    """One detection rule."""

    def __init__(self, rule: str, kind: str, condition: Compiled, version: str) -> None:
        self.rule = rule
        self.kind = kind
        self.feeds = _feeds(condition.facts)
        self.holds = condition.holds
        self._explain = condition.explain
        self._version = version

    def decide(self, facts: OrderFacts) -> Decision:
        return Decision(policy=self._version, rule=self.rule, verdicts=self._explain(facts))


class Watch:
    """One expectation."""

    def __init__(
        self,
        expectation: Expectation,
        given: Compiled | None,
        met_when: Compiled | None,
        version: str,
    ) -> None:
        self.rule = expectation.rule
        self.kind = expectation.kind
        self._due = expectation.due
        self._met_by = ORDER_FACTS[expectation.met_by] if expectation.met_by else None
        self._met_when = met_when
        self._void_by = tuple(ORDER_FACTS[path] for path in expectation.void_by)
        self._given = given
        self._version = version
        due = self._due.at or self._due.by_end_of_day or self._due.after
        assert due is not None
        self._anchor = ORDER_FACTS[due]
        paths = {due, *expectation.void_by}
        paths |= {expectation.met_by} if expectation.met_by else set()
        paths |= (given.facts if given else set()) | (met_when.facts if met_when else set())
        self.feeds = _feeds(frozenset(paths))

    def deadline(self, facts: OrderFacts) -> Deadline | None:
        """When it falls due for this order; None while that is not known."""
        anchor = self._anchor.read(facts)
        if anchor is None or (self._given is not None and not self._given.holds(facts)):
            return None
        if self._due.by_end_of_day is not None:
            return Deadline(anchor, anchor)
        at = anchor + (self._due.within or timedelta())
        # What happens at the deadline itself is still in time.
        return Deadline(at, at + RESOLUTION)

    def settled(self, facts: OrderFacts, deadline: Deadline) -> bool:
        """Met or void in time, by what is known. A `met_when` is only decided when it is due."""
        met_by = self._met_by
        if met_by is not None and _before(met_by.read(facts), deadline):
            return True
        return any(_before(fact.read(facts), deadline) for fact in self._void_by)

    def met_when_due(self, facts: OrderFacts) -> bool:
        return self._met_when is not None and self._met_when.holds(facts)

    @property
    def is_checked_when_due(self) -> bool:
        return self._met_when is not None

    def decide(self, facts: OrderFacts, deadline: Deadline) -> Decision:
        """Why it is missed, met or void: every test with what it read."""
        at = as_value(deadline.at)
        due = self._due
        how = (
            f"ends the day {at}"
            if due.by_end_of_day
            else f"due {at}"
            if due.at
            else f"due {at}, {due.within} later"
        )
        verdicts = [Verdict(self._anchor.path, how, as_value(self._anchor.read(facts)), True)]
        bound = "before" if due.by_end_of_day else "not after"
        for fact in (*((self._met_by,) if self._met_by else ()), *self._void_by):
            read = fact.read(facts)
            test = f"{bound} {at}"
            verdicts.append(Verdict(fact.path, test, as_value(read), _before(read, deadline)))
        for condition in (self._given, self._met_when):
            verdicts += condition.explain(facts) if condition else ()
        return Decision(policy=self._version, rule=self.rule, verdicts=tuple(verdicts))


def _before(moment: datetime | None, deadline: Deadline) -> bool:
    return moment is not None and moment < deadline.missed_from


def _feeds(paths: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(ORDER_FACTS[path].feeds for path in paths))


class Rulebook:
    """A compiled policy. Raises Invalid, with every fault, when the document is not sound."""

    def __init__(self, document: PolicyDocument) -> None:
        faults: list[Fault] = []
        self.document = document
        self.version = document.version
        self.digest = hashlib.sha256(canonical(document)).hexdigest()
        self.detectors: tuple[Detector, ...] = tuple(
            Detector(d.rule, d.kind, compiled, document.version)
            for n, d in enumerate(document.detect)
            if (compiled := _order_condition(d.when, f"/detect/{n}/when", faults, lasting=True))
        )
        self.watches: tuple[Watch, ...] = tuple(
            watch
            for n, expectation in enumerate(document.expect)
            if (watch := _watch(expectation, f"/expect/{n}", document.version, faults))
        )
        self._clearing = {
            name: _order_condition(kind.cleared_when, f"/kinds/{name}/cleared_when", faults)
            for name, kind in document.kinds.items()
            if kind.cleared_when is not None
        }
        self._pausing = _order_condition(
            document.automation_pauses_when, "/automation_pauses_when", faults
        )
        self._routes: list[tuple[Route, Compiled | None]] = [
            (
                route,
                compile_condition(route.when, ROUTING_FACTS, f"/route/{n}/when", faults)
                if route.when is not None
                else None,
            )
            for n, route in enumerate(document.route)
        ]
        self._fed_detectors: dict[frozenset[str], tuple[Detector, ...]] = {}
        self._terms = terms_of(document, faults)
        if faults:
            raise Invalid(faults, f"policy {document.policy} {document.version}")

    def kind(self, name: str) -> Kind:
        return self.document.kinds[name]

    @cached_property
    def fed_by(self) -> dict[str, frozenset[str]]:
        """Kind -> the signal types that say something about it."""
        fed: dict[str, frozenset[str]] = {}
        rules: tuple[Detector | Watch, ...] = (*self.detectors, *self.watches)
        for rule in rules:
            fed[rule.kind] = fed.get(rule.kind, frozenset()) | rule.feeds
        for name, condition in self._clearing.items():
            if condition is not None:
                fed[name] = fed.get(name, frozenset()) | _feeds(condition.facts)
        return fed

    def detectors_fed_by(self, types: frozenset[str]) -> tuple[Detector, ...]:
        """Those that signals of one of these types say something to, in their order."""
        found = self._fed_detectors.get(types)
        if found is None:
            found = tuple(detector for detector in self.detectors if types & detector.feeds)
            self._fed_detectors[types] = found
        return found

    def watch(self, rule: str) -> Watch | None:
        return next((watch for watch in self.watches if watch.rule == rule), None)

    def cleared(self, kind: str, rule: str, facts: OrderFacts) -> Decision | None:
        """Why the problem is gone, if it is: the kind's `cleared_when` holds, or a late statement
        shows that the expectation was met or void in time (by the deadline as it is known now)."""
        condition = self._clearing.get(kind)
        if condition is not None and condition.holds(facts):
            explained = condition.explain(facts)
            return Decision(policy=self.version, rule=f"{kind}.cleared_when", verdicts=explained)
        watch = self.watch(rule)
        deadline = watch.deadline(facts) if watch is not None else None
        if watch is None or deadline is None or not watch.settled(facts, deadline):
            return None
        return watch.decide(facts, deadline)

    def paused(self, facts: OrderFacts) -> Decision | None:
        """Why no case of this order resolves itself now, if none does."""
        if self._pausing is None or not self._pausing.holds(facts):
            return None
        explained = self._pausing.explain(facts)
        return Decision(policy=self.version, rule="automation_pauses_when", verdicts=explained)

    def service(self, work_type: str, tier: str | None) -> tuple[str, ServiceTerms] | None:
        """The first service level that fits, and its terms with their calendar written out."""
        for service in self.document.services:
            if service.work_type in (None, work_type) and service.tier in (None, tier):
                return service.rule, self._terms[service.rule]
        return None

    def ladder(self, queue: str) -> Ladder | None:
        """Who is told when a case of this queue lies untouched."""
        named = self.document.queues[queue].ladder if queue in self.document.queues else None
        return self.document.ladders.get(named) if named is not None else None

    def route(self, case: CaseFacts, facts: OrderFacts) -> Routing:
        """The first route that fits; a checked document always has one."""
        groups = {name: getattr(facts, name) for name in OrderFacts.__struct_fields__}
        reading = RoutingFacts(**groups, case=case)
        verdicts: list[Verdict] = []
        for route, condition in self._routes:
            verdicts += condition.explain(reading) if condition is not None else ()
            if condition is None or condition.holds(reading):
                return self._routing(route, case, facts, tuple(verdicts))
        raise AssertionError("a checked policy ends with a route that fits every case")

    def _routing(
        self, route: Route, case: CaseFacts, facts: OrderFacts, verdicts: tuple[Verdict, ...]
    ) -> Routing:
        weights = self.document.priorities
        return Routing(
            queue=route.queue,
            owner_team=self.document.queues[route.queue].owner_team,
            work_type=route.work_type,
            skill=route.skill,
            priority=route.priority
            + weights.severity.get(case.severity, 0)
            + weights.tier.get(facts.customer.tier or "", 0),
            decision=Decision(policy=self.version, rule=route.rule, verdicts=verdicts),
        )


def _order_condition(
    condition: Condition | None, pointer: str, faults: list[Fault], *, lasting: bool = False
) -> Compiled | None:
    if condition is None:
        return None
    return compile_condition(condition, ORDER_FACTS, pointer, faults, lasting=lasting)


def _watch(
    expectation: Expectation, pointer: str, version: str, faults: list[Fault]
) -> Watch | None:
    before = len(faults)
    due = expectation.due
    anchors = {"at": due.at, "by_end_of_day": due.by_end_of_day, "after": due.after}
    named = {name: path for name, path in anchors.items() if path is not None}
    if len(named) != 1:
        faults.append(Fault(f"{pointer}/due", "say exactly one of at, by_end_of_day, after"))
    if (due.after is None) != (due.within is None):
        faults.append(Fault(f"{pointer}/due", "`after` and `within` belong together"))
    if due.within is not None and not timedelta() < due.within <= LONGEST:
        faults.append(
            Fault(
                f"{pointer}/due/within", f"must be longer than nothing, at most {LONGEST.days} days"
            )
        )
    if (expectation.met_by is None) == (expectation.met_when is None):
        faults.append(Fault(pointer, "say exactly one of met_by, met_when"))
    moments = [(f"due/{name}", path) for name, path in named.items()]
    moments += [("met_by", expectation.met_by)] if expectation.met_by else []
    moments += [(f"void_by/{n}", path) for n, path in enumerate(expectation.void_by)]
    for place, path in moments:
        _check_moment(path, f"{pointer}/{place}", faults)
    given = _order_condition(expectation.given, f"{pointer}/given", faults)
    met_when = _order_condition(expectation.met_when, f"{pointer}/met_when", faults)
    if len(faults) > before:
        return None
    return Watch(expectation, given, met_when, version)


def _check_moment(path: str, pointer: str, faults: list[Fault]) -> None:
    fact = ORDER_FACTS.get(path)
    if fact is None or fact.type is not datetime:
        times = ", ".join(sorted(f.path for f in ORDER_FACTS.values() if f.type is datetime))
        what = "there is no fact" if fact is None else "not a time:"
        faults.append(Fault(pointer, f"{what} {path}; times are: {times}"))
