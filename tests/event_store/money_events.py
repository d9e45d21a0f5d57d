"""Every adjustment event twice: with the required fields only, and with all fields."""

from datetime import UTC, datetime
from uuid import UUID

from domain.adjustments.events import (
    AdjustedCharge,
    AdjustedLine,
    AdjustmentApproved,
    AdjustmentExecuted,
    AdjustmentLapsed,
    AdjustmentProposed,
    AdjustmentReconciled,
    AdjustmentRejected,
    AdjustmentSystemApproved,
    AdjustmentWithdrawn,
    AmountDiffers,
    ApprovalRequirement,
    BoundFact,
    DutiesConflicted,
    ExecutionFailed,
    ExecutionStarted,
    OutcomeInDoubt,
)
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty, LapseCause
from domain.adjustments.ledger import AdjustmentEntered, RefundToldEntered
from domain.adjustments.reconciliation import (
    CurrencySums,
    Discrepancy,
    DiscrepancyKind,
    ReconciliationRecorded,
)
from domain.adjustments.refusals import AttemptRefused
from domain.money import Money, PositiveMoney
from domain.orders.purchase_signals import ChargeKind
from domain.people import Role
from domain.policy.decision import Decision, Verdict
from domain.recorded_event import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNUSUAL_TEXT = "Ünïcode „quotes“ \\ / 😀"
ONE = UUID(int=1)
DIGEST = "ab" * 32
TEN = PositiveMoney("10.00", "EUR")
REQUIRED = ApprovalRequirement(
    policy="4",
    policy_digest=DIGEST,
    rule="one-approver",
    approvers=1,
    counted="10.00",
    currency="EUR",
    of_order="10.00",
)
DECISION = Decision(
    policy="4",
    rule="small-goodwill-by-policy",
    verdicts=(Verdict("adjustment.counted", "at_most 10", "10.00", True),),
)
MONEY: tuple[Event, ...] = (
    AdjustmentProposed(
        adjustment=ONE,
        kind=AdjustmentKind.STORE_CREDIT,
        amount=TEN,
        reason=AdjustmentReason.GOODWILL,
        packet=DIGEST,
        digest=DIGEST,
        requirement=REQUIRED,
        lapses_at=NOON,
    ),
    AdjustmentProposed(
        adjustment=ONE,
        kind=AdjustmentKind.PARTIAL_REFUND,
        amount=TEN,
        reason=AdjustmentReason.DAMAGED,
        packet=DIGEST,
        digest=DIGEST,
        requirement=ApprovalRequirement(
            policy="4",
            policy_digest=DIGEST,
            rule="two-approvers",
            approvers=2,
            counted="10.00",
            currency="EUR",
            of_order="10.00",
            of_customer="120.00",
            roles=(Role.FINANCE_APPROVER,),
        ),
        lapses_at=NOON,
        lines=(AdjustedLine(sku=UNUSUAL_TEXT, quantity=2, amount=TEN),),
        evidence=("psp/1", UNUSUAL_TEXT),
        payment="pi_1",
        note=UNUSUAL_TEXT,
    ),
    AdjustmentProposed(
        adjustment=ONE,
        kind=AdjustmentKind.REFUND,
        amount=TEN,
        reason=AdjustmentReason.DAMAGED,
        packet=DIGEST,
        digest=DIGEST,
        requirement=ApprovalRequirement(
            policy="4",
            policy_digest=DIGEST,
            rule="one-approver",
            approvers=1,
            counted="10.00",
            currency="EUR",
            of_order="10.00",
        ),
        lapses_at=NOON,
        lines=(AdjustedLine(line="l-1", quantity=2, amount=TEN),),
        charges=(AdjustedCharge(kind=ChargeKind.SHIPPING, amount=TEN),),
        settles=TEN,
        parts=("parcel:P1",),
        facts=(BoundFact("refund.issued", "0"), BoundFact("customer.tier", None)),
        payment="pi_1",
    ),
    AdjustmentApproved(
        adjustment=ONE,
        digest=DIGEST,
        role=Role.TEAM_LEAD,
        limit="250",
        complete=True,
        lapses_at=NOON,
    ),
    AdjustmentApproved(
        adjustment=ONE,
        digest=DIGEST,
        role=Role.OPS_MANAGER,
        limit="2500",
        complete=False,
        lapses_at=NOON,
        note=UNUSUAL_TEXT,
    ),
    AdjustmentSystemApproved(adjustment=ONE, digest=DIGEST, decision=DECISION, lapses_at=NOON),
    AdjustmentRejected(adjustment=ONE, digest=DIGEST, reason=UNUSUAL_TEXT),
    AdjustmentWithdrawn(adjustment=ONE, reason=UNUSUAL_TEXT),
    AdjustmentLapsed(adjustment=ONE, cause=LapseCause.TIME),
    AdjustmentLapsed(adjustment=ONE, cause=LapseCause.PACKET, was=DIGEST, now="cd" * 32),
    AdjustmentLapsed(
        adjustment=ONE, cause=LapseCause.FACTS, was="refund.issued=0", now="refund.issued=3.00"
    ),
    ExecutionStarted(adjustment=ONE, digest=DIGEST, provider="elsewhere"),
    ExecutionStarted(adjustment=ONE, digest=DIGEST, provider="local", payment="pi_1"),
    OutcomeInDoubt(adjustment=ONE, detail=UNUSUAL_TEXT),
    AdjustmentExecuted(adjustment=ONE, provider="local", reference="re_1", amount=TEN),
    AmountDiffers(adjustment=ONE, ordered=TEN, given=PositiveMoney("9.00", "EUR")),
    ExecutionFailed(adjustment=ONE, provider="local", detail=UNUSUAL_TEXT),
    AdjustmentReconciled(adjustment=ONE, statement=DIGEST, reference="re_1"),
    DutiesConflicted(duties={"ana": Duty.REVIEW, "tia": Duty.APPROVE}),
    AdjustmentEntered(adjustment=ONE, case=ONE, amount=TEN),
    RefundToldEntered(order="o-1", signal="psp/refund-1"),
    ReconciliationRecorded(
        provider="local",
        since=NOON,
        until=NOON,
        statement=DIGEST,
        from_file=False,
        position=7,
        lines=0,
        matched=0,
        reconciled=0,
        counts={},
        sums=(),
    ),
    ReconciliationRecorded(
        provider="local",
        since=NOON,
        until=NOON,
        statement=DIGEST,
        from_file=True,
        position=7,
        lines=2,
        matched=1,
        reconciled=1,
        counts={"unknown_here": 1},
        sums=(CurrencySums("EUR", "10.00", "20.00", "10.00"),),
        discrepancies=(
            Discrepancy(
                kind=DiscrepancyKind.UNKNOWN_HERE,
                detail=UNUSUAL_TEXT,
                key=UNUSUAL_TEXT,
                case=ONE,
                references=("re_1",),
                here=Money("10.00", "EUR"),
                there=Money("-1.00", "EUR"),
            ),
        ),
    ),
    AttemptRefused(
        case=ONE, attempt="approve", rule="within-limit", detail=UNUSUAL_TEXT, case_version=7
    ),
    AttemptRefused(
        case=ONE,
        attempt="execute",
        rule="one-duty-per-person",
        detail=UNUSUAL_TEXT,
        case_version=7,
        earlier=3,
        adjustment=ONE,
    ),
)
