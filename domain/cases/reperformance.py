"""Reperformance: repeat a decision of policy and name each difference from the record.

On the same facts and under the policy that it cites, a decision must come out as recorded.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import zip_longest

from msgspec import UNSET, Struct, structs

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import (
    AdjustmentProposed,
    AdjustmentSystemApproved,
    ApprovalRequirement,
)
from domain.adjustments.proposal import approval_digest
from domain.cases import events
from domain.cases.case_parts import MANUAL_RULE, WHOLE_ORDER
from domain.cases.clearing import find_gone
from domain.cases.event_descriptions import format_duration
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening import OWNER, create_routed, route_to_owner
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.work_events import Retermed
from domain.orders.events import ExpectationMet, PassedIntake
from domain.orders.order import Order
from domain.policy.approvals import CumulativeAmounts, ProposedAdjustment
from domain.policy.decision import Decision, Verdict
from domain.policy.detector import Detector
from domain.policy.expectations import Watch
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook

NOTHING = "nothing"
ROUTED_FIELDS = (
    "queue",
    "owner_team",
    "work_type",
    "skill",
    "priority",
    "severity",
    "tier",
    "service",
    "terms",
    "ladder",
)


class DecisionDifference(Struct, frozen=True):
    """A difference between the record and the repeated decision."""

    what: str
    recorded: str
    came_out: str


class DecisionBasis(Struct, frozen=True):
    """The basis of a decision: the order, the policy and the time."""

    order: Order
    rulebook: Rulebook
    at: datetime
    fresh: frozenset[str] | None = None
    """The types of the new signals; None if all rules were examined."""
    reread: frozenset[str] = frozenset()
    """Facts that the rules of today read differently. If given, only the rule that was cited is asked."""

    @property
    def detectors(self) -> Sequence[Detector]:
        if self.fresh is None or self.order.is_corrected or self.reread:
            return self.rulebook.detectors
        return self.rulebook.detectors_for(self.fresh)

    def paused(self) -> Decision | None:
        """The decision that no case resolves itself now, unless it rests on facts that are reread."""
        found = self.rulebook.paused(self.order.facts)
        is_reread = found is not None and any(one.fact in self.reread for one in found.verdicts)
        return None if is_reread else found


def compare_order_decision(
    event: ExpectationMet | PassedIntake, on: DecisionBasis
) -> Iterator[DecisionDifference]:
    facts = on.order.facts
    match event:
        case PassedIntake(decision=decision):
            yield from _compare_decisions("decision", decision, on.rulebook.passes(facts))
        case ExpectationMet(decision=decision, deadline=deadline):
            part = event.part or WHOLE_ORDER
            watch = on.rulebook.watch(decision.rule)
            again = _repeat_expectation(watch, deadline, part, on)
            yield from _compare_decisions("decision", decision, again)
            if watch is not None and not watch.met_when_due(facts, part):
                yield DecisionDifference("decision", "met", "missed")


def compare_case_decision(
    event: events.CaseEvent, case: ExceptionCase, on: DecisionBasis
) -> Iterator[DecisionDifference]:
    """Repeat the decision of an event. `case` is the state before the event, unless the event opened it.

    Raises TypeError for an event that policy does not decide.
    """
    match event:
        case events.Detected() | PartJoined() | events.Reopened(decision=Decision()):
            assert event.decision is not None
            kind = event.kind if isinstance(event, events.Detected) else case.kind
            again = _repeat_detection(kind, event, on)
            yield from _compare_decisions("decision", event.decision, again)
        case events.Routed():
            yield from _compare_routing(event, case, on)
        case PartCleared(part=part, clearing=clearing):
            again = None
            if part in case.parts:
                again = find_gone(case, part, on.order.facts, on.rulebook, on.at)
            yield from _compare_decisions("clearing", clearing, again)
        case events.SignalJoined(clearing=clearing, decision=decision, paused=paused):
            if decision is not None:
                again = _repeat_joining(case.kind, decision.rule, on)
                yield from _compare_decisions("decision", decision, again)
            if clearing is not None:
                again = _repeat_clearing(case, clearing, on)
                yield from _compare_decisions("clearing", clearing, again)
            if paused is not UNSET and paused is not None:
                yield from _compare_decisions("paused", paused, on.rulebook.paused(on.order.facts))
        case events.Resolved(clearing=Decision() as clearing):
            again = _repeat_clearing(case, clearing, on)
            yield from _compare_decisions("clearing", clearing, again)
            if (why := on.paused()) is not None:
                yield DecisionDifference("resolved", "automatically", f"paused by {why.rule}")
        case AdjustmentProposed():
            requirement, _ = _repeat_requirement(event, event.requirement, on)
            if requirement != event.requirement:
                yield DecisionDifference("requirement", str(event.requirement), str(requirement))
            if approval_digest(case, event) != event.digest:
                yield DecisionDifference("digest", event.digest, approval_digest(case, event))
        case AdjustmentSystemApproved(adjustment=adjustment, decision=decision):
            proposed = case.adjustments.get(adjustment)
            requirement, again = _repeat_requirement(proposed, proposed.requirement, on)
            yield from _compare_decisions(
                "decision", decision, again if not requirement.approvers else None
            )
        case Retermed(service=service, terms=terms):
            found = on.rulebook.service(case.routed.work_type, case.tier) if case.routed else None
            if found != (service, terms.as_in_policy()):
                yield DecisionDifference("service", service, found[0] if found else NOTHING)
        case _:
            raise TypeError(f"{type(event).__name__} is not a decision of policy")


def _repeat_detection(
    kind: str, event: events.Detected | events.Reopened | PartJoined, on: DecisionBasis
) -> Decision | None:
    """Find the problem of the event's part again: by the missed expectation, or by the first rule for the
    new signals that holds. None if nothing finds it."""
    facts, part, decision = on.order.facts, event.part or WHOLE_ORDER, event.decision
    assert decision is not None
    if event.deadline is None:
        fitting = (one for one in on.detectors if _may_find(one, kind, decision.rule, on))
        return next((one.decide(facts, part) for one in fitting if part in one.found(facts)), None)
    watch = on.rulebook.watch(decision.rule)
    if watch is None or watch.kind != kind or watch.met_when_due(facts, part):
        return None
    return _repeat_expectation(watch, event.deadline, part, on)


def _repeat_joining(kind: str, rule: str, on: DecisionBasis) -> Decision | None:
    """Find the problem of an open case again: the first rule that holds, for its first part."""
    facts = on.order.facts
    for detector in on.detectors:
        if _may_find(detector, kind, rule, on) and (found := detector.found(facts)):
            return detector.decide(facts, found[0])
    return None


def _may_find(detector: Detector, kind: str, rule: str, on: DecisionBasis) -> bool:
    return detector.kind == kind and (not on.reread or detector.rule == rule)


def _repeat_expectation(
    watch: Watch | None, deadline: datetime, part: str, on: DecisionBasis
) -> Decision | None:
    """The decision about a deadline that has come; None if there is none, or the facts have settled it."""
    facts = on.order.facts
    found = watch.deadline_of(facts, part) if watch is not None else None
    if watch is None or found is None or found.at != deadline or watch.settled(facts, found, part):
        return None
    return watch.decide(facts, found, part)


def _repeat_clearing(case: ExceptionCase, recorded: Decision, on: DecisionBasis) -> Decision | None:
    """The decision that the problem is gone, about the part that it was recorded for; None if the problem of
    some part is not gone."""
    open_parts = {part: known for part, known in case.parts.items() if not known.decided}
    gone = {part: find_gone(case, part, on.order.facts, on.rulebook, on.at) for part in open_parts}
    if any(one is None and not open_parts[part].is_cleared for part, one in gone.items()):
        return None
    found = [one for one in gone.values() if one is not None]
    found.sort(key=lambda one: (one != recorded, one.rule != recorded.rule))
    return next(iter(found), None)


def _compare_routing(
    event: events.Routed, case: ExceptionCase, on: DecisionBasis
) -> Iterator[DecisionDifference]:
    kind = on.rulebook.document.kinds.get(case.kind)
    if kind is None:
        yield DecisionDifference("kind", case.kind, NOTHING)
        return
    rule = case.rule or MANUAL_RULE
    facts = CaseFacts(kind=case.kind, bucket=kind.bucket, severity=kind.severity, rule=rule)
    owner = next((str(one.read) for one in event.decision.verdicts if one.fact == OWNER), None)
    routing = route_to_owner(on.rulebook.route(facts, on.order.facts), owner, on.rulebook)
    yield from _compare_decisions("decision", event.decision, routing.decision)
    again = create_routed(routing, case.kind, kind, on.rulebook, on.order, on.at)
    if event.terms is not None and again.terms is not None:
        # Older terms have cut-offs outside of the opening hours, too.
        cut_offs = event.terms.cut_offs_while_open
        again = structs.replace(
            again, terms=structs.replace(again.terms, cut_offs_while_open=cut_offs)
        )
    for field in ROUTED_FIELDS:
        yield from _compare_values(field, getattr(event, field), getattr(again, field))


def _compare_values(what: str, recorded: object, again: object) -> Iterator[DecisionDifference]:
    """The differences of two values of a routing, in words; of terms and ladders, each part that differs."""
    if recorded == again:
        return
    if isinstance(recorded, Struct) and type(recorded) is type(again):
        for name in recorded.__struct_fields__:
            yield from _compare_values(name, getattr(recorded, name), getattr(again, name))
    else:
        yield DecisionDifference(what, _in_words(recorded), _in_words(again))


def _in_words(value: object) -> str:
    """A value of a routing, as people read it. Lengths of time are in full seconds."""
    if value is None or value is UNSET:
        return NOTHING
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Struct):
        parts = ((name, getattr(value, name)) for name in value.__struct_fields__)
        told = (f"{name} {_in_words(one)}" for name, one in parts if one not in (None, UNSET))
        return f"({', '.join(told)})"
    if isinstance(value, tuple | frozenset):
        return ", ".join(map(_in_words, value)) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{_in_words(key)} {_in_words(one)}" for key, one in value.items())
    return str(value)


def _repeat_requirement(
    proposed: AdjustmentProposed | Adjustment, recorded: ApprovalRequirement, on: DecisionBasis
) -> tuple[ApprovalRequirement, Decision]:
    """What the matrix requires for the recorded sums, which also cover other cases."""
    matrix, facts = on.rulebook.approvals, on.order.facts
    assert matrix is not None
    customer = Decimal(recorded.of_customer) if recorded.of_customer is not None else None
    proposer = Decimal(recorded.of_proposer) if recorded.of_proposer is not None else None
    beyond = Decimal(recorded.beyond_value or 0)
    of_order = Decimal(recorded.of_order)
    sums = CumulativeAmounts(of_order, customer, beyond, recorded.sums, proposer)
    again, decision = matrix.requirement(
        ProposedAdjustment(proposed.kind, proposed.reason, facts.customer.tier), sums, facts
    )
    if again.beyond_roles and not recorded.beyond_roles:
        # Earlier versions required only the roles of the policy's goodwill.
        again = structs.replace(again, roles=again.beyond_roles, beyond_roles=())
    return again, decision


def _compare_decisions(
    what: str, recorded: Decision, again: Decision | None
) -> Iterator[DecisionDifference]:
    if again is None:
        yield DecisionDifference(what, f"rule {recorded.rule}", NOTHING)
    elif again.rule != recorded.rule:
        yield DecisionDifference(what, f"rule {recorded.rule}", f"rule {again.rule}")
    elif again.verdicts != recorded.verdicts:
        verdicts = zip_longest(recorded.verdicts, again.verdicts)
        for n, (before, now) in enumerate(verdicts, start=1):
            if before != now:
                yield DecisionDifference(
                    f"{what}, verdict {n}", _describe_verdict(before), _describe_verdict(now)
                )


def _describe_verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return NOTHING
    read = "nothing" if verdict.read is None else verdict.read
    how = "passed" if verdict.passed else "did not pass"
    return f"{verdict.fact} {verdict.test}: read {read}, {how}"
