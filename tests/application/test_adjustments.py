"""An adjustment from its proposal to its reconciliation, and who cannot do which step."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.bound_facts import find_changed_facts
from domain.adjustments.errors import (
    AdjustmentDrifted,
    AdjustmentNotPending,
    AdjustmentsOpen,
    AgentHoldsNoDuty,
    ApprovedAlready,
    BeyondAuthority,
    DigestDiffers,
    DutyConflict,
    MoreThanOrder,
    MoreThanPaid,
    NoPaymentToRefund,
)
from domain.adjustments.events import AdjustmentExecuted
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty, LapseCause
from domain.cases.errors import CaseNotYours, EvidenceMissing
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.exception_case import CaseState as CaseState
from domain.errors import Invalid
from domain.money import PositiveMoney
from domain.orders.payment_signals import RefundIssued
from domain.people import Actor, Role
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after, captured, refunded, scanned


@pytest.fixture
def service() -> MoneyService:
    return MoneyService()


def test_a_refund_needs_four_people(service: MoneyService) -> None:
    one = service.propose("300.00")
    case = service.of()
    assert (one.state, one.requirement.rule, one.missing_approvals) == (
        "proposed",
        "one-approver",
        1,
    )
    assert (case.state, case.owner, case.lease_until) == (CaseState.PENDING_APPROVAL, "ana", None)
    one = service.approve(one, "omar")
    assert (one.state, one.approvals[0].role) == (State.APPROVED, Role.OPS_MANAGER)
    assert service.of().state is CaseState.CLAIMED
    one = service.execute(one, "fay")
    assert (one.state, one.provider, one.payment) == (State.EXECUTING, "local", "captured-o-1")
    amount = PositiveMoney("300.00", "EUR")
    outcome = AdjustmentExecuted(
        adjustment=one.id, provider="local", reference="re_1", amount=amount
    )
    service.record_outcome(outcome, "o-1", 8)
    case = service.of()
    by = caller_with_roles("finn", after(9))
    done = service.money.reconcile(case.id, case.version, one.id, "ab" * 32, by)
    assert done.case.adjustments.get(one.id).state is State.RECONCILED
    assert {name: held.duty for name, held in done.case.duties.items()} == {
        "ana": Duty.REVIEW,
        "omar": Duty.APPROVE,
        "fay": Duty.EXECUTE,
        "finn": Duty.RECONCILE,
    }


def test_a_person_who_worked_the_case_cannot_approve(service: MoneyService) -> None:
    case = service.of()
    service.desk.note(
        case.id, case.version, "Looks right to me.", caller_with_roles("tia", after(4.5))
    )
    one = service.propose()
    with pytest.raises(DutyConflict) as refused:
        service.approve(one, "tia")
    assert (refused.value.facts["rule"], refused.value.facts["act"]) == (
        "one-duty-per-person",
        "case.note_added",
    )
    assert refused.value.facts["version"] == case.version + 1
    assert service.refusals() == [("tia", "approve", "one-duty-per-person")]
    assert service.of().version == case.version + 2


def test_the_proposer_cannot_approve_even_after_a_promotion(service: MoneyService) -> None:
    one = service.propose()
    with pytest.raises(DutyConflict):
        service.approve(one, "ana", roles=(Role.FINANCE_APPROVER,))


def test_the_approver_can_neither_execute_nor_work_the_case(service: MoneyService) -> None:
    one = service.approve(service.propose(), "fay")
    with pytest.raises(DutyConflict):
        service.execute(one, "fay")
    case = service.of()
    with pytest.raises(DutyConflict):
        service.desk.note(
            case.id,
            case.version,
            "By the way",
            caller_with_roles("fay", after(8), roles=(Role.TEAM_LEAD,)),
        )


def test_duties_survive_a_reopening(service: MoneyService) -> None:
    one = service.reject(service.propose(), "tia")
    assert one.ended == "Not ours."
    case = service.of()
    case = service.resolve_held(case, after(8))
    case = service.desk.reopen(
        case.id, case.version, "Again", caller_with_roles("bo", after(9))
    ).case
    with pytest.raises(DutyConflict):
        service.desk.claim(case.id, case.version, caller_with_roles("tia", after(10)))
    case = service.desk.claim(case.id, case.version, caller_with_roles("bo", after(10))).case
    two = service.propose(by="bo", at=11)
    with pytest.raises(DutyConflict):
        service.approve(two, "ana", 12, roles=(Role.OPS_MANAGER,))
    assert service.approve(two, "tia", 12).state is State.APPROVED


def test_an_agent_cannot_take_a_duty_and_counts_as_its_person(service: MoneyService) -> None:
    agent = Actor("agent:tia-helper", "tia", via=("agent:helper",))
    case = service.of()
    service.desk.note(
        case.id, case.version, "A draft.", caller_with_roles("tia", after(4.5), actor=agent)
    )
    one = service.propose()
    with pytest.raises(DutyConflict):
        service.approve(one, "tia")
    of_omar = Actor("agent:omar-helper", "omar", via=("agent:helper",))
    with pytest.raises(AgentHoldsNoDuty):
        service.approve(one, "omar", actor=of_omar)
    one = service.approve(one, "omar")
    with pytest.raises(AgentHoldsNoDuty):
        service.execute(one, "fay", actor=Actor("agent:x", "fay", via=("agent:x",)))


def test_a_delegate_counts_as_both_persons(service: MoneyService) -> None:
    for_tia = Actor("key:bo", "tia", delegate="bo")
    case = service.of()
    service.desk.note(
        case.id, case.version, "For her.", caller_with_roles("tia", after(4.5), actor=for_tia)
    )
    one = service.propose()
    for name in ("tia", "bo"):
        with pytest.raises(DutyConflict):
            service.approve(one, name, roles=(Role.OPS_MANAGER,))


def test_duties_count_for_every_account_of_one_human(service: MoneyService) -> None:
    one = service.propose()
    with pytest.raises(DutyConflict):
        service.approve(one, "omar", known_as=("ana",))


def test_several_approvers_are_different_people(service: MoneyService) -> None:
    one = service.propose("4000.00")
    assert one.requirement.rule == "two-approvers"
    with pytest.raises(BeyondAuthority) as refused:
        service.approve(one, "tia")
    assert refused.value.facts["rule"] == "role-may-approve"
    one = service.approve(one, "fay")
    assert (one.state, one.missing_approvals) == (State.PROPOSED, 1)
    with pytest.raises(ApprovedAlready):
        service.approve(one, "fay")
    with pytest.raises(BeyondAuthority) as beyond:
        service.approve(one, "omar")
    assert (beyond.value.facts["rule"], beyond.value.facts["limit"]) == ("within-limit", "2500")
    assert service.approve(one, "finn").state is State.APPROVED
    assert [rule for _, _, rule in service.refusals()] == [
        "role-may-approve",
        "approvers-are-different-people",
        "within-limit",
    ]


def test_split_amounts_count_together(service: MoneyService) -> None:
    first = service.propose("240.00")
    service.approve(first, "tia")
    service.buy("o-2", "5000.00")
    second = service.propose("240.00", order="o-2", at=8)
    assert (second.requirement.of_order, second.requirement.counted) == ("240.00", "480.00")
    with pytest.raises(BeyondAuthority):
        service.approve(second, "tia", 9, order="o-2")
    third = service.propose("600.00", order="o-2", at=10)
    assert third.requirement.rule == "two-approvers"


def test_a_withdrawn_adjustment_does_not_count(service: MoneyService) -> None:
    service.withdraw(service.propose("900.00"), "ana")
    assert service.propose("100.00", at=8).requirement.counted == "100.00"


def test_another_customer_and_an_old_adjustment_do_not_count(service: MoneyService) -> None:
    service.propose("900.00")
    service.buy("o-2", "5000.00", customer="c-9")
    assert service.propose("100.00", order="o-2", at=8).requirement.counted == "100.00"
    service.buy("o-3", "5000.00")
    late = service.propose("100.00", order="o-3", at=24 * 31)
    assert late.requirement.of_customer == "100.00"


def test_a_simple_purchase_error_is_approved_by_policy_and_says_so(service: MoneyService) -> None:
    one = service.propose("15.00", reason=AdjustmentReason.PURCHASE_ERROR)
    assert (one.state, one.approved_by_rule) == (State.SYSTEM_APPROVED, "purchase-error-by-policy")
    assert service.of().state is CaseState.CLAIMED
    line = service.log.trail(service.of().id)[-1]
    assert (line.type, line.actor.principal) == ("case.adjustment_system_approved", "system:policy")
    with pytest.raises(DutyConflict):
        service.execute(one, "ana", roles=(Role.FINANCE_APPROVER,))
    assert service.execute(one, "fay").state is State.EXECUTING
    more = service.propose("6.00", reason=AdjustmentReason.PURCHASE_ERROR, at=8)
    assert more.state is State.PROPOSED


def test_an_approval_needs_the_digest_of_the_adjustment(service: MoneyService) -> None:
    one = service.propose()
    with pytest.raises(DigestDiffers):
        service.approve(structs.replace(one, digest="ab" * 32), "tia")


def test_a_refund_by_another_system_lapses_the_adjustment(service: MoneyService) -> None:
    one = service.approve(service.propose(), "tia")
    service.take(refund_of("o-1", "3.00"), at=after(7))
    assert service.of().adjustments.get(one.id).state is State.LAPSED
    (lapsed,) = service.events(service.of().id, "case.adjustment_lapsed")
    assert (lapsed.cause, lapsed.was, lapsed.now) == (
        LapseCause.FACTS,
        "refund.issued=0",
        "refund.issued=3.00",
    )
    with pytest.raises(AdjustmentNotPending):
        service.execute(one, "fay", 8)


def test_a_signal_that_changes_no_fact_of_the_proposal_lapses_nothing(
    service: MoneyService,
) -> None:
    one = service.approve(service.propose(), "tia")
    service.take(structs.replace(scanned(), order="o-1"), at=after(7))
    assert service.execute(one, "fay", 8).state is State.EXECUTING


def test_an_amount_that_is_only_written_differently_lapses_nothing(service: MoneyService) -> None:
    one = service.propose()
    assert isinstance(one.facts, tuple)
    (issued,) = [fact for fact in one.facts if fact.fact == "refund.issued"]
    assert issued.value == "0"
    for value, changed in (("0", 0), ("0.00", 0), ("0.01", 1), (False, 1), (None, 1)):
        bound = structs.replace(one, facts=(structs.replace(issued, value=value),))
        found = find_changed_facts(bound, service.order("o-1"))
        assert found is not None
        assert len(found) == changed, value


def test_a_new_policy_lapses_the_adjustment(service: MoneyService) -> None:
    one = service.propose()
    service.rulebook = Rulebook(structs.replace(UNTIMED_RULEBOOK.document, version="next"))
    with pytest.raises(AdjustmentDrifted) as drifted:
        service.approve(one, "tia")
    assert drifted.value.facts["cause"] == "policy"
    service.take(structs.replace(scanned(), order="o-1"), at=after(7))
    assert service.of().adjustments.get(one.id).state is State.LAPSED


def refund_of(order: str, amount: str, hours: float = 6, **more: object) -> RefundIssued:
    """A refund in EUR, as another system tells it."""
    return structs.replace(
        refunded(hours), order=order, amount=PositiveMoney(amount, "EUR"), **more
    )


def test_an_overdue_adjustment_lapses(service: MoneyService) -> None:
    one = service.propose()
    assert service.of().next_due == after(5 + 72)
    service.tick(after(5 + 72))
    case = service.of()
    assert (case.adjustments.get(one.id).state, case.state) == (State.LAPSED, CaseState.CLAIMED)


def test_a_case_with_a_pending_adjustment_cannot_be_resolved(service: MoneyService) -> None:
    service.propose()
    case = service.of()
    with pytest.raises(AdjustmentsOpen):
        service.resolve_held(case, after(6))


def test_a_refund_cannot_exceed_the_payment(service: MoneyService) -> None:
    with pytest.raises(MoreThanPaid):
        service.propose("50000.01")
    service.propose("49000.00")
    with pytest.raises(MoreThanPaid):
        service.propose("1000.01", at=6)
    with pytest.raises(MoreThanOrder):
        service.propose("1000.01", kind=AdjustmentKind.STORE_CREDIT, at=6)
    service.propose("1000.00", kind=AdjustmentKind.STORE_CREDIT, at=6)


def test_refunds_of_other_systems_count(service: MoneyService) -> None:
    gone = structs.replace(refunded(4, "49990.00"), order="o-1")
    gone = structs.replace(gone, amount=structs.replace(gone.amount, currency="EUR"))
    service.take(gone, at=after(4.5))
    with pytest.raises(MoreThanPaid):
        service.propose("10.01")


def test_an_adjustment_needs_a_payment_to_refund(service: MoneyService) -> None:
    second = structs.replace(captured(1, "5.00", "EUR", id="second"), order="o-1")
    service.take(second, at=after(4))
    with pytest.raises(NoPaymentToRefund) as unknown:
        service.propose()
    assert unknown.value.facts["payments"] == ["captured-o-1", "second"]
    assert service.propose(payment="second", amount="5.00").payment == "second"
    with pytest.raises(Invalid):
        service.propose(payment="other")
    with pytest.raises(MoreThanPaid, match="by payment second"):
        service.propose(payment="second", amount="0.01", at=6)


def test_only_the_claimant_can_propose(service: MoneyService) -> None:
    with pytest.raises(CaseNotYours):
        service.propose(by="bo")


def test_the_required_evidence_must_be_attached_and_named(service: MoneyService) -> None:
    kind = AdjustmentKind.RESHIPMENT
    with pytest.raises(EvidenceMissing):
        service.propose(kind=kind)
    case = service.of()
    evidence = Evidence(ref="dhl/lost-1", type=EvidenceType.CARRIER_STATEMENT)
    service.desk.attach(case.id, case.version, evidence, caller_with_roles("ana", after(4.5)))
    with pytest.raises(EvidenceMissing, match="name in `evidence`: dhl/lost-1"):
        service.propose(kind=kind)
    one = service.approve(service.propose(kind=kind, evidence=("dhl/lost-1",)), "tia")
    with pytest.raises(Invalid):
        service.execute(one, "fay")
    one = service.execute(one, "fay", reference="parcel-77")
    assert (one.state, one.reference, one.provider) == (State.EXECUTED, "parcel-77", "elsewhere")


@pytest.mark.parametrize("amount", ["0.00", "0"])
def test_an_amount_must_be_positive(service: MoneyService, amount: str) -> None:
    with pytest.raises(Invalid) as unsound:
        service.propose(amount)
    assert unsound.value.faults[0].pointer == "/amount/amount"


def test_concurrent_proposals_for_one_customer_count_together(service: MoneyService) -> None:
    service.buy("o-2", "5000.00")
    other = service.of("o-2")
    neighbour = MoneyService(recorder=service.recorder)
    first = service.propose("600.00")
    second = neighbour.propose("600.00", order="o-2")
    assert (first.requirement.counted, second.requirement.counted) == ("600.00", "1200.00")
    assert other.id != service.of().id
