"""An activation needs the roles of the author and of the approver once more, by the names that are known then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import pytest
from msgspec import structs

from application.log import streams
from application.log.caller import operator_caller
from application.people.grant_desk import GrantDesk
from application.people.people_desk import PeopleDesk
from application.policy.policy_desk import PolicyDesk
from domain.access_errors import NotInScope
from domain.authority import Authority
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Role
from domain.person import Person
from domain.policy.errors import AuthorMayNotDecide, PolicyActsNoLongerHold
from domain.policy.events import POLICY_STREAM
from domain.policy.versions import PolicyState
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, caller
from tests.application.policy_changes import policy_variant, simulate_policy
from tests.domain.signals import after

NEXT = policy_variant(UNTIMED_RULEBOOK.document, "next", 900)


class Office:
    """Olga and otto gave gus and gil their roles; ann and cy have theirs from the operator."""

    def __init__(self) -> None:
        self.service = InMemoryService()
        self.people = PeopleDesk(self.service.log, streams.people(self.service.log))
        self.policy = self.desk(self.people)
        self.policy.bootstrap(UNTIMED_RULEBOOK, after(0))
        for name in ("olga", "otto", "ann", "cy"):
            self.people.add(name, [Role.GOVERNANCE_OWNER], after(0))
        for name in ("gus", "gil"):
            self.people.add(name, [], after(0))
            ask = GrantRole(role=Role.GOVERNANCE_OWNER, reason="New.")
            self.people.give(name, ask, (), caller("olga", after(1)))
            GrantDesk(self.people).confirm(name, "g1", caller("otto", after(1)))

    def desk(self, people: PeopleDesk | Meddler) -> PolicyDesk:
        return PolicyDesk(self.service.log, lambda: after(1), people)

    def approve(self, author: str, approver: str) -> None:
        self.policy.propose(NEXT, "Better.", None, caller(author, after(2)))
        simulate_policy(self.policy, NEXT, after(2), "cy")
        self.policy.approve("next", "", None, caller(approver, after(3)))

    def link(self, one: str = "olga", other: str = "otto") -> None:
        ask = LinkPersonName(other=other, reason="One person.")
        self.people.same_as(one, ask, operator_caller(after(4)))

    def activate(self, desk: PolicyDesk | None = None) -> None:
        (desk or self.policy).activate("next", None, "", caller("cy", after(5)))

    def state(self) -> PolicyState:
        governance = self.policy.refresh()
        return governance.state(governance.policies[NEXT.digest], after(5))


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.parametrize(
    ("author", "approver", "act"),
    [("ann", "gus", "policy.approved"), ("gus", "ann", "policy.proposed")],
)
def test_a_role_that_turns_out_to_be_given_by_one_person_stops_the_activation(
    office: Office, author: str, approver: str, act: str
) -> None:
    office.approve(author, approver)
    office.link()
    lines = len(office.service.log.trail(POLICY_STREAM))
    with pytest.raises(PolicyActsNoLongerHold, match="gus had no valid role") as refused:
        office.activate()
    assert (refused.value.facts["act"], refused.value.facts["persons"]) == (act, ["gus"])
    assert len(office.service.log.trail(POLICY_STREAM)) == lines
    # Others, whose roles are valid, propose and approve it once more.
    office.policy.reject("next", "Void.", caller("cy", after(5)))
    office.approve("ann", "cy")
    office.policy.activate("next", None, "", caller("ann", after(5)))
    assert office.state() is PolicyState.IN_FORCE


def test_valid_roles_activate_also_after_they_have_ended(office: Office) -> None:
    office.approve("gil", "gus")
    office.people.revoke(
        "gus", "g1", ChangePersonStatus(reason="A new job."), operator_caller(after(4))
    )
    office.people.leave("gil", ChangePersonStatus(reason="Away."), operator_caller(after(4)))
    office.activate()
    assert office.state() is PolicyState.IN_FORCE


def test_a_role_that_is_given_only_after_the_approval_does_not_count(office: Office) -> None:
    office.approve("ann", "gus")
    office.link()
    office.people.give(
        "gus",
        GrantRole(role=Role.GOVERNANCE_OWNER, reason="Again."),
        (),
        operator_caller(after(2.5)),
    )
    with pytest.raises(PolicyActsNoLongerHold, match="gus had no valid role"):
        office.activate()


def test_an_emergency_change_by_a_void_role_is_not_ratified(office: Office) -> None:
    until = after(5) + timedelta(hours=9)
    office.policy.emergency(NEXT, "Now.", until, caller("gus", after(2)))
    office.link()
    with pytest.raises(
        PolicyActsNoLongerHold, match=r"emergency_activated by gus .* policies\.act"
    ):
        office.policy.ratify("next", "", caller("ann", after(5)))


def test_who_activates_needs_a_valid_role_too(office: Office) -> None:
    office.approve("ann", "cy")
    office.link()
    with pytest.raises(NotInScope, match=r"gus no longer has the permission policies\.activate"):
        office.policy.activate("next", None, "", caller("gus", after(5)))


class Meddler:
    """The people on record; somebody changes them just after they were read for a decision."""

    def __init__(self, people: PeopleDesk, change: Callable[[], None]) -> None:
        self.people, self.changes = people, [change]

    def known_as(self, names: Iterable[str]) -> Sequence[Person]:
        return self.people.known_as(names)

    def deciding_names(self, names: Iterable[str]) -> Sequence[Person]:
        return self.people.deciding_names(names)

    def authority_at(self, name: str, position: int, at: datetime) -> Authority:
        found = self.people.authority_at(name, position, at)
        if name == "gus" and self.changes:
            self.changes.pop()()
        return found


@pytest.mark.parametrize("names", [("olga", "otto"), ("ann", "gus"), ("gus", "otto")])
def test_names_that_are_linked_during_the_activation_count(
    office: Office, names: tuple[str, str]
) -> None:
    office.approve("ann", "gus")
    desk = office.desk(Meddler(office.people, lambda: office.link(*names)))
    desk.load()
    with pytest.raises((PolicyActsNoLongerHold, AuthorMayNotDecide)):
        office.activate(desk)
    assert office.state() is PolicyState.APPROVED


def test_a_role_under_a_delegate_is_that_of_the_person(office: Office) -> None:
    office.policy.propose(NEXT, "Better.", None, caller("ann", after(2)))
    simulate_policy(office.policy, NEXT, after(2), "cy")
    by = caller("gus", after(3))
    by = structs.replace(by, actor=structs.replace(by.actor, delegate="olga"))
    office.policy.approve("next", "", None, by)
    office.link()
    with pytest.raises(PolicyActsNoLongerHold, match="gus had no valid role"):
        office.activate()
