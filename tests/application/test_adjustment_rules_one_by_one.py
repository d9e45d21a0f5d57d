"""Each rule between a proposal and a payment, tested alone, so no other rule can hide a failure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import UNSET, structs

from application.cases.case_commands import duty_rows_of
from application.people.order_duties import OrderCases
from application.people.people_desk import PeopleDesk, operator_caller
from application.people.scope import require_case_in_scope
from domain.access_errors import NotInScope
from domain.adjustments import decisions
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, RejectAdjustment
from domain.adjustments.decisions import ActingPerson
from domain.adjustments.errors import (
    AdjustmentDrifted,
    AdjustmentNotPending,
    AgentHoldsNoDuty,
    ApprovedAlready,
    BeyondAuthority,
    DigestDiffers,
    DutyConflict,
)
from domain.adjustments.events import AdjustmentApproved, AdjustmentExecuted, AdjustmentReconciled
from domain.adjustments.kinds import Duty
from domain.adjustments.ledger import Ledger
from domain.adjustments.money_left import MoneyLeft, money_left
from domain.authority import authority_of
from domain.cases.errors import CaseNotFound
from domain.cases.exception_case import ExceptionCase
from domain.grants import ChangePersonStatus, LinkPersonName
from domain.money import to_positive
from domain.orders.order import order_stream
from domain.people import OPERATOR_ACTOR, Actor, Role
from domain.person import Grant
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK, caller
from tests.application.money_service import FINANCE, MoneyService, caller_with_roles
from tests.domain.signals import after, handed_over, refunded
from tests.proofs.branching_recorder import WithoutDuties

NEXT_POLICY = Rulebook(structs.replace(UNTIMED_RULEBOOK.document, version="next"))
OTHER_DIGEST = "ab" * 32


@pytest.fixture
def service() -> MoneyService:
    return MoneyService()


class Decisions:
    """The decisions on one adjustment; everything else about them is valid."""

    def __init__(self, service: MoneyService, by: ActingPerson) -> None:
        self.case = service.of()
        self.one = self.case.adjustments.items[-1]
        self.order = service.order("o-1")
        self.by = by
        self.digest = self.one.digest
        self.rulebook = service.rulebook

    @property
    def left(self) -> MoneyLeft:
        return money_left(self.order, self.case.adjustments.items, self.one.id)

    def approve(self) -> object:
        ask = ApproveAdjustment(digest=self.digest)
        return decisions.approve(
            self.case, self.one, ask, self.by, self.order, self.rulebook, self.left, after(6)
        )

    def reject(self) -> object:
        ask = RejectAdjustment(digest=self.digest, reason="No.")
        return decisions.reject(self.case, self.one, ask, self.by)

    def execute(self) -> object:
        ask = ExecuteAdjustment(digest=self.digest)
        return decisions.execute(
            self.case, self.one, ask, self.by, self.order, self.rulebook, self.left, "local"
        )

    def reconcile(self) -> object:
        return decisions.reconcile(self.case, self.one, self.by, OTHER_DIGEST)


Decision = Callable[[Decisions], object]
APPROVE, REJECT, EXECUTE, RECONCILE = (
    Decisions.approve,
    Decisions.reject,
    Decisions.execute,
    Decisions.reconcile,
)
BEFORE: dict[Decision, State] = {
    APPROVE: State.PROPOSED,
    REJECT: State.PROPOSED,
    EXECUTE: State.APPROVED,
    RECONCILE: State.EXECUTED,
}


def at(service: MoneyService, state: State, amount: str = "40.00") -> Adjustment:
    """An adjustment in this state: proposed by ana, approved by fay, executed by finn."""
    one = service.propose(amount)
    if state is not State.PROPOSED:
        one = service.approve(one, "fay")
    if state in (State.EXECUTING, State.EXECUTED):
        one = service.execute(one, "finn")
    if state is State.EXECUTED:
        paid(service, one)
    return one


def paid(service: MoneyService, one: Adjustment) -> None:
    amount = to_positive(one.amount)
    outcome = AdjustmentExecuted(adjustment=one.id, provider="local", reference="re", amount=amount)
    service.record_outcome(outcome, "o-1", 8)


def by(*names: str, is_agent: bool = False) -> ActingPerson:
    return ActingPerson(names[0], names, FINANCE, is_agent)


@pytest.mark.parametrize("decision", BEFORE)
def test_a_person_without_duties_may_decide(service: MoneyService, decision: Decision) -> None:
    at(service, BEFORE[decision])
    assert decision(Decisions(service, by("fred"))) is not None


@pytest.mark.parametrize("names", [("ana",), ("nina", "ana")])
@pytest.mark.parametrize("decision", BEFORE)
def test_a_person_who_worked_the_case_may_not_decide(
    service: MoneyService, decision: Decision, names: tuple[str, ...]
) -> None:
    at(service, BEFORE[decision])
    with pytest.raises(DutyConflict):
        decision(Decisions(service, by(*names)))


@pytest.mark.parametrize("decision", BEFORE)
def test_an_agent_may_not_decide(service: MoneyService, decision: Decision) -> None:
    at(service, BEFORE[decision])
    with pytest.raises(AgentHoldsNoDuty):
        decision(Decisions(service, by("fred", is_agent=True)))


@pytest.mark.parametrize("decision", BEFORE)
@pytest.mark.parametrize("state", [State.PROPOSED, State.APPROVED, State.EXECUTING, State.EXECUTED])
def test_each_decision_needs_the_right_state(
    service: MoneyService, decision: Decision, state: State
) -> None:
    at(service, state)
    request = Decisions(service, by("fred"))
    if state is BEFORE[decision] or (decision is REJECT and state is State.APPROVED):
        assert decision(request) is not None
    else:
        with pytest.raises(AdjustmentNotPending):
            decision(request)


@pytest.mark.parametrize("decision", [APPROVE, REJECT, EXECUTE])
def test_each_decision_needs_the_right_digest(service: MoneyService, decision: Decision) -> None:
    at(service, BEFORE[decision])
    request = Decisions(service, by("fred"))
    request.digest = OTHER_DIGEST
    with pytest.raises(DigestDiffers):
        decision(request)


@pytest.mark.parametrize("decision", [APPROVE, EXECUTE])
@pytest.mark.parametrize("cause", ["facts", "packet", "policy"])
def test_no_decision_on_changed_facts_or_a_changed_policy(
    service: MoneyService, decision: Decision, cause: str
) -> None:
    at(service, BEFORE[decision])
    request = Decisions(service, by("fred"))
    if cause == "policy":
        request.rulebook = NEXT_POLICY
    elif cause == "packet":  # a proposal of an earlier version is bound to all that was known
        request.one = structs.replace(request.one, facts=UNSET)
        service.take(structs.replace(handed_over(6), order="o-1"), at=after(7))
        request.order = service.order("o-1")
    else:
        told = refunded(6, "1.00", "EUR")
        # Another process would let it lapse; this one decides before it reads the log again.
        service.take(structs.replace(told, order="o-1"), at=after(7))
        request.order = service.order("o-1")
    with pytest.raises(AdjustmentDrifted) as drifted:
        decision(request)
    assert drifted.value.facts["cause"] == cause


def test_an_approval_limit_is_inclusive(service: MoneyService) -> None:
    assert service.approve(service.propose("250.00"), "tia").state is State.APPROVED
    service.buy("o-2", "900.00", "c-2")
    beyond = service.propose("250.01", order="o-2")
    with pytest.raises(BeyondAuthority):
        service.approve(beyond, "tia", order="o-2")


def test_two_approvals_need_two_humans_under_any_names(service: MoneyService) -> None:
    one = service.approve(service.propose("4000.00"), "fay")
    with pytest.raises(ApprovedAlready):
        service.approve(one, "finn", known_as=("fay",))
    for_fay = Actor("key:finn", "finn", delegate="fay")
    with pytest.raises(ApprovedAlready):
        service.approve(one, "finn", actor=for_fay)
    assert service.approve(one, "finn").state is State.APPROVED


def test_a_paid_adjustment_still_counts(service: MoneyService) -> None:
    one = service.execute(service.approve(service.propose("600.00"), "fay"), "finn")
    assert service.propose("1.00", at=7).requirement.counted == "601.00"
    paid(service, one)
    assert service.propose("1.00", at=9).requirement.counted == "602.00"
    case = service.of()
    service.money.reconcile(
        case.id, case.version, one.id, OTHER_DIGEST, caller_with_roles("fred", after(10))
    )
    assert service.propose("1.00", at=11).requirement.counted == "603.00"


@pytest.mark.parametrize(
    ("event", "duty"), [(AdjustmentApproved, Duty.APPROVE), (AdjustmentReconciled, Duty.RECONCILE)]
)
def test_a_duty_is_recorded_under_all_names(
    service: MoneyService, event: type[AdjustmentApproved | AdjustmentReconciled], duty: Duty
) -> None:
    at(service, State.EXECUTED if duty is Duty.RECONCILE else State.PROPOSED)
    names = ("fred", "freda", "tess")
    request = Decisions(service, by(*names))
    decided = request.reconcile() if duty is Duty.RECONCILE else request.approve()
    assert isinstance(decided, event)
    actor = Actor("user:fred", "fred", delegate="tess")
    over = OrderCases(request.case.order, Ledger(version=1))
    rows = duty_rows_of(request.case, [(actor, decided)], names, over)
    assert [(row.case, row.person, row.duty) for row in rows] == [
        (key, name, duty) for key in (request.case.id, order_stream("o-1")) for name in names
    ]


def test_duties_are_stored_with_their_events(service: MoneyService) -> None:
    case = service.of()
    service.desk.note(case.id, case.version, "Seen.", caller_with_roles("bo", after(4.5)))
    at(service, State.APPROVED)
    with_rows = service.recorder._duties  # the rows of the database table
    assert {person: duty for (where, person), duty in with_rows.items() if where == case.id} == {
        "bo": Duty.REVIEW,
        "ana": Duty.REVIEW,
        "fay": Duty.APPROVE,
    }


@pytest.fixture
def known(service: MoneyService) -> PeopleDesk:
    """The people desk; money decisions ask it each time."""
    return service.employ(dict.fromkeys(("ana", "fay", "finn"), FINANCE))


def test_a_just_revoked_grant_allows_no_decision(service: MoneyService, known: PeopleDesk) -> None:
    one = service.propose()
    remembered = caller_with_roles("fay", after(6))
    known.revoke("fay", "g1", ChangePersonStatus(reason="Moved."), operator_caller(after(5.5)))
    with pytest.raises(NotInScope):
        service.approve(one, "fay", authority=remembered.authority)
    for_fay = Actor("key:finn", "fay", delegate="finn")
    with pytest.raises(NotInScope):
        service.approve(one, "fay", actor=for_fay)
    assert service.approve(one, "finn").state is State.APPROVED


def test_a_delegate_who_has_left_cannot_decide(service: MoneyService, known: PeopleDesk) -> None:
    one = service.propose()
    known.leave("finn", ChangePersonStatus(reason="Gone."), operator_caller(after(5.5)))
    with pytest.raises(NotInScope):
        service.approve(one, "fay", actor=Actor("key:finn", "fay", delegate="finn"))


def test_accounts_just_linked_to_one_human_count_as_one(
    service: MoneyService, known: PeopleDesk
) -> None:
    one = service.propose()
    known.same_as("fay", LinkPersonName(other="ana", reason="One."), operator_caller(after(5.5)))
    with pytest.raises(DutyConflict):
        service.approve(one, "fay")


@pytest.mark.parametrize("state", [State.APPROVED, State.EXECUTED])
def test_the_service_refuses_without_the_database_rule(state: State) -> None:
    """In a log without the database rule, the approver, executor or rejecter still cannot work
    the case."""
    service = MoneyService(recorder=WithoutDuties())
    service.buy("o-1", "900.00")
    at(service, state)
    case = service.of()
    for person in ("fay", "finn")[: 1 if state is State.APPROVED else 2]:
        with pytest.raises(DutyConflict):
            service.desk.note(case.id, case.version, "By the way", caller(person, after(9)))


def test_a_case_out_of_scope_is_not_found(service: MoneyService) -> None:
    case = service.of()

    def reaching(queue: str) -> ExceptionCase:
        grant = Grant(
            grant="g1",
            role=Role.HANDLER,
            queues=(queue,),
            granted_at=after(0),
            granted_by=OPERATOR_ACTOR,
        )
        authority = authority_of([grant])
        require_case_in_scope(authority, case)
        return service.money.cases([case.id])[case.id]

    assert reaching(case.queue) == case
    with pytest.raises(CaseNotFound) as refused:
        reaching("fraud_review")
    assert not isinstance(refused.value, NotInScope)
    assert str(refused.value) == f"no case {case.id}"
