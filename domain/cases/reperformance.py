"""Reperformance: repeat a decision of policy and name each difference from the record.

On the same facts and under the policy that it cites, a decision must come out as recorded.
"""

from collections.abc import Iterator
from datetime import datetime
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
from domain.cases.case_parts import MANUAL_RULE
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening import create_routed
from domain.cases.packet import READING, packet_digest, packet_of
from domain.cases.work_events import Retermed
from domain.orders.events import ExpectationMet, PassedIntake
from domain.orders.order import Order
from domain.personal_data import ERASED
from domain.policy.approvals import CumulativeAmounts, ProposedAdjustment
from domain.policy.decision import Decision, Verdict
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook

NOTHING = "nothing"
ROUTED_FIELDS = (
    "queue",
    "owner_team",
    "work_type",
    "skill",
    "priority",
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
    """The basis of a decision. `fresh` are the types of the new signals; None if all were examined."""

    order: Order
    rulebook: Rulebook
    fresh: frozenset[str] | None = None


def compare_order_decision(
    event: ExpectationMet | PassedIntake, on: DecisionBasis
) -> Iterator[DecisionDifference]:
    facts = on.order.facts
    match event:
        case PassedIntake(decision=decision):
            yield from _compare_decisions("decision", decision, on.rulebook.passes(facts))
        case ExpectationMet(decision=decision, deadline=deadline):
            again = _repeat_expectation(decision.rule, deadline, on)
            yield from _compare_decisions("decision", decision, again)
            watch = on.rulebook.watch(decision.rule)
            if watch is not None and not watch.met_when_due(facts):
                yield DecisionDifference("decision", "met", "missed")


def compare_case_decision(
    event: events.CaseEvent, case: ExceptionCase, on: DecisionBasis
) -> Iterator[DecisionDifference]:
    """Repeat the decision of an event. `case` is the state before the event, unless the event opened it.

    Raises TypeError for an event that policy does not decide.
    """
    match event:
        case events.Detected(kind=kind, decision=decision, deadline=deadline):
            yield from _compare_decisions(
                "decision", decision, _repeat_detection(kind, decision.rule, deadline, on)
            )
        case events.Reopened(decision=Decision() as decision, deadline=deadline):
            yield from _compare_decisions(
                "decision", decision, _repeat_detection(case.kind, decision.rule, deadline, on)
            )
        case events.Routed():
            yield from _compare_routing(event, case, on)
        case events.SignalJoined(clearing=clearing, decision=decision, paused=paused):
            if decision is not None:
                yield from _compare_decisions(
                    "decision", decision, _repeat_detection(case.kind, decision.rule, None, on)
                )
            if clearing is not None:
                yield from _compare_decisions("clearing", clearing, _repeat_clearing(case, on))
            if paused is not UNSET and paused is not None:
                yield from _compare_decisions("paused", paused, on.rulebook.paused(on.order.facts))
        case events.Resolved(clearing=Decision() as clearing):
            yield from _compare_decisions("clearing", clearing, _repeat_clearing(case, on))
            if (why := on.rulebook.paused(on.order.facts)) is not None:
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


def compare_packet(event: events.Enriched, order: Order) -> Iterator[DecisionDifference]:
    """Compute the packet again, without any policy. Facts that were erased since are skipped.

    Of a packet of an earlier reading, the values of its facts are compared: the present reading knows
    more facts, and reads some from more signals.
    """
    erased = {fact.fact for fact in event.packet if fact.value == ERASED}
    before = {fact.fact: fact for fact in event.packet}
    again = {fact.fact: fact for fact in packet_of(order)}
    is_earlier = event.reading != READING
    for name in [*before, *(name for name in again if name not in before and not is_earlier)]:
        recorded, came_out = before.get(name), again.get(name)
        if name in erased or recorded == came_out:
            continue
        if is_earlier and recorded and came_out and recorded.value == came_out.value:
            continue
        yield DecisionDifference(
            f"packet, {name}", str(recorded or NOTHING), str(came_out or NOTHING)
        )
    if not erased and packet_digest(event.packet) != event.digest:
        yield DecisionDifference("packet, digest", event.digest, packet_digest(event.packet))


def cited_policy(event: object) -> str | None:
    """The policy version that the event's decision cites; None if policy did not decide it."""
    match event:
        case events.Routed(decision=decision) if not decision.verdicts:
            return None
        case AdjustmentProposed(requirement=requirement):
            return requirement.policy
        case Retermed(policy=policy):
            return policy
        case _:
            found = _cited_decision(event)
            return found.policy if found is not None else None


def cited_rule(event: object) -> str:
    """The rule that the event cites; empty if it cites none."""
    match event:
        case AdjustmentProposed(requirement=requirement):
            return requirement.rule
        case Retermed(service=service):
            return service
        case _:
            found = _cited_decision(event)
            return found.rule if found is not None else ""


def _cited_decision(event: object) -> Decision | None:
    fields = (getattr(event, name, None) for name in ("clearing", "decision", "paused"))
    return next((found for found in fields if isinstance(found, Decision)), None)


def _repeat_detection(
    kind: str, rule: str, deadline: datetime | None, on: DecisionBasis
) -> Decision | None:
    """Find the problem again: by the missed expectation, or by the first rule for the new signals that
    holds. None if nothing finds it."""
    facts = on.order.facts
    if deadline is not None:
        watch = on.rulebook.watch(rule)
        found = watch.open_deadline(facts) if watch is not None else None
        if watch is None or found is None or watch.kind != kind or watch.met_when_due(facts):
            return None
        return watch.decide(facts, found)
    detectors = on.rulebook.detectors if on.fresh is None else on.rulebook.detectors_for(on.fresh)
    return next((d.decide(facts) for d in detectors if d.kind == kind and d.holds(facts)), None)


def _repeat_expectation(rule: str, deadline: datetime, on: DecisionBasis) -> Decision | None:
    watch = on.rulebook.watch(rule)
    found = watch.open_deadline(on.order.facts) if watch is not None else None
    if watch is None or found is None or found.at != deadline:
        return None
    return watch.decide(on.order.facts, found)


def _repeat_clearing(case: ExceptionCase, on: DecisionBasis) -> Decision | None:
    return on.rulebook.cleared(case.kind, case.rule, on.order.facts)


def _compare_routing(
    event: events.Routed, case: ExceptionCase, on: DecisionBasis
) -> Iterator[DecisionDifference]:
    kind = on.rulebook.document.kinds.get(case.kind)
    if kind is None:
        yield DecisionDifference("kind", case.kind, NOTHING)
        return
    rule = case.rule or MANUAL_RULE
    facts = CaseFacts(kind=case.kind, bucket=kind.bucket, severity=kind.severity, rule=rule)
    routing = on.rulebook.route(facts, on.order.facts)
    yield from _compare_decisions("decision", event.decision, routing.decision)
    again = create_routed(routing, case.kind, kind, on.rulebook, on.order, on.order.began)
    if event.terms is not None and again.terms is not None:
        # Older terms have cut-offs outside of the opening hours, too.
        cut_offs = event.terms.cut_offs_while_open
        again = structs.replace(
            again, terms=structs.replace(again.terms, cut_offs_while_open=cut_offs)
        )
    for field in ROUTED_FIELDS:
        if getattr(event, field) != getattr(again, field):
            yield DecisionDifference(field, str(getattr(event, field)), str(getattr(again, field)))


def _repeat_requirement(
    proposed: AdjustmentProposed | Adjustment, recorded: ApprovalRequirement, on: DecisionBasis
) -> tuple[ApprovalRequirement, Decision]:
    """What the matrix requires for the recorded sums, which also cover other cases."""
    matrix, facts = on.rulebook.approvals, on.order.facts
    assert matrix is not None
    customer = Decimal(recorded.of_customer) if recorded.of_customer is not None else None
    sums = CumulativeAmounts(Decimal(recorded.of_order), customer)
    return matrix.requirement(
        ProposedAdjustment(proposed.kind, proposed.reason, facts.customer.tier), sums, facts
    )


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
