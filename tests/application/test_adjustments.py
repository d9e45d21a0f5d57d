"""An adjustment from its proposal to its reconciliation, and who cannot do which step."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.errors import (
    AdjustmentDrifted,
    AdjustmentNotPending,
    AdjustmentsOpen,
    AgentHoldsNoDuty,
    ApprovedAlready,
    BeyondAuthority,
    DigestDiffers,
    DutyConflict,
    MoreThanPaid,
    NoPaymentToRefund,
)
from domain.adjustments.events import AdjustmentExecuted
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty
from domain.cases.errors import CaseNotYours, EvidenceMissing
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.exception_case import CaseState as CaseState
from domain.errors import Invalid
from domain.money import PositiveMoney
from domain.people import Actor, Role
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after, captured, refunded, scanned


@pytest.fixture
def house() -> MoneyService:
    return MoneyService()


def test_a_refund_needs_four_people(house: MoneyService) -> None:
    one = house.propose("300.00")
    case = house.of()
    assert (one.state, one.requirement.rule, one.missing_approvals) == (
        "proposed",
        "one-approver",
        1,
    )
    assert (case.state, case.owner, case.lease_until) == (CaseState.PENDING_APPROVAL, "ana", None)
    one = house.approve(one, "omar")
    assert (one.state, one.approvals[0].role) == (State.APPROVED, Role.OPS_MANAGER)
    assert house.of().state is CaseState.CLAIMED
    one = house.execute(one, "fay")
    assert (one.state, one.provider, one.payment) == (State.EXECUTING, "local", "captured-o-1")
    amount = PositiveMoney("300.00", "EUR")
    outcome = AdjustmentExecuted(
        adjustment=one.id, provider="local", reference="re_1", amount=amount
    )
    house.record_outcome(outcome, "o-1", 8)
    case = house.of()
    by = caller_with_roles("finn", after(9))
    done = house.money.reconcile(case.id, case.version, one.id, "ab" * 32, by)
    assert done.case.adjustments.get(one.id).state is State.RECONCILED
    assert {name: held.duty for name, held in done.case.duties.items()} == {
        "ana": Duty.REVIEW,
        "omar": Duty.APPROVE,
        "fay": Duty.EXECUTE,
        "finn": Duty.RECONCILE,
    }


def test_a_person_who_worked_the_case_cannot_approve(house: MoneyService) -> None:
    case = house.of()
    house.desk.note(
        case.id, case.version, "Looks right to me.", caller_with_roles("tia", after(4.5))
    )
    one = house.propose()
    with pytest.raises(DutyConflict) as refused:
        house.approve(one, "tia")
    assert (refused.value.facts["rule"], refused.value.facts["act"]) == (
        "one-duty-per-person",
        "case.note_added",
    )
    assert refused.value.facts["version"] == case.version + 1
    assert house.refusals() == [("tia", "approve", "one-duty-per-person")]
    assert house.of().version == case.version + 2


def test_the_proposer_cannot_approve_even_after_a_promotion(house: MoneyService) -> None:
    one = house.propose()
    with pytest.raises(DutyConflict):
        house.approve(one, "ana", roles=(Role.FINANCE_APPROVER,))


def test_the_approver_can_neither_execute_nor_work_the_case(house: MoneyService) -> None:
    one = house.approve(house.propose(), "fay")
    with pytest.raises(DutyConflict):
        house.execute(one, "fay")
    case = house.of()
    with pytest.raises(DutyConflict):
        house.desk.note(
            case.id,
            case.version,
            "By the way",
            caller_with_roles("fay", after(8), roles=(Role.TEAM_LEAD,)),
        )


def test_duties_survive_a_reopening(house: MoneyService) -> None:
    one = house.reject(house.propose(), "tia")
    assert one.ended == "Not ours."
    case = house.of()
    case = house.resolve_held(case, after(8))
    case = house.desk.reopen(case.id, case.version, "Again", caller_with_roles("bo", after(9))).case
    with pytest.raises(DutyConflict):
        house.desk.claim(case.id, case.version, caller_with_roles("tia", after(10)))
    case = house.desk.claim(case.id, case.version, caller_with_roles("bo", after(10))).case
    two = house.propose(by="bo", at=11)
    with pytest.raises(DutyConflict):
        house.approve(two, "ana", 12, roles=(Role.OPS_MANAGER,))
    assert house.approve(two, "tia", 12).state is State.APPROVED


def test_an_agent_cannot_take_a_duty_and_counts_as_its_person(house: MoneyService) -> None:
    agent = Actor("agent:tia-helper", "tia", via=("agent:helper",))
    case = house.of()
    house.desk.note(
        case.id, case.version, "A draft.", caller_with_roles("tia", after(4.5), actor=agent)
    )
    one = house.propose()
    with pytest.raises(DutyConflict):
        house.approve(one, "tia")
    of_omar = Actor("agent:omar-helper", "omar", via=("agent:helper",))
    with pytest.raises(AgentHoldsNoDuty):
        house.approve(one, "omar", actor=of_omar)
    one = house.approve(one, "omar")
    with pytest.raises(AgentHoldsNoDuty):
        house.execute(one, "fay", actor=Actor("agent:x", "fay", via=("agent:x",)))


def test_a_delegate_counts_as_both_persons(house: MoneyService) -> None:
    for_tia = Actor("key:bo", "tia", delegate="bo")
    case = house.of()
    house.desk.note(
        case.id, case.version, "For her.", caller_with_roles("tia", after(4.5), actor=for_tia)
    )
    one = house.propose()
    for name in ("tia", "bo"):
        with pytest.raises(DutyConflict):
            house.approve(one, name, roles=(Role.OPS_MANAGER,))


def test_duties_count_for_every_account_of_one_human(house: MoneyService) -> None:
    one = house.propose()
    with pytest.raises(DutyConflict):
        house.approve(one, "omar", known_as=("ana",))


def test_several_approvers_are_different_people(house: MoneyService) -> None:
    one = house.propose("4000.00")
    assert one.requirement.rule == "two-approvers"
    with pytest.raises(BeyondAuthority) as refused:
        house.approve(one, "tia")
    assert refused.value.facts["rule"] == "role-may-approve"
    one = house.approve(one, "fay")
    assert (one.state, one.missing_approvals) == (State.PROPOSED, 1)
    with pytest.raises(ApprovedAlready):
        house.approve(one, "fay")
    with pytest.raises(BeyondAuthority) as beyond:
        house.approve(one, "omar")
    assert (beyond.value.facts["rule"], beyond.value.facts["limit"]) == ("within-limit", "2500")
    assert house.approve(one, "finn").state is State.APPROVED
    assert [rule for _, _, rule in house.refusals()] == [
        "role-may-approve",
        "approvers-are-different-people",
        "within-limit",
    ]


def test_split_amounts_count_together(house: MoneyService) -> None:
    first = house.propose("240.00")
    house.approve(first, "tia")
    house.buy("o-2", "5000.00")
    second = house.propose("240.00", order="o-2", at=8)
    assert (second.requirement.of_order, second.requirement.counted) == ("240.00", "480.00")
    with pytest.raises(BeyondAuthority):
        house.approve(second, "tia", 9, order="o-2")
    third = house.propose("600.00", order="o-2", at=10)
    assert third.requirement.rule == "two-approvers"


def test_a_withdrawn_adjustment_does_not_count(house: MoneyService) -> None:
    house.withdraw(house.propose("900.00"), "ana")
    assert house.propose("100.00", at=8).requirement.counted == "100.00"


def test_another_customer_and_an_old_adjustment_do_not_count(house: MoneyService) -> None:
    house.propose("900.00")
    house.buy("o-2", "5000.00", customer="c-9")
    assert house.propose("100.00", order="o-2", at=8).requirement.counted == "100.00"
    house.buy("o-3", "5000.00")
    late = house.propose("100.00", order="o-3", at=24 * 31)
    assert late.requirement.of_customer == "100.00"


def test_a_simple_purchase_error_is_approved_by_policy_and_says_so(house: MoneyService) -> None:
    one = house.propose("15.00", reason=AdjustmentReason.PURCHASE_ERROR)
    assert (one.state, one.approved_by_rule) == (State.SYSTEM_APPROVED, "purchase-error-by-policy")
    assert house.of().state is CaseState.CLAIMED
    line = house.log.trail(house.of().id)[-1]
    assert (line.type, line.actor.principal) == (
        "case.adjustment_system_approved",
        "system:policy",
    )
    with pytest.raises(DutyConflict):
        house.execute(one, "ana", roles=(Role.FINANCE_APPROVER,))
    assert house.execute(one, "fay").state is State.EXECUTING
    more = house.propose("6.00", reason=AdjustmentReason.PURCHASE_ERROR, at=8)
    assert more.state is State.PROPOSED


def test_an_approval_needs_the_digest_of_the_adjustment(house: MoneyService) -> None:
    one = house.propose()
    with pytest.raises(DigestDiffers):
        house.approve(structs.replace(one, digest="ab" * 32), "tia")


def test_a_new_signal_lapses_the_adjustment(house: MoneyService) -> None:
    one = house.approve(house.propose(), "tia")
    house.take(structs.replace(scanned(), order="o-1"), at=after(7))
    assert house.of().adjustments.get(one.id).state is State.LAPSED
    (lapsed,) = house.events(house.of().id, "case.adjustment_lapsed")
    assert (lapsed.cause, lapsed.was == lapsed.now) == ("packet", False)
    with pytest.raises(AdjustmentNotPending):
        house.execute(one, "fay", 8)


def test_a_new_policy_lapses_the_adjustment(house: MoneyService) -> None:
    one = house.propose()
    house.rulebook = Rulebook(structs.replace(UNTIMED_RULEBOOK.document, version="next"))
    with pytest.raises(AdjustmentDrifted) as drifted:
        house.approve(one, "tia")
    assert drifted.value.facts["cause"] == "policy"
    house.take(structs.replace(scanned(), order="o-1"), at=after(7))
    assert house.of().adjustments.get(one.id).state is State.LAPSED


def test_an_overdue_adjustment_lapses(house: MoneyService) -> None:
    one = house.propose()
    assert house.of().next_due == after(5 + 72)
    house.tick(after(5 + 72))
    case = house.of()
    assert (case.adjustments.get(one.id).state, case.state) == (State.LAPSED, CaseState.CLAIMED)


def test_a_case_with_a_pending_adjustment_cannot_be_resolved(house: MoneyService) -> None:
    house.propose()
    case = house.of()
    with pytest.raises(AdjustmentsOpen):
        house.resolve_held(case, after(6))


def test_a_refund_cannot_exceed_the_payment(house: MoneyService) -> None:
    with pytest.raises(MoreThanPaid):
        house.propose("50000.01")
    house.propose("49000.00")
    with pytest.raises(MoreThanPaid):
        house.propose("1000.01", at=6)
    house.propose("1000.01", kind=AdjustmentKind.STORE_CREDIT, at=6)


def test_refunds_of_other_systems_count(house: MoneyService) -> None:
    gone = structs.replace(refunded(4, "49990.00"), order="o-1")
    gone = structs.replace(gone, amount=structs.replace(gone.amount, currency="EUR"))
    house.take(gone, at=after(4.5))
    with pytest.raises(MoreThanPaid):
        house.propose("10.01")


def test_an_adjustment_needs_a_payment_to_refund(house: MoneyService) -> None:
    second = structs.replace(captured(1, "5.00", "EUR", id="second"), order="o-1")
    house.take(second, at=after(4))
    with pytest.raises(NoPaymentToRefund) as unknown:
        house.propose()
    assert unknown.value.facts["payments"] == ["captured-o-1", "second"]
    assert house.propose(payment="second", amount="5.00").payment == "second"
    with pytest.raises(Invalid):
        house.propose(payment="other")
    with pytest.raises(MoreThanPaid, match="by payment second"):
        house.propose(payment="second", amount="0.01", at=6)


def test_only_the_claimant_can_propose(house: MoneyService) -> None:
    with pytest.raises(CaseNotYours):
        house.propose(by="bo")


def test_the_required_evidence_must_be_attached_and_named(house: MoneyService) -> None:
    kind = AdjustmentKind.RESHIPMENT
    with pytest.raises(EvidenceMissing):
        house.propose(kind=kind)
    case = house.of()
    evidence = Evidence(ref="dhl/lost-1", type=EvidenceType.CARRIER_STATEMENT)
    house.desk.attach(case.id, case.version, evidence, caller_with_roles("ana", after(4.5)))
    one = house.approve(house.propose(kind=kind, evidence=("dhl/lost-1",)), "tia")
    with pytest.raises(Invalid):
        house.execute(one, "fay")
    one = house.execute(one, "fay", reference="parcel-77")
    assert (one.state, one.reference, one.provider) == (State.EXECUTED, "parcel-77", "elsewhere")


@pytest.mark.parametrize("amount", ["0.00", "0"])
def test_an_amount_must_be_positive(house: MoneyService, amount: str) -> None:
    with pytest.raises(Invalid) as unsound:
        house.propose(amount)
    assert unsound.value.faults[0].pointer == "/amount/amount"


def test_concurrent_proposals_for_one_customer_count_together(house: MoneyService) -> None:
    house.buy("o-2", "5000.00")
    other = house.of("o-2")
    neighbour = MoneyService(recorder=house.recorder)
    first = house.propose("600.00")
    second = neighbour.propose("600.00", order="o-2")
    assert (first.requirement.counted, second.requirement.counted) == ("600.00", "1200.00")
    assert other.id != house.of().id
