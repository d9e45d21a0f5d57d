"""The rulebook of a policy: it decides what is a problem, what is overdue, and where a case goes.

It is compiled once from a document and is pure: facts and a time in, decisions out.
"""

from contextlib import suppress
from functools import cached_property
from typing import Any

from msgspec import Struct

from domain.clock.terms import ServiceTerms
from domain.errors import Fault, Invalid
from domain.orders.charge_facts import ChargeFacts
from domain.orders.facts import OrderFacts
from domain.orders.parts import split_part_key
from domain.policy.affected_rules import AffectedRules
from domain.policy.amounts import NO_RATES, Rates
from domain.policy.approvals import ApprovalMatrix
from domain.policy.clearing import compile_clearing
from domain.policy.conditions import CompiledCondition, compile_condition, compile_order_condition
from domain.policy.decision import Decision, Verdict
from domain.policy.detector import Detector
from domain.policy.document import Kind, Ladder, PolicyDocument, Route, digest_of
from domain.policy.expectations import Watch, compile_watch
from domain.policy.facts import (
    ROUTING_FACTS,
    CaseFacts,
    RoutingFacts,
    context_of,
    feeds_of,
    sources_of,
)
from domain.policy.service_levels import compile_terms
from domain.policy.stages import compile_stages


class Routing(Struct, frozen=True, kw_only=True):
    queue: str
    owner_team: str
    work_type: str
    skill: str
    priority: int
    decision: Decision


class Rulebook:
    """A compiled policy. Raises Invalid, with every fault, for an invalid document."""

    def __init__(self, document: PolicyDocument) -> None:
        faults: list[Fault] = []
        self.document = document
        self.version = document.version
        self.digest = digest_of(document)
        approvals = document.approvals
        rates = Rates(approvals.currency, approvals.rates) if approvals is not None else NO_RATES
        self._rates = rates
        self.detectors: tuple[Detector, ...] = tuple(
            Detector(d, compiled, document.version)
            for n, d in enumerate(document.detect)
            if (
                compiled := compile_order_condition(
                    d.when, f"/detect/{n}/when", faults, each=d.each, rates=rates
                )
            )
        )
        self.watches: tuple[Watch, ...] = tuple(
            watch
            for n, rule in enumerate(document.expect)
            if (watch := compile_watch(rule, f"/expect/{n}", document.version, faults, rates))
        )
        self._clearing = compile_clearing(document, rates, faults)
        self._passing = compile_order_condition(
            document.standard_flow_when, "/standard_flow_when", faults, rates=rates
        )
        self._pausing = compile_order_condition(
            document.automation_pauses_when, "/automation_pauses_when", faults, rates=rates
        )
        self._routes: list[tuple[Route, CompiledCondition | None]] = [
            (
                route,
                compile_condition(
                    route.when, ROUTING_FACTS, f"/route/{n}/when", faults, rates=rates
                )
                if route.when is not None
                else None,
            )
            for n, route in enumerate(document.route)
        ]
        self._fed_detectors: dict[frozenset[str], tuple[Detector, ...]] = {}
        self.affected = AffectedRules(self.detectors, self.watches)
        self._terms = compile_terms(document, faults)
        self.standard_work = compile_stages(
            document.stages, document.calendars, document.version, faults
        )
        self.approvals = (
            ApprovalMatrix(document.approvals, document.version, self.digest, faults)
            if document.approvals is not None
            else None
        )
        faults += [
            Fault(f"/priorities/value/{n}/at_least", missing)
            for n, band in enumerate(document.priorities.value)
            if (missing := rates.missing(band.amount.currency))
        ]
        if faults:
            raise Invalid(faults, f"policy {document.policy} {document.version}")

    def passes(self, facts: OrderFacts) -> Decision | None:
        """The decision that an order passes intake; None if it does not."""
        return self._decide(self._passing, "standard_flow_when", facts)

    def kind(self, name: str) -> Kind:
        return self.document.kinds[name]

    @cached_property
    def signal_types_by_kind(self) -> dict[str, frozenset[str]]:
        """Kind -> the types of the signals that can change what its rules read."""
        return {kind: feeds_of(facts) for kind, facts in self._facts_by_kind.items()}

    @cached_property
    def source_types_by_kind(self) -> dict[str, frozenset[str]]:
        """Kind -> the types of the signals that are about what its rules read."""
        return {kind: sources_of(facts) for kind, facts in self._facts_by_kind.items()}

    @cached_property
    def _facts_by_kind(self) -> dict[str, frozenset[str]]:
        """Kind -> the facts that its rules read."""
        found: dict[str, frozenset[str]] = {}
        rules: tuple[Detector | Watch, ...] = (*self.detectors, *self.watches)
        for rule in rules:
            found[rule.kind] = found.get(rule.kind, frozenset()) | rule.facts
        for name, conditions in self._clearing.items():
            for condition in conditions.values():
                found[name] = found.get(name, frozenset()) | condition.facts
        return found

    def facts_read_by(self, kind: str) -> frozenset[str]:
        """The names of the facts that the rules of this kind and the approval matrix read."""
        facts = self._facts_by_kind.get(kind, frozenset())
        return facts | self.approvals.facts if self.approvals is not None else facts

    def detectors_for(self, types: frozenset[str]) -> tuple[Detector, ...]:
        """The detectors that read one of these signal types, in the order of the document."""
        found = self._fed_detectors.get(types)
        if found is None:
            found = tuple(detector for detector in self.detectors if types & detector.feeds)
            self._fed_detectors[types] = found
        return found

    def watch(self, rule: str) -> Watch | None:
        return next((watch for watch in self.watches if watch.rule == rule), None)

    def cleared(self, kind: str, rule: str, facts: OrderFacts, part: str = "") -> Decision | None:
        """The decision that the problem of a part, or of the order, is gone; None if it is not.

        It is gone if the kind's `cleared_when` holds, or if a late signal shows that the expectation
        was met or void in time, by the deadline as known now. It is not gone with its part.
        """
        each = named[0] if (named := split_part_key(part)) is not None else None
        context = context_of(each, facts, part)
        if context is None:
            return None
        conditions = self._clearing.get(kind, {})
        condition = conditions.get(each)
        if condition is None:  # The rules of the kind may have changed since its case opened.
            condition, context = conditions.get(None), facts
        decision = self._decide(condition, f"{kind}.cleared_when", context)
        if decision is not None:
            return decision
        watch = self.watch(rule)
        deadline = watch.deadline_of(facts, part) if watch is not None else None
        if watch is None or deadline is None or not watch.settled(facts, deadline, part):
            return None
        return watch.decide(facts, deadline, part)

    def no_longer(self, rule: str, facts: OrderFacts, part: str = "") -> Decision:
        """The decision that a rule does not find its problem any more, with what it reads now."""
        detector = next((one for one in self.detectors if one.rule == rule), None)
        watch = self.watch(rule)
        with suppress(LookupError):
            if detector is not None:
                return detector.decide(facts, part)
            due = watch.due_of(facts, part) if watch is not None else None
            if watch is not None and due is not None:
                return watch.decide(facts, due, part)
        # The part is gone, or what the deadline was counted from.
        return Decision(policy=self.version, rule=rule, verdicts=())

    def paused(self, facts: OrderFacts) -> Decision | None:
        """The decision that no case of this order resolves itself now; None if cases may."""
        return self._decide(self._pausing, "automation_pauses_when", facts)

    def _decide(
        self, condition: CompiledCondition | None, rule: str, facts: Any
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

    def _value_weight(self, charge: ChargeFacts) -> int:
        """The weight of the highest band that a charge reaches."""
        if charge.total is None:
            return 0
        shares = []
        for band in self.document.priorities.value:
            pair = self._rates.in_one(charge.total, charge.currency, band.amount)
            if pair is not None and pair[1] <= pair[0]:
                shares.append((pair[1] / pair[0] if pair[0] else pair[1], band.adds))
        return max(shares, key=lambda one: one[0])[1] if shares else 0

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
            + self._value_weight(facts.charge),
            decision=Decision(policy=self.version, rule=route.rule, verdicts=verdicts),
        )
