"""The rulebook of a policy: it decides what is a problem, what is overdue, and where a case goes.

It is compiled once from a document and is pure: facts and a time in, decisions out.
"""

from decimal import Decimal
from functools import cached_property

from msgspec import Struct

from domain.clock.terms import ServiceTerms
from domain.errors import Fault, Invalid
from domain.orders.facts import OrderFacts
from domain.policy.approvals import ApprovalMatrix
from domain.policy.conditions import CompiledCondition, compile_condition, compile_order_condition
from domain.policy.decision import Decision, Verdict
from domain.policy.document import Kind, Ladder, PolicyDocument, Route, digest_of
from domain.policy.expectations import Watch, compile_watch
from domain.policy.fact_paths import find_fact_paths
from domain.policy.facts import ROUTING_FACTS, CaseFacts, RoutingFacts, feeds_of
from domain.policy.service_levels import compile_terms


class Routing(Struct, frozen=True, kw_only=True):
    queue: str
    owner_team: str
    work_type: str
    skill: str
    priority: int
    decision: Decision


class Detector:
    """One detection rule."""

    def __init__(self, rule: str, kind: str, condition: CompiledCondition, version: str) -> None:
        self.rule = rule
        self.kind = kind
        self.feeds = feeds_of(condition.facts)
        self.holds = condition.holds
        self._explain = condition.explain
        self._version = version

    def decide(self, facts: OrderFacts) -> Decision:
        return Decision(policy=self._version, rule=self.rule, verdicts=self._explain(facts))


class Rulebook:
    """A compiled policy. Raises Invalid, with every fault, for an invalid document."""

    def __init__(self, document: PolicyDocument) -> None:
        faults: list[Fault] = []
        self.document = document
        self.version = document.version
        self.digest = digest_of(document)
        self.detectors: tuple[Detector, ...] = tuple(
            Detector(d.rule, d.kind, compiled, document.version)
            for n, d in enumerate(document.detect)
            if (
                compiled := compile_order_condition(
                    d.when, f"/detect/{n}/when", faults, lasting=True
                )
            )
        )
        self.watches: tuple[Watch, ...] = tuple(
            watch
            for n, expectation in enumerate(document.expect)
            if (watch := compile_watch(expectation, f"/expect/{n}", document.version, faults))
        )
        self._clearing = {
            name: compile_order_condition(kind.cleared_when, f"/kinds/{name}/cleared_when", faults)
            for name, kind in document.kinds.items()
            if kind.cleared_when is not None
        }
        self._passing = compile_order_condition(
            document.standard_flow_when, "/standard_flow_when", faults
        )
        self._pausing = compile_order_condition(
            document.automation_pauses_when, "/automation_pauses_when", faults
        )
        self._routes: list[tuple[Route, CompiledCondition | None]] = [
            (
                route,
                compile_condition(route.when, ROUTING_FACTS, f"/route/{n}/when", faults)
                if route.when is not None
                else None,
            )
            for n, route in enumerate(document.route)
        ]
        self._fed_detectors: dict[frozenset[str], tuple[Detector, ...]] = {}
        self._fed_watches: dict[frozenset[str], tuple[int, ...]] = {}
        self._terms = compile_terms(document, faults)
        self.approvals = (
            ApprovalMatrix(document.approvals, document.version, self.digest, faults)
            if document.approvals is not None
            else None
        )
        if faults:
            raise Invalid(faults, f"policy {document.policy} {document.version}")

    def passes(self, facts: OrderFacts) -> Decision | None:
        """The decision that an order passes intake; None if it does not."""
        return self._decide(self._passing, "standard_flow_when", facts)

    def kind(self, name: str) -> Kind:
        return self.document.kinds[name]

    @cached_property
    def signal_types_by_kind(self) -> dict[str, frozenset[str]]:
        """Kind -> the signal types that its rules read."""
        fed: dict[str, frozenset[str]] = {}
        rules: tuple[Detector | Watch, ...] = (*self.detectors, *self.watches)
        for rule in rules:
            fed[rule.kind] = fed.get(rule.kind, frozenset()) | rule.feeds
        for name, condition in self._clearing.items():
            if condition is not None:
                fed[name] = fed.get(name, frozenset()) | feeds_of(condition.facts)
        return fed

    def facts_read_by(self, kind: str) -> frozenset[str]:
        """The facts that the rules of this kind and the bands of the approval matrix read."""
        document, own = self.document, (*self.document.detect, *self.document.expect)
        rules: list[object] = [rule for rule in own if rule.kind == kind]
        rules += [known.cleared_when for name, known in document.kinds.items() if name == kind]
        rules += [band.when for band in document.approvals.bands] if document.approvals else []
        return frozenset(find_fact_paths(rules))

    def detectors_for(self, types: frozenset[str]) -> tuple[Detector, ...]:
        """The detectors that read one of these signal types, in the order of the document."""
        found = self._fed_detectors.get(types)
        if found is None:
            found = tuple(detector for detector in self.detectors if types & detector.feeds)
            self._fed_detectors[types] = found
        return found

    def watch_indexes_for(self, types: frozenset[str]) -> tuple[int, ...]:
        """The indexes of the watches that read one of these signal types."""
        found = self._fed_watches.get(types)
        if found is None:
            found = tuple(n for n, watch in enumerate(self.watches) if types & watch.feeds)
            self._fed_watches[types] = found
        return found

    def watch(self, rule: str) -> Watch | None:
        return next((watch for watch in self.watches if watch.rule == rule), None)

    def cleared(self, kind: str, rule: str, facts: OrderFacts) -> Decision | None:
        """The decision that the problem is gone; None if it is not.

        It is gone if the kind's `cleared_when` holds, or if a late signal shows that the expectation
        was met or void in time, by the deadline as known now.
        """
        decision = self._decide(self._clearing.get(kind), f"{kind}.cleared_when", facts)
        if decision is not None:
            return decision
        watch = self.watch(rule)
        deadline = watch.deadline(facts) if watch is not None else None
        if watch is None or deadline is None or not watch.settled(facts, deadline):
            return None
        return watch.decide(facts, deadline)

    def paused(self, facts: OrderFacts) -> Decision | None:
        """The decision that no case of this order resolves itself now; None if cases may."""
        return self._decide(self._pausing, "automation_pauses_when", facts)

    def _decide(
        self, condition: CompiledCondition | None, rule: str, facts: OrderFacts
    ) -> Decision | None:
        if condition is None or not condition.holds(facts):
            return None
        return Decision(policy=self.version, rule=rule, verdicts=condition.explain(facts))

    def service(self, work_type: str, tier: str | None) -> tuple[str, ServiceTerms] | None:
        """The rule and the full terms of the first service level that fits; None if none does."""
        for service in self.document.services:
            if service.work_type in (None, work_type) and service.tier in (None, tier):
                return service.rule, self._terms[service.rule]
        return None

    def ladder(self, queue: str) -> Ladder | None:
        """The escalation ladder of a queue; None without one."""
        named = self.document.queues[queue].ladder if queue in self.document.queues else None
        return self.document.ladders.get(named) if named is not None else None

    def route(self, case: CaseFacts, facts: OrderFacts) -> Routing:
        """The routing by the first route that fits; a valid document always has one."""
        groups = {name: getattr(facts, name) for name in OrderFacts.__struct_fields__}
        routing_facts = RoutingFacts(**groups, case=case)
        verdicts: list[Verdict] = []
        for route, condition in self._routes:
            verdicts += condition.explain(routing_facts) if condition is not None else ()
            if condition is None or condition.holds(routing_facts):
                return self._routing(route, case, facts, tuple(verdicts))
        raise AssertionError("a valid policy ends with a route that fits every case")

    def _value_weight(self, charge: Decimal | None) -> int:
        """The weight of the highest band that a charge reaches."""
        bands = [
            b for b in self.document.priorities.value if charge is not None and b.at_least <= charge
        ]
        return max(bands, key=lambda band: band.at_least).adds if bands else 0

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
            + weights.tier.get(facts.customer.tier or "", 0)
            + self._value_weight(facts.charge.total),
            decision=Decision(policy=self.version, rule=route.rule, verdicts=verdicts),
        )
