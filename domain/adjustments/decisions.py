"""Decisions on a proposed adjustment: approve, reject, withdraw, execute, reconcile; they return events."""

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from domain.adjustments import errors, events
from domain.adjustments.adjustment import (
    APPROVED_STATES,
    UNEXECUTED_STATES,
    Adjustment,
    AdjustmentState,
)
from domain.adjustments.bound_facts import find_drift
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.kinds import PROVIDER_PAID_KINDS, Duty
from domain.adjustments.money_left import MoneyLeft
from domain.adjustments.order_value import require_left_of_order
from domain.cases.decisions import require_claimed_by
from domain.cases.duties import DutiesElsewhere, find_duty_conflict, require_no_duty_conflict
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.errors import Fault, Invalid
from domain.money import to_positive
from domain.orders.order import Order
from domain.people import Role
from domain.policy.approvals import ApprovalMatrix
from domain.policy.rulebook import Rulebook

EXTERNAL_SYSTEM = "elsewhere"
"""The provider name of adjustments that no payment provider pays."""


class ActingPerson(Struct, frozen=True):
    """The person who acts: all names of those whose act it is, the roles that cover the case,
    whether an agent acts for the person, and the duties that people have in other cases of the order."""

    person: str
    names: tuple[str, ...]
    roles: tuple[Role, ...] = ()
    is_agent: bool = False
    elsewhere: DutiesElsewhere = {}


def require_matrix(rulebook: Rulebook) -> ApprovalMatrix:
    """Raises NothingMayBeGiven."""
    if rulebook.approvals is None:
        raise errors.NothingMayBeGiven(f"policy {rulebook.version} has no `approvals`")
    return rulebook.approvals


def approve(
    case: ExceptionCase,
    adjustment: Adjustment,
    request: ApproveAdjustment,
    by: ActingPerson,
    order: Order,
    rulebook: Rulebook,
    left: MoneyLeft,
    now: datetime,
) -> events.AdjustmentApproved:
    """The event of an approval. `left` is what may be given for the order besides this adjustment.

    Raises a Refusal if a rule forbids it, AdjustmentNotPending, DigestDiffers, AdjustmentDrifted,
    MoreThanOrder, MoreThanPaid, MoreThanLine, MoreThanCharge.
    """
    _require_state(adjustment, (AdjustmentState.PROPOSED,), "approved")
    matrix = require_matrix(rulebook)
    for refusal in find_refusals(case, adjustment, by, matrix):
        raise refusal
    _require_unchanged(adjustment, request.digest, order, rulebook)
    require_left_of_order(adjustment, left, matrix)
    found = matrix.role_for(by.roles, adjustment.requirement)
    assert found is not None
    role, limit = found
    return events.AdjustmentApproved(
        adjustment=adjustment.id,
        digest=adjustment.digest,
        role=role,
        limit=f"{limit:f}",
        complete=adjustment.missing_approvals <= 1,
        lapses_at=now + matrix.approvals.lapses_after,
        note=request.note,
    )


def find_refusals(
    case: ExceptionCase, adjustment: Adjustment, by: ActingPerson, matrix: ApprovalMatrix
) -> Iterator[errors.Refusal]:
    """Every rule that forbids this person to approve."""
    if by.is_agent:
        yield _agent_refusal(by, Duty.APPROVE)
    found = find_duty_conflict(case.duties, by.names, Duty.APPROVE, by.elsewhere)
    if found is not None:
        yield found
    for approval in adjustment.approvals:
        if set(approval.persons) & set(by.names):
            at = approval.at.isoformat()
            yield errors.ApprovedAlready(
                f"{by.person} already approved it at {at} (version {approval.version})",
                rule="approvers-are-different-people",
                version=approval.version,
                at=at,
            )
    yield from _find_limit_refusals(adjustment, by, matrix)


def reject(
    case: ExceptionCase, adjustment: Adjustment, request: RejectAdjustment, by: ActingPerson
) -> events.AdjustmentRejected:
    """The event of a rejection, by an approver; possible until the payment is ordered."""
    _require_state(adjustment, UNEXECUTED_STATES, "rejected")
    require_not_agent(by, Duty.APPROVE)
    require_no_duty_conflict(case.duties, by.names, Duty.APPROVE, by.elsewhere)
    _require_digest(adjustment, request.digest)
    return events.AdjustmentRejected(
        adjustment=adjustment.id, digest=request.digest, reason=request.reason
    )


def withdraw(
    case: ExceptionCase, adjustment: Adjustment, request: WithdrawAdjustment, by: ActingPerson
) -> events.AdjustmentWithdrawn:
    """The event of a withdrawal, by the proposer or the person who holds the case."""
    _require_state(adjustment, UNEXECUTED_STATES, "withdrawn")
    if not set(by.names) & set(adjustment.proposed_by):
        require_claimed_by(case, by.person)
    return events.AdjustmentWithdrawn(adjustment=adjustment.id, reason=request.reason)


def execute(
    case: ExceptionCase,
    adjustment: Adjustment,
    request: ExecuteAdjustment,
    by: ActingPerson,
    order: Order,
    rulebook: Rulebook,
    left: MoneyLeft,
    provider: str | None,
) -> list[CaseEvent]:
    """The events of an execution: the order to pay, or for other kinds that it was carried out.

    Raises a Refusal, AdjustmentNotPending, DigestDiffers, AdjustmentDrifted, MoreThanOrder,
    MoreThanPaid, MoreThanLine, MoreThanCharge, Invalid, NoPaymentProvider.
    """
    require_not_agent(by, Duty.EXECUTE)
    require_no_duty_conflict(case.duties, by.names, Duty.EXECUTE, by.elsewhere)
    _require_state(adjustment, APPROVED_STATES, "executed")
    _require_unchanged(adjustment, request.digest, order, rulebook)
    require_left_of_order(adjustment, left, require_matrix(rulebook))
    if adjustment.kind in PROVIDER_PAID_KINDS:
        if request.reference is not None:
            detail = f"leave it out: the payment provider gives a {adjustment.kind} its reference"
            raise Invalid([Fault("/reference", detail)], "the execution")
        if provider is None:
            raise errors.NoPaymentProvider(
                f"the {adjustment.kind} of case {case.id} cannot be paid"
            )
        return [_execution_started(adjustment, provider)]
    if request.reference is None:
        detail = f"give the reference of the {adjustment.kind} in the system that carried it out"
        raise Invalid([Fault("/reference", detail)], "the execution")
    if request.reference in left.references:
        detail = (
            f"{request.reference} is the reference of another adjustment or refund of the order: give the one of this "
            f"{adjustment.kind} in the system that carried it out"
        )
        raise Invalid([Fault("/reference", detail)], "the execution")
    done = events.AdjustmentExecuted(
        adjustment=adjustment.id,
        provider=EXTERNAL_SYSTEM,
        reference=request.reference,
        amount=to_positive(adjustment.amount),
    )
    return [_execution_started(adjustment, EXTERNAL_SYSTEM), done]


def reconcile(
    case: ExceptionCase, adjustment: Adjustment, by: ActingPerson, statement: str
) -> events.AdjustmentReconciled:
    """The event of a reconciliation. Raises a Refusal, AdjustmentNotPending, AmountNotAsOrdered."""
    require_not_agent(by, Duty.RECONCILE)
    require_no_duty_conflict(case.duties, by.names, Duty.RECONCILE, by.elsewhere)
    _require_state(adjustment, (AdjustmentState.EXECUTED,), "reconciled")
    if adjustment.given is not None:
        raise errors.AmountNotAsOrdered(
            f"adjustment {adjustment.id}: {adjustment.amount} was ordered, {adjustment.given} was paid"
        )
    assert adjustment.reference is not None
    return events.AdjustmentReconciled(
        adjustment=adjustment.id, statement=statement, reference=adjustment.reference
    )


def require_not_agent(by: ActingPerson, duty: Duty) -> None:
    """Raises AgentHoldsNoDuty."""
    if by.is_agent:
        raise _agent_refusal(by, duty)


def _agent_refusal(by: ActingPerson, duty: Duty) -> errors.AgentHoldsNoDuty:
    return errors.AgentHoldsNoDuty(
        f"an agent acts for {by.person}; only a person may {duty}",
        rule="agents-hold-no-duty",
        duty=duty.value,
        person=by.person,
    )


def _find_limit_refusals(
    adjustment: Adjustment, by: ActingPerson, matrix: ApprovalMatrix
) -> Iterator[errors.BeyondAuthority]:
    required = adjustment.requirement
    counted = Decimal(required.counted)
    found = matrix.role_for(by.roles, required)
    has = ", ".join(by.roles) or "no role for this case"
    facts = {"counted": required.counted, "currency": required.currency, "band": required.rule}
    if found is None:
        roles = ", ".join(required.roles or matrix.approvals.limits)
        detail = f"{by.person} has {has}; rule {required.rule} requires one of: {roles}"
        if required.beyond_roles:
            detail += f"; and beyond the order's value one of: {', '.join(required.beyond_roles)}"
        yield errors.BeyondAuthority(detail, rule="role-may-approve", **facts)
    elif found[1] < counted:
        role, limit = found
        detail = (
            f"{by.person}, as {role}, may approve up to {limit:f} {required.currency}; the counted "
            f"amount is {required.counted} {required.currency}"
        )
        yield errors.BeyondAuthority(detail, rule="within-limit", limit=f"{limit:f}", **facts)


def _require_state(adjustment: Adjustment, states: Collection[AdjustmentState], what: str) -> None:
    if adjustment.state not in states:
        raise errors.AdjustmentNotPending(
            f"adjustment {adjustment.id} is {adjustment.state}: it cannot be {what}",
            state=adjustment.state.value,
        )


def _require_digest(adjustment: Adjustment, digest: str) -> None:
    if digest != adjustment.digest:
        raise errors.DigestDiffers(
            f"adjustment {adjustment.id} has digest {adjustment.digest}, not {digest}"
        )


def _require_unchanged(
    adjustment: Adjustment, digest: str, order: Order, rulebook: Rulebook
) -> None:
    """Require that the adjustment, and all that it rests on, are the ones that were decided on."""
    _require_digest(adjustment, digest)
    if drift := find_drift(adjustment, order, rulebook.digest):
        what = {"facts": drift.was, "packet": "the packet", "policy": "the policy"}[
            drift.cause.value
        ]
        raise errors.AdjustmentDrifted(
            f"changed since adjustment {adjustment.id} was proposed: {what}",
            cause=drift.cause.value,
            was=drift.was,
            now=drift.now,
        )


def _execution_started(adjustment: Adjustment, provider: str) -> events.ExecutionStarted:
    return events.ExecutionStarted(
        adjustment=adjustment.id,
        digest=adjustment.digest,
        provider=provider,
        payment=adjustment.payment,
    )
