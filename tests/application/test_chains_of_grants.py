"""A grant counts only if the people who gave it could give it: a manager whose own grant turns out to be void has
given and confirmed nothing. A manager whose grant merely ended later has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from application.log import streams
from application.log.caller import operator_caller
from application.people.access_review_desk import AccessReviewDesk
from application.people.break_glass_desk import BreakGlassDesk
from application.people.grant_desk import GrantDesk
from domain.access_reviews import DecideAccessReview, GrantVerdict, KeepOrRevoke
from domain.adjustments.errors import ApprovalsNoLongerHold
from domain.break_glass import RequestBreakGlass
from domain.grants import ChangePersonStatus, GrantRole
from domain.people import Role
from domain.person import GrantStatus
from tests.application.in_memory_service import caller
from tests.application.test_execution_checks import Payment
from tests.application.test_granting_roles import QUEUES, WHY, finance
from tests.application.test_grants_take_two_people import Office
from tests.domain.signals import after

MANAGER = GrantRole(role=Role.OPS_MANAGER, reason="Manages people.")


@pytest.fixture
def office() -> Office:
    """Olga and otto made mia a manager; all of them are different people, as far as anybody knows."""
    office = Office()
    office.people.add("mia", [], after(0))
    office.people.give("mia", MANAGER, QUEUES, caller("olga", after(1)))
    office.confirm("otto", 1, name="mia")
    return office


def by_mia_as_giver(office: Office) -> None:
    office.propose("mia", 2)
    office.confirm("olivia", 3)


def by_mia_as_confirmer(office: Office) -> None:
    office.propose("olivia", 2)
    office.confirm("mia", 3)


def by_a_manager_whom_mia_confirmed(office: Office) -> None:
    office.people.add("ned", [], after(1))
    office.people.give("ned", MANAGER, QUEUES, caller("olivia", after(2)))
    office.confirm("mia", 2, name="ned")
    office.propose("olivia", 2.5)
    office.confirm("ned", 3)


@pytest.mark.parametrize(
    "given", [by_mia_as_giver, by_mia_as_confirmer, by_a_manager_whom_mia_confirmed]
)
@pytest.mark.parametrize(("one", "other"), [("olga", "otto"), ("olga", "mia"), ("otto", "mia")])
def test_what_a_manager_gave_is_void_once_her_own_grant_is(
    office: Office, given: Callable[[Office], None], one: str, other: str
) -> None:
    given(office)
    position = office.next_position()
    assert (office.status(4), office.could_pay(position, 4)) == (GrantStatus.ACTIVE, True)
    office.link(one, other, 5)
    assert office.status(6) is GrantStatus.VOID
    assert not office.may_pay(6)
    assert not office.could_pay(position, 4)
    why = office.people.person("ana").grants[0].void_for
    assert why is not None
    assert "whose own grant to manage people is void" in why


def test_a_confirmation_by_a_manager_whose_grant_is_void_leaves_the_operators_grant_unconfirmed(
    office: Office,
) -> None:
    office.people.give("ana", finance(), QUEUES, operator_caller(after(2)))
    office.confirm("mia", 3)
    assert office.status(4) is GrantStatus.ACTIVE
    office.link("olga", "otto", 5)
    # The operator alone could give it: it is as if nobody had confirmed it.
    assert (office.status(6), office.may_pay(6)) == (GrantStatus.UNCONFIRMED, True)
    why = office.people.person("ana").grants[0].unconfirmed_for
    assert why == "mia, whose own grant to manage people is void, confirmed it"
    office.confirm("olivia", 7)
    assert (office.status(8), office.may_pay(8)) == (GrantStatus.ACTIVE, True)


@pytest.mark.parametrize("end", ["revoke", "leave"])
def test_what_a_manager_gave_stays_when_her_grant_ends(office: Office, end: str) -> None:
    by_mia_as_confirmer(office)
    position, by = office.next_position(), caller("olivia", after(5))
    if end == "revoke":
        office.people.revoke("mia", "g1", WHY, by)
    else:
        office.people.leave("mia", WHY, by)
    assert (office.status(6), office.may_pay(6)) == (GrantStatus.ACTIVE, True)
    assert office.could_pay(position, 4)


def test_a_manager_with_another_valid_grant_could_give(office: Office) -> None:
    office.people.give("mia", MANAGER, QUEUES, operator_caller(after(1.5)))
    by_mia_as_confirmer(office)
    office.link("olga", "otto", 5)
    assert [office.status(6, "mia", g) for g in ("g1", "g2")] == [
        GrantStatus.VOID,
        GrantStatus.UNCONFIRMED,
    ]
    assert office.status(6) is GrantStatus.ACTIVE


def test_a_valid_grant_that_came_after_the_act_does_not_mend_it(office: Office) -> None:
    by_mia_as_confirmer(office)
    office.people.give("mia", MANAGER, QUEUES, operator_caller(after(4)))
    office.link("olga", "otto", 5)
    assert office.status(6) is GrantStatus.VOID


def test_a_return_does_not_mend_what_was_done_before_it(office: Office) -> None:
    """Ana's role was given by one human under two names. She leaves and comes back, and gets it from two people."""
    office.propose("olga", 2)
    office.confirm("otto", 3)
    position = office.next_position()
    office.people.leave("ana", WHY, caller("olivia", after(4)))
    office.people.come_back("ana", WHY, caller("olivia", after(5)))
    office.confirm("otto", 6)
    office.link("olga", "otto", 7)
    assert (office.status(8), office.may_pay(8)) == (GrantStatus.ACTIVE, True)
    assert office.could_pay(office.next_position(), 8)
    assert not office.could_pay(position, 3.5)


def test_a_return_that_gives_a_void_role_leaves_the_acts_before_it_valid(office: Office) -> None:
    office.propose("olivia", 2)
    office.confirm("otto", 3)
    position = office.next_position()
    office.people.leave("ana", WHY, caller("olga", after(4)))
    office.people.come_back("ana", WHY, caller("olga", after(5)))
    office.confirm("otto", 6)
    office.link("olga", "otto", 7)
    assert office.status(8) is GrantStatus.VOID
    assert office.could_pay(position, 3.5)


def test_a_role_that_takes_one_person_stays_when_the_giver_turns_out_to_be_no_manager(
    office: Office,
) -> None:
    ask = GrantRole(role=Role.INTEGRATOR, reason="The shop sends signals.")
    office.people.give("ana", ask, QUEUES, caller("mia", after(2)))
    office.link("olga", "otto", 5)
    assert office.status(6) is GrantStatus.ACTIVE


def test_an_act_depends_on_everybody_in_the_chain(office: Office) -> None:
    """A change of any of these streams at the moment of a payment lets it be decided again."""
    by_a_manager_whom_mia_confirmed(office)
    names = {person.name for person in office.people.deciding_names(["ana"])}
    assert {"ana", "olivia", "ned", "mia", "olga", "otto"} <= names


def test_an_approval_by_a_role_from_a_manager_whose_grant_is_void_is_not_paid() -> None:
    payment = Payment()
    people, grants = payment.people, GrantDesk(payment.people)
    for name in ("mona", "milo", "mary"):
        people.add(name, [Role.OPS_MANAGER], after(1))
    for name in ("mel", "cora"):
        people.add(name, [], after(1))
    people.give("mel", MANAGER, [], caller("mona", after(1)))
    grants.confirm("mel", "g1", caller("milo", after(1)))
    people.give("cora", finance(), [], caller("mary", after(1)))
    grants.confirm("cora", "g1", caller("mel", after(2)))
    authority = people.authority_of("cora", after(6))
    payment.one = payment.service.approve(payment.one, "cora", authority=authority)
    payment.link("mona", "milo")
    refused: ApprovalsNoLongerHold = payment.refused("grants-valid-when-used")
    assert refused.facts["persons"] == ["cora"]


@pytest.mark.parametrize("part", ["asks", "opens"])
def test_a_break_glass_of_a_person_whose_role_is_void_gives_nothing(
    office: Office, part: str
) -> None:
    log = office.service.log
    glasses = BreakGlassDesk(
        log, streams.break_glasses(log), office.people, lambda: office.service.rulebook
    )
    asks, opens = ("mia", "olivia") if part == "asks" else ("olivia", "mia")
    ask = RequestBreakGlass(role=Role.TEAM_LEAD, queue="refund_validation", reason="It burns.")
    glass = glasses.ask(ask, caller(asks, after(2))).glass
    glasses.open(glass.id, caller(opens, after(2)))
    grant = office.people.person(asks).grants[-1].grant
    assert office.status(2.1, asks, grant) is GrantStatus.ACTIVE
    office.link("olga", "otto", 2.2)
    assert office.status(2.3, asks, grant) is GrantStatus.VOID


def test_a_decision_in_an_access_review_does_not_count_if_the_deciders_role_is_void(
    office: Office,
) -> None:
    log = office.service.log
    reviews = AccessReviewDesk(log, streams.access_reviews(log), office.people, lambda: None)
    opened = reviews.open(caller("olivia", after(2))).state.review.review
    keep = GrantVerdict(
        person="olivia", grant="g1", verdict=KeepOrRevoke.KEEP, reason="She manages."
    )
    ask = DecideAccessReview(decisions=(keep,))
    state = reviews.decide(opened, ask, caller("mia", after(3))).state
    assert ("olivia", "g1") not in {(one.person, one.grant) for one, _ in state.undecided}
    office.link("olga", "otto", 4)
    told = {(one.person, one.grant): why for one, why in reviews.review(opened).undecided}
    assert told["olivia", "g1"] == (
        "the decision does not count: the grant by which mia managed people is void"
    )


def test_leaving_is_still_recorded_by_a_manager_with_a_void_grant(office: Office) -> None:
    """Nothing that takes authority away is undone: it can be given again."""
    office.people.leave("ana", ChangePersonStatus(reason="Gone."), caller("mia", after(2)))
    office.link("olga", "otto", 3)
    assert office.people.person("ana").has_left
