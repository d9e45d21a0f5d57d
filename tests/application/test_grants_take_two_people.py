"""A role that is part of a control is given by one person and confirmed by another; neither receives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from msgspec import structs

from application.log import streams
from application.log.caller import Caller, operator_caller
from application.people.grant_desk import GrantDesk
from application.people.people_desk import PeopleDesk
from application.people.person_states import PeopleRecord
from domain.access_errors import (
    AnotherPersonNeeded,
    GrantNotFound,
    GrantNotWaiting,
    GrantOver,
    NotInScope,
    PersonGone,
)
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Actor, Role
from domain.permissions import CONTROLLED_PERMISSIONS, Permission, is_controlled
from domain.person import GrantStatus, Person
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.test_granting_roles import QUEUES, WHY, desk_of, finance
from tests.domain.signals import after

MANAGERS = ("olga", "otto", "olivia")


class Office:
    """Three managers and ana, who has no role."""

    def __init__(self, service: InMemoryService | None = None) -> None:
        self.service = service or InMemoryService()
        self.people = desk_of(self.service)
        self.grants = GrantDesk(self.people)
        if service is None:
            for name in MANAGERS:
                self.people.add(name, [Role.OPS_MANAGER], after(0))
            self.people.add("ana", [], after(0))

    def propose(self, by: str = "olga", at: float = 1, name: str = "ana", **facts: object) -> str:
        person = self.people.give(name, finance(**facts), QUEUES, caller(by, after(at))).person
        return person.grants[-1].grant

    def confirm(
        self, by: str = "otto", at: float = 2, grant: str = "g1", name: str = "ana"
    ) -> None:
        self.grants.confirm(name, grant, caller(by, after(at)))

    def link(self, one: str, other: str, at: float) -> None:
        ask = LinkPersonName(other=other, reason="One person.")
        self.people.same_as(one, ask, operator_caller(after(at)))

    def status(self, at: float, name: str = "ana", grant: str = "g1") -> GrantStatus:
        person = self.people.person(name)
        found = person.grant(grant)
        assert found is not None
        return person.status_of(found, after(at))

    def may_pay(self, at: float, name: str = "ana") -> bool:
        authority = self.people.authority_of(name, after(at))
        assert authority is not None
        return authority.may(Permission.EXECUTE_ADJUSTMENTS)

    def next_position(self) -> int:
        return self.service.log.head() + 1

    def could_pay(self, position: int, at: float) -> bool:
        """By what the log has before a position."""
        authority = self.people.authority_at("ana", position, after(at))
        return authority.may(Permission.EXECUTE_ADJUSTMENTS)


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_proposed_grant_gives_nothing_until_a_second_person_confirms_it(office: Office) -> None:
    assert office.propose() == "g1"
    assert (office.status(1), office.may_pay(1)) == (GrantStatus.PROPOSED, False)
    before = office.next_position()
    office.confirm()
    assert (office.status(2), office.may_pay(2)) == (GrantStatus.ACTIVE, True)
    assert not office.could_pay(before, 2)
    assert office.could_pay(office.next_position(), 2)
    grant = office.people.person("ana").grants[0]
    assert grant.confirmed_by is not None
    assert (grant.granted_by.person, grant.confirmed_by.person) == ("olga", "otto")


def test_a_role_outside_every_control_is_given_at_once(office: Office) -> None:
    ask = GrantRole(role=Role.AUDITOR, reason="She looks.")
    person = office.people.give("ana", ask, QUEUES, caller("olga", after(1))).person
    assert [grant.role for grant in person.at(after(1))] == [Role.AUDITOR]


def test_roles_of_a_new_person_are_proposed_if_they_take_two_people(office: Office) -> None:
    roles = (Role.FINANCE_APPROVER, Role.AUDITOR, Role.HANDLER)
    added = office.people.add("new", roles, after(1), by=caller("olga", after(1))).person
    told = [(one.grant, one.role, one.status(after(1))) for one in added.grants]
    assert told == [
        ("g1", Role.AUDITOR, GrantStatus.ACTIVE),
        ("g2", Role.FINANCE_APPROVER, GrantStatus.PROPOSED),
        ("g3", Role.HANDLER, GrantStatus.PROPOSED),
    ]
    # The answer is made before the log gives a position.
    stored = office.people.person("new")
    grants = tuple(structs.replace(one, position=0) for one in stored.grants)
    assert structs.replace(stored, grants=grants) == added
    with pytest.raises(AnotherPersonNeeded):
        office.confirm("olga", grant="g2", name="new")
    office.confirm("otto", grant="g2", name="new")
    assert office.may_pay(2, "new")


def test_the_operator_gives_at_once_and_it_stays_unconfirmed_until_a_person_confirms(
    office: Office,
) -> None:
    office.people.give("ana", finance(), QUEUES, operator_caller(after(1)))
    assert (office.status(1), office.may_pay(1)) == (GrantStatus.UNCONFIRMED, True)
    with pytest.raises(AnotherPersonNeeded, match="the command line acts for nobody"):
        office.grants.confirm("ana", "g1", operator_caller(after(2)))
    office.confirm()
    assert (office.status(2), office.may_pay(2)) == (GrantStatus.ACTIVE, True)
    with pytest.raises(GrantNotWaiting, match="is active and cannot be confirmed"):
        office.confirm("olivia")


def acting(person: str, **facts: object) -> Caller:
    return Caller(Actor(f"key:{person}", person, **facts), person, after(3), "command:x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "by",
    [
        acting("olga"),  # who proposed it
        acting("olivia"),  # another name of olga
        acting("otto", delegate="olga"),
        acting("olga", delegate="otto"),
        acting("ana"),  # who would get it
        acting("nana"),  # another name of ana
        acting("otto", delegate="ana"),
    ],
)
def test_neither_the_proposer_nor_the_receiver_confirms_under_any_name(
    office: Office, by: Caller
) -> None:
    office.people.add("nana", [Role.OPS_MANAGER], after(0))
    office.propose()
    office.link("olga", "olivia", 2)
    office.link("ana", "nana", 2)
    before = office.service.log.head()
    with pytest.raises(AnotherPersonNeeded):
        office.grants.confirm("ana", "g1", by)
    assert office.service.log.head() == before
    assert office.status(3) is GrantStatus.PROPOSED


@pytest.mark.parametrize(("one", "other"), [("olga", "otto"), ("olga", "ana"), ("otto", "ana")])
def test_a_grant_gives_nothing_once_two_of_its_people_turn_out_to_be_one(
    office: Office, one: str, other: str
) -> None:
    office.propose()
    office.confirm()
    confirmed = office.next_position()
    assert office.could_pay(confirmed, 3)
    office.link(one, other, 5)
    assert office.status(6) is GrantStatus.VOID
    assert not office.people.person("ana").at(after(6))
    assert not office.may_pay(6)
    # Nothing that was done with it before holds at the moment of payment.
    assert not office.could_pay(confirmed, 3)
    # But who could have done what is told by what was known then.
    (known,) = office.people.person("ana", after(4)).grants
    assert known.lives(after(4))


def test_a_proposal_is_void_if_the_proposer_turns_out_to_be_the_receiver(office: Office) -> None:
    office.propose()
    office.link("olga", "ana", 2)
    with pytest.raises(GrantNotWaiting, match="receiver and its giver are the same person"):
        office.confirm("otto", 3)


def test_a_wider_scope_or_a_later_end_is_a_grant_that_takes_two_people_again(
    office: Office,
) -> None:
    office.propose(queues=("refunds",), until=after(10))
    office.confirm()
    assert office.propose(at=3) == "g2"
    (grant,) = office.people.person("ana").at(after(4))
    assert (grant.grant, grant.queues) == ("g1", ("refunds",))
    assert not office.may_pay(11)


def test_after_a_return_grants_that_take_two_people_wait_again(office: Office) -> None:
    office.propose()
    office.confirm()
    at_once = GrantRole(role=Role.AUDITOR, reason="She looks.")
    office.people.give("ana", at_once, QUEUES, caller("olga", after(2)))
    office.people.leave("ana", WHY, caller("olga", after(3)))
    assert office.status(3) is GrantStatus.ENDED
    back = office.people.come_back("ana", WHY, caller("olivia", after(4))).person
    assert [grant.role for grant in back.at(after(4))] == [Role.AUDITOR]
    assert office.status(4) is GrantStatus.PROPOSED
    with pytest.raises(AnotherPersonNeeded):
        office.confirm("olivia", 5)
    office.confirm("otto", 5)
    assert office.may_pay(5)


def test_the_operator_who_records_a_return_gives_again_alone(office: Office) -> None:
    office.propose()
    office.confirm()
    office.people.leave("ana", WHY, caller("olga", after(3)))
    office.people.come_back("ana", WHY, operator_caller(after(4)))
    assert (office.status(4), office.may_pay(4)) == (GrantStatus.UNCONFIRMED, True)


def test_a_proposal_can_be_rejected_or_withdrawn_and_never_confirmed_then(office: Office) -> None:
    reason = ChangePersonStatus(reason="She does not pay.")
    for _ in range(3):
        office.propose()
    with pytest.raises(AnotherPersonNeeded, match="withdraw it instead"):
        office.grants.reject("ana", "g1", reason, caller("olga", after(2)))
    office.grants.reject("ana", "g1", reason, caller("otto", after(2)))
    with pytest.raises(AnotherPersonNeeded, match="reject it instead"):
        office.grants.withdraw("ana", "g2", reason, caller("otto", after(2)))
    office.grants.withdraw("ana", "g2", reason, caller("olga", after(2)))
    assert [office.status(3, grant=g) for g in ("g1", "g2")] == [
        GrantStatus.REJECTED,
        GrantStatus.WITHDRAWN,
    ]
    for grant in ("g1", "g2"):
        with pytest.raises(GrantNotWaiting):
            office.confirm(grant=grant, at=3)
    with pytest.raises(GrantNotFound):
        office.confirm(grant="g9", at=3)
    with pytest.raises(GrantOver, match="is not active: it is proposed"):
        office.people.revoke("ana", "g3", reason, caller("otto", after(3)))
    office.confirm(grant="g3", at=3)
    with pytest.raises(GrantNotWaiting):
        office.grants.reject("ana", "g3", reason, caller("otto", after(4)))


@pytest.mark.parametrize("at", [24 * 30 + 1, 6])
def test_an_old_proposal_and_one_past_its_end_cannot_be_confirmed(
    office: Office, at: float
) -> None:
    office.propose(until=after(5) if at == 6 else None)
    with pytest.raises(GrantNotWaiting, match="is ended"):
        office.confirm(at=at)


def test_a_grant_of_a_person_who_left_cannot_be_confirmed(office: Office) -> None:
    office.propose()
    office.people.leave("ana", WHY, caller("olga", after(2)))
    with pytest.raises(PersonGone):
        office.confirm(at=3)


def test_both_must_still_be_allowed_to_manage_people_by_the_log(office: Office) -> None:
    office.propose()
    office.people.revoke("otto", "g1", WHY, caller("olivia", after(1)))
    with pytest.raises(NotInScope):
        office.confirm()
    office.people.leave("olga", WHY, caller("olivia", after(1.5)))
    with pytest.raises(GrantNotWaiting, match="has left or may no longer manage people"):
        office.confirm("olivia")


Step = Callable[[Office], object]


@pytest.mark.parametrize(
    ("meanwhile", "error"),
    [
        (lambda other: other.confirm("olivia"), GrantNotWaiting),
        (lambda other: other.people.leave("ana", WHY, caller("olivia", after(2))), PersonGone),
        (
            lambda other: other.grants.withdraw("ana", "g1", WHY, caller("olga", after(2))),
            GrantNotWaiting,
        ),
        (lambda other: other.link("otto", "ana", 2), AnotherPersonNeeded),
        (lambda other: other.link("otto", "olga", 2), AnotherPersonNeeded),
        (lambda other: other.people.leave("otto", WHY, caller("olivia", after(2))), NotInScope),
        (
            lambda other: other.people.revoke("olga", "g1", WHY, caller("olivia", after(2))),
            GrantNotWaiting,
        ),
    ],
)
def test_what_changes_at_the_same_moment_makes_the_confirmation_fail(
    office: Office, meanwhile: Step, error: type[Exception]
) -> None:
    office.propose()
    other = Office(office.service.another_process())
    raced: list[object] = []

    class Racing(PeopleDesk):
        def _record(self, *facts: object) -> object:  # type: ignore[override]
            """Another process writes after the decision and before the append."""
            if not raced:
                raced.append(meanwhile(other))
            return super()._record(*facts)  # type: ignore[arg-type]

    racing = GrantDesk(Racing(office.service.log, streams.people(office.service.log)))
    assert_not_confirmed(office, racing, error)
    assert raced


def assert_not_confirmed(office: Office, desk: GrantDesk, error: type[Exception]) -> None:
    with pytest.raises(error):
        desk.confirm("ana", "g1", caller("otto", after(2)))
    confirmed = [x for x in office.service.lines() if x.type == "person.grant_confirmed"]
    assert [x.actor.person for x in confirmed] in ([], ["olivia"])


@pytest.mark.parametrize("linked", [("otto", "ana"), ("otto", "olga")])
def test_names_linked_before_the_guards_are_read_make_the_confirmation_fail(
    office: Office, linked: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards are of the people as the decision read them, and not as they are a moment later."""
    office.propose()
    other, links = Office(office.service.another_process()), iter([linked])
    guarded = PeopleRecord.deciding_names

    def later(record: PeopleRecord, names: Iterable[str]) -> list[Person]:
        if (pair := next(links, None)) is not None:
            other.link(*pair, 2)
        return guarded(record, names)

    monkeypatch.setattr(PeopleRecord, "deciding_names", later)
    assert_not_confirmed(office, office.grants, AnotherPersonNeeded)
    assert next(links, None) is None


def test_every_part_of_a_control_of_two_people_is_controlled() -> None:
    reads = {p for p in Permission if p.value.endswith((".read", ".reads"))}
    alone = {Permission.SEND_SIGNALS, Permission.MANAGE_BACKLOG, Permission.MANAGE_PERSONAL_DATA}
    assert {*Permission} - reads - alone == CONTROLLED_PERMISSIONS
    free = {role for role in Role if not is_controlled(role)}
    assert free == {Role.AUDITOR, Role.PRIVACY_OFFICER, Role.INTEGRATOR}
