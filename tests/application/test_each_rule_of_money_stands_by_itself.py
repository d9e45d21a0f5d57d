"""Each rule that stands between a proposal and a payment, asked alone: no other rule covers for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from application.cases.case_commands import duties_taken
from application.log import streams
from application.money.money_desk import MoneyDesk
from application.people.people_desk import PeopleDesk, operator
from application.people.scope import must_reach
from domain.access_errors import NotInScope
from domain.adjustments import decisions
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, RejectAdjustment
from domain.adjustments.decisions import Hands
from domain.adjustments.errors import (
    AdjustmentDrifted,
    AdjustmentNotPending,
    AgentHoldsNoDuty,
    ApprovedAlready,
    BeyondAuthority,
    DigestDiffers,
    DutyConflict,
)
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentExecuted,
    AdjustmentReconciled,
)
from domain.adjustments.kinds import Duty
from domain.authority import authority_of
from domain.cases.errors import CaseNotFound
from domain.cases.exception_case import ExceptionCase
from domain.grants import ChangeStanding, NameOther
from domain.money import PositiveMoney
from domain.people import OPERATOR, Actor, Grant, Role
from domain.policy.rulebook import Rulebook
from tests.application.house import DEFAULT, caller, staff
from tests.application.money import FINANCE, MoneyHouse, hands
from tests.domain.telling import after, scanned
from tests.proofs.branching import WithoutDuties

NEXT_POLICY = Rulebook(structs.replace(DEFAULT.document, version="next"))
OTHER_DIGEST = "ab" * 32


@pytest.fixture
def house() -> MoneyHouse:
    return MoneyHouse()


class Asked:
    """The decisions on one adjustment, with everything else in order."""

    def __init__(self, house: MoneyHouse, by: Hands) -> None:
        self.case = house.of()
        self.one = self.case.adjustments.items[-1]
        self.order = house.order("o-1")
        self.by = by
        self.digest = self.one.digest
        self.rulebook = house.rulebook

    def approve(self) -> object:
        ask = ApproveAdjustment(digest=self.digest)
        return decisions.approve(
            self.case, self.one, ask, self.by, self.order, self.rulebook, after(6)
        )

    def reject(self) -> object:
        ask = RejectAdjustment(digest=self.digest, reason="No.")
        return decisions.reject(self.case, self.one, ask, self.by)

    def execute(self) -> object:
        ask = ExecuteAdjustment(digest=self.digest)
        return decisions.execute(
            self.case, self.one, ask, self.by, self.order, self.rulebook, "local"
        )

    def reconcile(self) -> object:
        return decisions.reconcile(self.case, self.one, self.by, OTHER_DIGEST)


Decision = Callable[[Asked], object]
APPROVE, REJECT, EXECUTE, RECONCILE = Asked.approve, Asked.reject, Asked.execute, Asked.reconcile
BEFORE: dict[Decision, State] = {
    APPROVE: State.PROPOSED,
    REJECT: State.PROPOSED,
    EXECUTE: State.APPROVED,
    RECONCILE: State.EXECUTED,
}


def at(house: MoneyHouse, state: State, amount: str = "40.00") -> Adjustment:
    """An adjustment that ana proposed, as far as this: approved by fay, executed by finn."""
    one = house.propose(amount)
    if state is not State.PROPOSED:
        one = house.approve(one, "fay")
    if state in (State.EXECUTING, State.EXECUTED):
        one = house.execute(one, "finn")
    if state is State.EXECUTED:
        paid(house, one)
    return one


def paid(house: MoneyHouse, one: Adjustment) -> None:
    amount = PositiveMoney(one.amount.amount, one.amount.currency)
    told = AdjustmentExecuted(adjustment=one.id, provider="local", reference="re", amount=amount)
    house.told(told, "o-1", 8)


def by(*names: str, is_agent: bool = False) -> Hands:
    return Hands(names[0], names, FINANCE, is_agent)


@pytest.mark.parametrize("decision", BEFORE)
def test_a_fourth_person_may(house: MoneyHouse, decision: Decision) -> None:
    at(house, BEFORE[decision])
    assert decision(Asked(house, by("fred"))) is not None


@pytest.mark.parametrize("names", [("ana",), ("nina", "ana")])
@pytest.mark.parametrize("decision", BEFORE)
def test_who_worked_the_case_may_not(
    house: MoneyHouse, decision: Decision, names: tuple[str, ...]
) -> None:
    at(house, BEFORE[decision])
    with pytest.raises(DutyConflict):
        decision(Asked(house, by(*names)))


@pytest.mark.parametrize("decision", BEFORE)
def test_an_agent_may_not(house: MoneyHouse, decision: Decision) -> None:
    at(house, BEFORE[decision])
    with pytest.raises(AgentHoldsNoDuty):
        decision(Asked(house, by("fred", is_agent=True)))


@pytest.mark.parametrize("decision", BEFORE)
@pytest.mark.parametrize("state", [State.PROPOSED, State.APPROVED, State.EXECUTING, State.EXECUTED])
def test_each_comes_in_its_turn(house: MoneyHouse, decision: Decision, state: State) -> None:
    at(house, state)
    asked = Asked(house, by("fred"))
    if state is BEFORE[decision] or (decision is REJECT and state is State.APPROVED):
        assert decision(asked) is not None
    else:
        with pytest.raises(AdjustmentNotPending):
            decision(asked)


@pytest.mark.parametrize("decision", [APPROVE, REJECT, EXECUTE])
def test_it_names_what_it_is_about(house: MoneyHouse, decision: Decision) -> None:
    at(house, BEFORE[decision])
    asked = Asked(house, by("fred"))
    asked.digest = OTHER_DIGEST
    with pytest.raises(DigestDiffers):
        decision(asked)


@pytest.mark.parametrize("decision", [APPROVE, EXECUTE])
@pytest.mark.parametrize("cause", ["packet", "policy"])
def test_what_has_drifted_is_not_decided_on(
    house: MoneyHouse, decision: Decision, cause: str
) -> None:
    at(house, BEFORE[decision])
    asked = Asked(house, by("fred"))
    if cause == "policy":
        asked.rulebook = NEXT_POLICY
    else:
        house.take(structs.replace(scanned(), order="o-1"), at=after(7))
        asked.order = house.order("o-1")
    with pytest.raises(AdjustmentDrifted) as drifted:
        decision(asked)
    assert drifted.value.facts["cause"] == cause


def test_a_limit_is_reached_and_not_passed(house: MoneyHouse) -> None:
    assert house.approve(house.propose("250.00"), "tia").state is State.APPROVED
    house.buy("o-2", "900.00", "c-2")
    beyond = house.propose("250.01", order="o-2")
    with pytest.raises(BeyondAuthority):
        house.approve(beyond, "tia", order="o-2")


def test_approvals_are_of_two_humans_whatever_their_names(house: MoneyHouse) -> None:
    one = house.approve(house.propose("4000.00"), "fay")
    with pytest.raises(ApprovedAlready):
        house.approve(one, "finn", known_as=("fay",))
    for_fay = Actor("key:finn", "finn", delegate="fay")
    with pytest.raises(ApprovedAlready):
        house.approve(one, "finn", actor=for_fay)
    assert house.approve(one, "finn").state is State.APPROVED


def test_what_was_paid_goes_on_counting(house: MoneyHouse) -> None:
    one = house.execute(house.approve(house.propose("600.00"), "fay"), "finn")
    assert house.propose("1.00", at=7).requirement.counted == "601.00"
    paid(house, one)
    assert house.propose("1.00", at=9).requirement.counted == "602.00"
    case = house.of()
    house.money.reconcile(case.id, case.version, one.id, OTHER_DIGEST, hands("fred", after(10)))
    assert house.propose("1.00", at=11).requirement.counted == "603.00"


@pytest.mark.parametrize(
    ("event", "duty"),
    [
        (AdjustmentApproved, Duty.APPROVE),
        (AdjustmentReconciled, Duty.RECONCILE),
    ],
)
def test_a_duty_is_taken_under_all_names(
    house: MoneyHouse, event: type[AdjustmentApproved | AdjustmentReconciled], duty: Duty
) -> None:
    at(house, State.EXECUTED if duty is Duty.RECONCILE else State.PROPOSED)
    names = ("fred", "freda", "tess")
    asked = Asked(house, by(*names))
    told = asked.reconcile() if duty is Duty.RECONCILE else asked.approve()
    assert isinstance(told, event)
    actor = Actor("user:fred", "fred", delegate="tess")
    rows = duties_taken(asked.case, [(actor, told)], names)
    assert [(row.case, row.person, row.duty) for row in rows] == [
        (asked.case.id, name, duty) for name in names
    ]


def test_duties_go_into_the_log_with_the_acts_that_take_them(house: MoneyHouse) -> None:
    case = house.of()
    house.desk.note(case.id, case.version, "Seen.", hands("bo", after(4.5)))
    at(house, State.APPROVED)
    with_rows = house.recorder._duties  # what the database has in its table
    assert {person: duty for (where, person), duty in with_rows.items() if where == case.id} == {
        "bo": Duty.REVIEW,
        "ana": Duty.REVIEW,
        "fay": Duty.APPROVE,
    }


@pytest.fixture
def known(house: MoneyHouse) -> PeopleDesk:
    """Whom the log knows: where money is decided on, it is asked each time."""
    people = PeopleDesk(house.log, streams.people(house.log))
    for name in ("ana", "fay", "finn"):
        people.add(name, FINANCE, after(0))
    house.money = MoneyDesk(
        house.log,
        house.orders,
        house.cases,
        streams.ledgers(house.log),
        lambda: house.rulebook,
        staff,
        "local",
        people,
    )
    return people


def test_what_was_taken_back_a_moment_ago_lets_nobody_decide(
    house: MoneyHouse, known: PeopleDesk
) -> None:
    one = house.propose()
    remembered = hands("fay", after(6))
    known.revoke("fay", "g1", ChangeStanding(reason="Moved."), operator(after(5.5)))
    with pytest.raises(NotInScope):
        house.approve(one, "fay", authority=remembered.authority)
    for_fay = Actor("key:finn", "fay", delegate="finn")
    with pytest.raises(NotInScope):
        house.approve(one, "fay", actor=for_fay)
    assert house.approve(one, "finn").state is State.APPROVED


def test_a_delegate_who_has_left_decides_nothing(house: MoneyHouse, known: PeopleDesk) -> None:
    one = house.propose()
    known.leave("finn", ChangeStanding(reason="Gone."), operator(after(5.5)))
    with pytest.raises(NotInScope):
        house.approve(one, "fay", actor=Actor("key:finn", "fay", delegate="finn"))


def test_names_that_turned_out_to_be_one_a_moment_ago_are(
    house: MoneyHouse, known: PeopleDesk
) -> None:
    one = house.propose()
    known.same_as("fay", NameOther(other="ana", reason="One."), operator(after(5.5)))
    with pytest.raises(DutyConflict):
        house.approve(one, "fay")


@pytest.mark.parametrize("state", [State.APPROVED, State.EXECUTED])
def test_the_service_does_not_wait_for_the_database_to_refuse(state: State) -> None:
    """Whoever approved, executed or rejected works the case no more, in a log without that rule."""
    house = MoneyHouse(recorder=WithoutDuties())
    house.buy("o-1", "900.00")
    at(house, state)
    case = house.of()
    for person in ("fay", "finn")[: 1 if state is State.APPROVED else 2]:
        with pytest.raises(DutyConflict):
            house.desk.note(case.id, case.version, "By the way", caller(person, after(9)))


def test_a_case_out_of_scope_is_told_like_none(house: MoneyHouse) -> None:
    case = house.of()

    def reaching(queue: str) -> ExceptionCase:
        grant = Grant(
            grant="g1", role=Role.HANDLER, queues=(queue,), granted_at=after(0), granted_by=OPERATOR
        )
        authority = authority_of([grant])
        must_reach(authority, case)
        return house.money.cases([case.id])[case.id]

    assert reaching(case.queue) == case
    with pytest.raises(CaseNotFound) as refused:
        reaching("fraud_review")
    assert not isinstance(refused.value, NotInScope)
    assert str(refused.value) == f"no case {case.id}"
