"""At the moment of payment every earlier act is checked again, by what is known of its people then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from application.log import streams
from application.log.event_log import Write
from application.log.streams import CASE
from application.money.current_people import CurrentPeople, PeopleSnapshot
from application.people.grant_desk import GrantDesk
from application.people.people_desk import PeopleDesk, operator_caller
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.errors import ApprovalsNoLongerHold, BeyondAuthority, DutyConflict
from domain.adjustments.events import AdjustmentApproved, AdjustmentExecuted, ExecutionFailed
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.work_commands import HandOff
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.money import to_positive
from domain.people import Actor, Role
from tests.application.in_memory_service import caller
from tests.application.money_service import FINANCE, LEAD, MoneyService, caller_with_roles
from tests.domain.signals import after

SPECIALIST = (Role.EXCEPTION_SPECIALIST,)
PEOPLE = {
    "ana": SPECIALIST,
    "bo": SPECIALIST,
    "tia": LEAD,
    "fay": FINANCE,
    "finn": FINANCE,
    "fred": FINANCE,
    "alias": FINANCE,
}
LARGE = "4000.00"
"""It needs two approvers."""


class Payment:
    """A proposed adjustment, and what the log says of its people."""

    def __init__(
        self,
        amount: str = "40.00",
        added_at: float = 0,
        revoked_at: float | None = None,
        **more: object,
    ) -> None:
        """`revoked_at`: when the proposer's grant is revoked, before the proposal; the process that records the
        proposal does not know of it yet."""
        self.service = MoneyService()
        self.people = self.service.employ({})
        for name, roles in PEOPLE.items():
            self.people.add(name, roles, after(added_at))
        if revoked_at is not None:
            why, by = ChangePersonStatus(reason="Moved."), operator_caller(after(revoked_at))
            self.people.revoke("ana", "g1", why, by)
            self.service.open_money_desk(None)
        self.one = self.service.propose(amount, **more)  # type: ignore[arg-type]
        self.service.open_money_desk(self.people)

    def approve(self, *names: str) -> Adjustment:
        for name in names:
            self.one = self.service.approve(self.one, name)
        return self.one

    def link(self, one: str, other: str, at: float = 6.5) -> None:
        """Record that two names are one person."""
        ask = LinkPersonName(other=other, reason="She married.")
        self.people.same_as(one, ask, operator_caller(after(at)))

    def execute(self, by: str = "fred", **more: object) -> Adjustment:
        return self.service.execute(self.one, by, **more)  # type: ignore[arg-type]

    def refused(self, rule: str, by: str = "fred") -> ApprovalsNoLongerHold:
        """It is not paid, the refusal is recorded, and it can still be rejected."""
        with pytest.raises(ApprovalsNoLongerHold) as refused:
            self.execute(by)
        assert refused.value.facts["rule"] == rule
        assert self.service.refusals()[-1] == (by, "execute", rule)
        assert self.service.of().adjustments.get(self.one.id).state in (
            State.APPROVED,
            State.SYSTEM_APPROVED,
        )
        return refused.value

    def approved_directly(self, by: str, at: float, role: Role = Role.FINANCE_APPROVER) -> None:
        """An approval in the log that no check saw."""
        case = self.service.of()
        event = AdjustmentApproved(
            adjustment=self.one.id,
            digest=self.one.digest,
            role=role,
            limit="100000.00",
            complete=True,
            lapses_at=after(100),
            note="",
        )
        write = Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=[(Actor(f"key:{by}", by), event)],
            recorded_at=after(at),
            order=case.order,
        )
        self.service.log.append([write])
        self.service.cases.forget([case.id])
        self.one = self.service.of().adjustments.get(self.one.id)


def test_what_holds_is_paid() -> None:
    payment = Payment(LARGE)
    payment.approve("fay", "finn")
    payment.link("alias", "tia")  # people without a part in it
    assert payment.execute().state is State.EXECUTING


@pytest.mark.parametrize("names", [("ana", "fay"), ("fay", "ana")])
def test_a_proposer_who_turns_out_to_be_the_approver_is_not_paid(names: tuple[str, str]) -> None:
    payment = Payment()
    payment.approve("fay")
    payment.link(*names)
    refused = payment.refused("different-people")
    assert "ana proposed it" in str(refused)
    assert "fay approved it" in str(refused)
    assert payment.service.reject(payment.one, "finn", at=8).state is State.REJECTED


def test_names_linked_through_a_third_one_count() -> None:
    payment = Payment()
    payment.approve("fay")
    payment.link("ana", "alias", 6.2)
    payment.link("alias", "fay", 6.4)
    payment.refused("different-people")


def test_two_approvers_who_turn_out_to_be_one_are_one() -> None:
    payment = Payment(LARGE)
    payment.approve("fay", "finn")
    payment.link("fay", "finn")
    payment.refused("different-people")


def test_an_approver_linked_before_the_second_approval_does_not_count() -> None:
    payment = Payment(LARGE)
    payment.approve("fay")
    payment.link("fay", "ana", 5.5)
    payment.approve("finn")
    payment.refused("different-people")


def test_an_executor_who_turns_out_to_be_part_of_it_is_refused() -> None:
    for part in ("ana", "fay"):
        payment = Payment()
        payment.approve("fay")
        payment.link("fred", part)
        with pytest.raises(DutyConflict):
            payment.execute()
        assert payment.service.of().adjustments.get(payment.one.id).state is State.APPROVED


def test_an_approval_by_policy_is_checked_for_its_proposer() -> None:
    payment = Payment("1.00", reason=AdjustmentReason.PRICE_ERROR)
    assert payment.one.state is State.SYSTEM_APPROVED
    payment.link("alias", "ana")
    assert payment.execute().state is State.EXECUTING
    payment = Payment("1.00", reason=AdjustmentReason.PRICE_ERROR)
    payment.link("fred", "ana")
    with pytest.raises(DutyConflict):
        payment.execute()


def test_an_approver_who_worked_on_the_case_under_another_name_is_not_counted() -> None:
    payment = Payment()
    case = payment.service.of()
    payment.service.desk.note(case.id, case.version, "Seen.", caller("bo", after(5.5)))
    payment.approve("fay")
    payment.link("fay", "bo")
    refused = payment.refused("one-duty-per-person")
    assert "bo has the duty to review" in str(refused)


def test_a_proposer_who_executed_another_payment_under_another_name_is_not_counted() -> None:
    payment = Payment()
    first = payment.one
    payment.approve("fay")
    payment.execute("finn")
    failed = ExecutionFailed(adjustment=first.id, provider="local", detail="closed")
    payment.service.record_outcome(failed, "o-1", 7.5)
    payment.one = payment.service.propose(at=7.6)
    payment.one = payment.service.approve(payment.one, "fay", at=7.7)
    payment.link("ana", "finn", 7.8)
    payment.refused("one-duty-per-person")


@pytest.mark.parametrize("end", ["revoked", "left", "never"])
def test_an_approval_without_a_valid_grant_is_not_paid(end: str) -> None:
    payment = Payment()
    by, who = operator_caller(after(5.5)), "fay"
    if end == "revoked":
        payment.people.revoke(who, "g1", ChangePersonStatus(reason="Moved."), by)
    elif end == "left":
        payment.people.leave(who, ChangePersonStatus(reason="Gone."), by)
    else:
        who = "stranger"
    payment.approved_directly(who, 6)
    refused = payment.refused("grants-valid-when-used")
    assert f"{who} approved it" in str(refused)
    assert refused.facts["persons"] == [who]


def test_an_approval_in_a_role_that_the_person_had_not_is_not_paid() -> None:
    payment = Payment()
    payment.approved_directly("fay", 6, Role.OPS_MANAGER)
    payment.refused("grants-valid-when-used")


def test_a_grant_that_ended_after_it_was_used_was_valid() -> None:
    payment = Payment()
    payment.approve("fay")
    for name, by in (("fay", 6.2), ("ana", 6.4)):
        payment.people.leave(name, ChangePersonStatus(reason="Gone."), operator_caller(after(by)))
    assert payment.execute().state is State.EXECUTING


@pytest.mark.parametrize("revoked_at", [4.5, 5.5])
def test_a_proposal_without_a_valid_grant_is_not_paid(revoked_at: float) -> None:
    """Also if the clock of who revoked it is ahead: the log's order counts."""
    payment = Payment(revoked_at=revoked_at)
    payment.approve("fay")
    refused = payment.refused("grants-valid-when-used")
    assert "ana proposed it" in str(refused)


def test_who_was_added_by_a_machine_whose_clock_is_ahead_may_act_at_once() -> None:
    """They are added, and act, in this order; by the clocks it is the other way round."""
    payment = Payment(LARGE, added_at=6.9)
    payment.approve("fay", "finn")
    assert payment.execute().state is State.EXECUTING


def test_a_grant_that_is_revoked_after_the_act_was_valid_also_if_a_clock_is_behind() -> None:
    payment = Payment()
    payment.approve("fay")
    payment.people.revoke(
        "fay", "g1", ChangePersonStatus(reason="Moved."), operator_caller(after(4.5))
    )
    assert payment.execute().state is State.EXECUTING


def test_names_that_are_linked_during_the_execution_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment = Payment()
    payment.approve("fay")
    other = PeopleDesk(payment.service.log, streams.people(payment.service.log))
    checked = PeopleSnapshot.authority_at
    waiting: list[Callable[[], object]] = [
        lambda: other.same_as(
            "ana", LinkPersonName(other="fay", reason="One."), operator_caller(after(6.9))
        )
    ]

    def then_linked(*args: object) -> object:
        found = checked(*args)  # type: ignore[arg-type]
        if waiting:
            waiting.pop()()  # after the check, and before the append
        return found

    monkeypatch.setattr(PeopleSnapshot, "authority_at", then_linked)
    payment.refused("different-people")
    assert not waiting


def test_names_that_are_linked_during_the_approval_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment = Payment()
    other = PeopleDesk(payment.service.log, streams.people(payment.service.log))
    links, checked = iter([LinkPersonName(other="fay", reason="One.")]), CurrentPeople.roles_over

    def then_linked(*args: object) -> object:
        found = checked(*args)  # type: ignore[arg-type]
        if (link := next(links, None)) is not None:  # after the check, and before the append
            other.same_as("ana", link, operator_caller(after(5.9)))
        return found

    monkeypatch.setattr(CurrentPeople, "roles_over", then_linked)
    with pytest.raises(DutyConflict):
        payment.approve("fay")
    assert next(links, None) is None


def test_other_kinds_than_refunds_are_checked_too() -> None:
    payment = Payment(kind=AdjustmentKind.STORE_CREDIT, reason=AdjustmentReason.GOODWILL)
    payment.approve("fay")
    payment.link("ana", "fay")
    with pytest.raises(ApprovalsNoLongerHold):
        payment.execute(reference="credit-1")
    case = payment.service.of()
    assert not any(
        isinstance(line.event, AdjustmentExecuted) for line in payment.service.log.trail(case.id)
    )
    assert to_positive(case.adjustments.get(payment.one.id).amount).amount == "40.00"


def test_a_new_grant_of_the_role_does_not_mend_an_old_approval() -> None:
    payment = Payment()
    payment.people.revoke(
        "fay", "g1", ChangePersonStatus(reason="Moved."), operator_caller(after(5.5))
    )
    payment.approved_directly("fay", 6)
    grant = GrantRole(role=Role.FINANCE_APPROVER, reason="Back.")
    payment.people.give("fay", grant, [], operator_caller(after(6.5)))
    payment.refused("grants-valid-when-used")


@pytest.mark.parametrize(("one", "other"), [("mona", "milo"), ("mona", "cora"), ("milo", "cora")])
def test_an_approval_by_a_role_that_one_person_gave_is_not_paid(one: str, other: str) -> None:
    """Of the approver and the two who gave the role, two turn out to be one person after the approval."""
    payment = Payment()
    people, grants = payment.people, GrantDesk(payment.people)
    for name in ("mona", "milo"):
        people.add(name, [Role.OPS_MANAGER], after(1))
    people.add("cora", [], after(1))
    ask = GrantRole(role=Role.FINANCE_APPROVER, reason="She approves.")
    people.give("cora", ask, [], caller("mona", after(1)))
    grants.confirm("cora", "g1", caller("milo", after(2)))
    payment.one = payment.service.approve(
        payment.one, "cora", authority=people.authority_of("cora", after(6))
    )
    payment.link(one, other)
    payment.refused("grants-valid-when-used")


def test_an_approval_by_a_grant_for_another_queue_is_not_paid() -> None:
    payment = Payment()
    grant = GrantRole(role=Role.FINANCE_APPROVER, queues=("refund_validation",), reason="Theirs.")
    payment.people.give("bo", grant, ["refund_validation"], operator_caller(after(1)))
    payment.approved_directly("bo", 6)
    payment.refused("grants-valid-when-used")


def test_an_approval_by_a_grant_for_its_queue_is_paid_after_the_case_moved() -> None:
    payment = Payment()
    queue = payment.service.of().queue
    grant = GrantRole(role=Role.FINANCE_APPROVER, queues=(queue,), reason="Theirs.")
    payment.people.give("bo", grant, [queue], operator_caller(after(1)))
    own = payment.people.authority_of("bo", after(6))
    payment.one = payment.service.approve(payment.one, "bo", authority=own)
    case = payment.service.of()
    payment.service.desk.hand_off(
        case.id,
        case.version,
        HandOff(to_queue="refund_validation", note="Yours now."),
        caller_with_roles("ana", after(6.5)),
    )
    assert payment.execute().state is State.EXECUTING


def test_a_role_that_was_revoked_a_moment_ago_gives_no_limit() -> None:
    payment = Payment("400.00")
    lead = GrantRole(role=Role.TEAM_LEAD, reason="Also.")
    payment.people.give("fay", lead, [], operator_caller(after(1)))
    remembered = caller_with_roles("fay", after(6), roles=(*FINANCE, *LEAD))
    payment.people.revoke(
        "fay", "g1", ChangePersonStatus(reason="Moved."), operator_caller(after(5.5))
    )
    with pytest.raises(BeyondAuthority):
        payment.service.approve(payment.one, "fay", authority=remembered.authority)
