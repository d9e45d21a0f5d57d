"""What may be done with an adjustment that was proposed: decisions that return events."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from domain.adjustments.adjustment import (
    APPROVED,
    UNDECIDED,
    Adjustment,
    AdjustmentState,
)
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.errors import (
    AdjustmentDrifted,
    AdjustmentNotPending,
    AgentHoldsNoDuty,
    AmountNotAsOrdered,
    ApprovedAlready,
    BeyondAuthority,
    DigestDiffers,
    NoPaymentProvider,
    NothingMayBeGiven,
    Refusal,
)
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentExecuted,
    AdjustmentReconciled,
    AdjustmentRejected,
    AdjustmentWithdrawn,
    ExecutionStarted,
)
from domain.adjustments.kinds import BY_PROVIDER, Duty
from domain.cases.decisions import must_be_held_by
from domain.cases.duties import conflict, must_be_free_for
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.errors import Fault, Invalid
from domain.money import Money, PositiveMoney
from domain.orders.order import Order
from domain.people import Role
from domain.policy.approvals import ApprovalMatrix
from domain.policy.rulebook import Rulebook

ELSEWHERE = "elsewhere"
"""The provider of what no payment provider carries out."""


class Hands(Struct, frozen=True):
    """Who asks: the names of everybody whose act it is, the roles that reach the case, and whether
    it came through an agent."""

    person: str
    names: tuple[str, ...]
    roles: tuple[Role, ...] = ()
    is_agent: bool = False


def matrix_of(rulebook: Rulebook) -> ApprovalMatrix:
    """Raises NothingMayBeGiven."""
    if rulebook.approvals is None:
        raise NothingMayBeGiven(f"policy {rulebook.version} has no `approvals`")
    return rulebook.approvals


def approve(
    case: ExceptionCase,
    adjustment: Adjustment,
    ask: ApproveAdjustment,
    by: Hands,
    order: Order,
    rulebook: Rulebook,
    now: datetime,
) -> AdjustmentApproved:
    """Raises a Refusal for whoever may not, AdjustmentNotPending, DigestDiffers, AdjustmentDrifted."""
    _must_be(adjustment, (AdjustmentState.PROPOSED,), "approved")
    matrix = matrix_of(rulebook)
    for refusal in why_not(case, adjustment, by, matrix):
        raise refusal
    _must_be_the_same(adjustment, ask.digest, order, rulebook)
    found = matrix.limit_of(by.roles, adjustment.requirement.roles)
    assert found is not None
    role, limit = found
    return AdjustmentApproved(
        adjustment=adjustment.id,
        digest=adjustment.digest,
        role=role,
        limit=f"{limit:f}",
        complete=adjustment.missing_approvals <= 1,
        lapses_at=now + matrix.approvals.lapses_after,
        note=ask.note,
    )


def why_not(
    case: ExceptionCase, adjustment: Adjustment, by: Hands, matrix: ApprovalMatrix
) -> Iterator[Refusal]:
    """Every rule that stands against this person's approval."""
    if by.is_agent:
        yield _no_agent(by, Duty.APPROVE)
    found = conflict(case.duties, by.names, Duty.APPROVE)
    if found is not None:
        yield found
    for approval in adjustment.approvals:
        if set(approval.persons) & set(by.names):
            at = approval.at.isoformat()
            yield ApprovedAlready(
                f"{by.person} approved it at {at} (version {approval.version})",
                rule="approvers-are-different-people",
                version=approval.version,
                at=at,
            )
    yield from _beyond(adjustment, by, matrix)


def reject(
    case: ExceptionCase, adjustment: Adjustment, ask: RejectAdjustment, by: Hands
) -> AdjustmentRejected:
    """By somebody who approves; of what is approved already, too, as long as nothing was paid."""
    _must_be(adjustment, UNDECIDED, "rejected")
    must_be_in_person(by, Duty.APPROVE)
    must_be_free_for(case.duties, by.names, Duty.APPROVE)
    _must_name(adjustment, ask.digest)
    return AdjustmentRejected(adjustment=adjustment.id, digest=ask.digest, reason=ask.reason)


def withdraw(
    case: ExceptionCase, adjustment: Adjustment, ask: WithdrawAdjustment, by: Hands
) -> AdjustmentWithdrawn:
    """By whoever proposed it, or holds the case."""
    _must_be(adjustment, UNDECIDED, "withdrawn")
    if not set(by.names) & set(adjustment.proposed_by):
        must_be_held_by(case, by.person)
    return AdjustmentWithdrawn(adjustment=adjustment.id, reason=ask.reason)


def execute(
    case: ExceptionCase,
    adjustment: Adjustment,
    ask: ExecuteAdjustment,
    by: Hands,
    order: Order,
    rulebook: Rulebook,
    provider: str | None,
) -> list[CaseEvent]:
    """The order to pay; or, of what no payment provider does, that it was carried out.

    Raises a Refusal, AdjustmentNotPending, DigestDiffers, AdjustmentDrifted, Invalid, NoPaymentProvider.
    """
    must_be_in_person(by, Duty.EXECUTE)
    must_be_free_for(case.duties, by.names, Duty.EXECUTE)
    _must_be(adjustment, APPROVED, "executed")
    _must_be_the_same(adjustment, ask.digest, order, rulebook)
    if adjustment.kind in BY_PROVIDER:
        if ask.reference is not None:
            detail = f"the payment provider says how it calls a {adjustment.kind}"
            raise Invalid([Fault("/reference", detail)], "the execution")
        if provider is None:
            raise NoPaymentProvider(f"a {adjustment.kind} of case {case.id} cannot be paid")
        return [_started(adjustment, provider)]
    if ask.reference is None:
        detail = f"say what the system that carried out the {adjustment.kind} calls it"
        raise Invalid([Fault("/reference", detail)], "the execution")
    done = AdjustmentExecuted(
        adjustment=adjustment.id,
        provider=ELSEWHERE,
        reference=ask.reference,
        amount=_positive(adjustment.amount),
    )
    return [_started(adjustment, ELSEWHERE), done]


def reconcile(
    case: ExceptionCase, adjustment: Adjustment, by: Hands, statement: str
) -> AdjustmentReconciled:
    """Raises a Refusal, AdjustmentNotPending, AmountNotAsOrdered."""
    must_be_in_person(by, Duty.RECONCILE)
    must_be_free_for(case.duties, by.names, Duty.RECONCILE)
    _must_be(adjustment, (AdjustmentState.EXECUTED,), "reconciled")
    if adjustment.given is not None:
        given, ordered = adjustment.given, adjustment.amount
        raise AmountNotAsOrdered(
            f"adjustment {adjustment.id}: {given.amount} {given.currency} were given, "
            f"{ordered.amount} {ordered.currency} ordered"
        )
    assert adjustment.reference is not None
    return AdjustmentReconciled(
        adjustment=adjustment.id, statement=statement, reference=adjustment.reference
    )


def must_be_in_person(by: Hands, duty: Duty) -> None:
    """Raises AgentHoldsNoDuty."""
    if by.is_agent:
        raise _no_agent(by, duty)


def _no_agent(by: Hands, duty: Duty) -> AgentHoldsNoDuty:
    return AgentHoldsNoDuty(
        f"an agent acts for {by.person}: to {duty} is for a person",
        rule="agents-hold-no-duty",
        duty=duty.value,
        person=by.person,
    )


def _beyond(adjustment: Adjustment, by: Hands, matrix: ApprovalMatrix) -> Iterator[BeyondAuthority]:
    required = adjustment.requirement
    counted = Decimal(required.counted)
    found = matrix.limit_of(by.roles, required.roles)
    has = ", ".join(by.roles) or "no role that reaches this case"
    facts = {"counted": required.counted, "currency": required.currency, "band": required.rule}
    if found is None:
        wanted = ", ".join(required.roles or matrix.approvals.limits)
        detail = f"{by.person} has {has}; {required.rule} wants one of: {wanted}"
        yield BeyondAuthority(detail, rule="role-may-approve", **facts)
    elif found[1] < counted:
        role, limit = found
        detail = (
            f"{by.person}, as {role}, may approve up to {limit:f} {required.currency}; with all that "
            f"counts it is {required.counted}"
        )
        yield BeyondAuthority(detail, rule="within-limit", limit=f"{limit:f}", **facts)


def _must_be(adjustment: Adjustment, states: Collection[AdjustmentState], what: str) -> None:
    if adjustment.state not in states:
        raise AdjustmentNotPending(
            f"adjustment {adjustment.id} is {adjustment.state}: it cannot be {what}",
            state=adjustment.state.value,
        )


def _must_name(adjustment: Adjustment, digest: str) -> None:
    if digest != adjustment.digest:
        raise DigestDiffers(f"adjustment {adjustment.id} has digest {adjustment.digest}")


def _must_be_the_same(
    adjustment: Adjustment, digest: str, order: Order, rulebook: Rulebook
) -> None:
    """The amount, the packet and the policy are those that were decided on."""
    _must_name(adjustment, digest)
    packet = packet_digest(packet_of(order))
    for cause, was, now in (
        ("packet", adjustment.packet, packet),
        ("policy", adjustment.requirement.policy_digest, rulebook.digest),
    ):
        if was != now:
            raise AdjustmentDrifted(
                f"the {cause} has changed since adjustment {adjustment.id} was proposed",
                cause=cause,
                was=was,
                now=now,
            )


def _started(adjustment: Adjustment, provider: str) -> ExecutionStarted:
    return ExecutionStarted(
        adjustment=adjustment.id,
        digest=adjustment.digest,
        provider=provider,
        payment=adjustment.payment,
    )


def _positive(amount: Money) -> PositiveMoney:
    return PositiveMoney(amount.amount, amount.currency)
