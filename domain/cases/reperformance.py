"""A decision of policy, made again: on the same facts and under the policy that it cites, it must come
out as it was recorded. What differs is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from msgspec import UNSET, Struct

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved, Requirement
from domain.adjustments.proposal import bound_to
from domain.cases.events import (
    CaseEvent,
    Detected,
    Enriched,
    Reopened,
    Resolved,
    Routed,
    SignalJoined,
)
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening import BY_HAND, routed_by
from domain.cases.packet import packet_digest, packet_of
from domain.cases.work_events import Retermed
from domain.orders.events import ExpectationMet, PassedIntake
from domain.orders.order import Order
from domain.personal_data import ERASED
from domain.policy.approvals import Asked, Sums
from domain.policy.decision import Decision, Verdict
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook

NOTHING = "nothing"
ROUTED = (
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


class Differs(Struct, frozen=True):
    """What was recorded, and what came out."""

    what: str
    recorded: str
    came_out: str


class Basis(Struct, frozen=True):
    """What a decision was made on. `fresh` are the types of the signals that came with it; None
    where everything was looked at."""

    order: Order
    rulebook: Rulebook
    fresh: frozenset[str] | None = None


def of_order(event: ExpectationMet | PassedIntake, on: Basis) -> Iterator[Differs]:
    facts = on.order.facts
    match event:
        case PassedIntake(decision=decision):
            yield from _same("decision", decision, on.rulebook.passes(facts))
        case ExpectationMet(decision=decision, deadline=deadline):
            again = _missed(decision.rule, deadline, on)
            yield from _same("decision", decision, again)
            watch = on.rulebook.watch(decision.rule)
            if watch is not None and not watch.met_when_due(facts):
                yield Differs("decision", "met", "missed")


def of_case(event: CaseEvent, case: ExceptionCase, on: Basis) -> Iterator[Differs]:
    """`case` is as it was before the event, unless the event began it."""
    match event:
        case Detected(kind=kind, decision=decision, deadline=deadline):
            yield from _same("decision", decision, _found(kind, decision.rule, deadline, on))
        case Reopened(decision=Decision() as decision, deadline=deadline):
            yield from _same("decision", decision, _found(case.kind, decision.rule, deadline, on))
        case Routed():
            yield from _routed(event, case, on)
        case SignalJoined(clearing=clearing, decision=decision, paused=paused):
            if decision is not None:
                yield from _same("decision", decision, _found(case.kind, decision.rule, None, on))
            if clearing is not None:
                yield from _same("clearing", clearing, _cleared(case, on))
            if paused is not UNSET and paused is not None:
                yield from _same("paused", paused, on.rulebook.paused(on.order.facts))
        case Resolved(clearing=Decision() as clearing):
            yield from _same("clearing", clearing, _cleared(case, on))
            if (why := on.rulebook.paused(on.order.facts)) is not None:
                yield Differs("resolved", "by policy alone", f"paused by {why.rule}")
        case AdjustmentProposed():
            requirement, _ = _required(event, event.requirement, on)
            if requirement != event.requirement:
                yield Differs("requirement", str(event.requirement), str(requirement))
            if bound_to(case, event) != event.digest:
                yield Differs("digest", event.digest, bound_to(case, event))
        case AdjustmentSystemApproved(adjustment=adjustment, decision=decision):
            proposed = case.adjustments.get(adjustment)
            requirement, again = _required(proposed, proposed.requirement, on)
            yield from _same("decision", decision, again if not requirement.approvers else None)
        case Retermed(service=service, terms=terms):
            found = on.rulebook.service(case.routed.work_type, case.tier) if case.routed else None
            if found != (service, terms):
                yield Differs("service", service, found[0] if found else NOTHING)
        case _:
            raise TypeError(f"{type(event).__name__} is no decision of policy")


def of_packet(event: Enriched, order: Order) -> Iterator[Differs]:
    """No policy has a part in what is known. What was erased since cannot be worked out any more."""
    gone = {fact.fact for fact in event.packet if fact.value == ERASED}
    told = {fact.fact: fact for fact in event.packet}
    again = {fact.fact: fact for fact in packet_of(order)}
    for name in [*told, *(name for name in again if name not in told)]:
        if name not in gone and told.get(name) != again.get(name):
            recorded, came_out = (str(facts.get(name, NOTHING)) for facts in (told, again))
            yield Differs(f"packet, {name}", recorded, came_out)
    if not gone and packet_digest(event.packet) != event.digest:
        yield Differs("packet, digest", event.digest, packet_digest(event.packet))


def cites(event: object) -> str | None:
    """The version of the policy by which it was decided; None for what policy did not decide."""
    match event:
        case Detected() | PassedIntake() | ExpectationMet() | AdjustmentSystemApproved():
            return event.decision.policy
        case Routed(decision=decision) if decision.verdicts:
            return decision.policy
        case Reopened(decision=Decision() as decision) | Resolved(clearing=Decision() as decision):
            return decision.policy
        case SignalJoined():
            told = (event.clearing, event.decision, event.paused)
            return next((one.policy for one in told if isinstance(one, Decision)), None)
        case AdjustmentProposed(requirement=requirement):
            return requirement.policy
        case Retermed(policy=policy):
            return policy
        case _:
            return None


def rule_of(event: object) -> str:
    """The rule that it names."""
    match event:
        case Resolved(clearing=Decision() as decision):
            return decision.rule
        case SignalJoined():
            told = (event.clearing, event.decision, event.paused)
            return next((one.rule for one in told if isinstance(one, Decision)), "")
        case AdjustmentProposed(requirement=requirement):
            return requirement.rule
        case Retermed(service=service):
            return service
        case _:
            found = getattr(event, "decision", None)
            return found.rule if isinstance(found, Decision) else ""


def _found(kind: str, rule: str, deadline: datetime | None, on: Basis) -> Decision | None:
    """How the problem is found now: by the expectation that was missed, or by the first rule that
    the new signals speak to and that holds."""
    facts = on.order.facts
    if deadline is not None:
        watch = on.rulebook.watch(rule)
        found = watch.open_deadline(facts) if watch is not None else None
        if watch is None or found is None or watch.kind != kind or watch.met_when_due(facts):
            return None
        return watch.decide(facts, found)
    detectors = (
        on.rulebook.detectors if on.fresh is None else on.rulebook.detectors_fed_by(on.fresh)
    )
    return next((d.decide(facts) for d in detectors if d.kind == kind and d.holds(facts)), None)


def _missed(rule: str, deadline: datetime, on: Basis) -> Decision | None:
    watch = on.rulebook.watch(rule)
    found = watch.open_deadline(on.order.facts) if watch is not None else None
    if watch is None or found is None or found.at != deadline:
        return None
    return watch.decide(on.order.facts, found)


def _cleared(case: ExceptionCase, on: Basis) -> Decision | None:
    return on.rulebook.cleared(case.kind, case.rule, on.order.facts)


def _routed(event: Routed, case: ExceptionCase, on: Basis) -> Iterator[Differs]:
    kind = on.rulebook.document.kinds.get(case.kind)
    if kind is None:
        yield Differs("kind", case.kind, NOTHING)
        return
    rule = case.rule or BY_HAND
    facts = CaseFacts(kind=case.kind, bucket=kind.bucket, severity=kind.severity, rule=rule)
    routing = on.rulebook.route(facts, on.order.facts)
    yield from _same("decision", event.decision, routing.decision)
    again = routed_by(routing, case.kind, kind, on.rulebook, on.order)
    for field in ROUTED:
        if getattr(event, field) != getattr(again, field):
            yield Differs(field, str(getattr(event, field)), str(getattr(again, field)))


def _required(
    proposed: AdjustmentProposed | Adjustment, told: Requirement, on: Basis
) -> tuple[Requirement, Decision]:
    """What the matrix asks of these sums: they are of other cases too, and taken as recorded."""
    matrix, facts = on.rulebook.approvals, on.order.facts
    assert matrix is not None
    customer = Decimal(told.of_customer) if told.of_customer is not None else None
    sums = Sums(Decimal(told.of_order), customer)
    return matrix.requirement(
        Asked(proposed.kind, proposed.reason, facts.customer.tier), sums, facts
    )


def _same(what: str, recorded: Decision, again: Decision | None) -> Iterator[Differs]:
    if again is None:
        yield Differs(what, f"rule {recorded.rule}", NOTHING)
    elif again.rule != recorded.rule:
        yield Differs(what, f"rule {recorded.rule}", f"rule {again.rule}")
    elif again.verdicts != recorded.verdicts:
        told, now = recorded.verdicts, again.verdicts
        for n in range(max(len(told), len(now))):
            one, other = (part[n] if n < len(part) else None for part in (told, now))
            if one != other:
                yield Differs(f"{what}, verdict {n + 1}", _spoken(one), _spoken(other))


def _spoken(verdict: Verdict | None) -> str:
    if verdict is None:
        return NOTHING
    read = "nothing" if verdict.read is None else verdict.read
    how = "passed" if verdict.passed else "did not pass"
    return f"{verdict.fact} {verdict.test}: read {read}, {how}"
