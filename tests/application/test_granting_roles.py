"""Another human gives a role: nobody gives one to themselves, under another name or through an
agent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from application.log import streams
from application.log.caller import Caller, operator_caller
from application.people.people_desk import PeopleDesk
from domain.access_errors import (
    AnotherPersonNeeded,
    GrantNotFound,
    GrantOver,
    PersonGone,
    PersonNotFound,
    PersonPresent,
)
from domain.authority import authority_of
from domain.errors import Invalid
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName, SetSkills
from domain.people import OPERATOR_ACTOR, Actor, Role, person_stream
from domain.permissions import Permission
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import after

QUEUES = ("refunds", "returns")
WHY = ChangePersonStatus(reason="Because.")


def desk_of(service: InMemoryService) -> PeopleDesk:
    def roster() -> Sequence[str]:
        return [line.event.name for line in service.lines() if line.type == "person.added"]

    return PeopleDesk(service.log, streams.people(service.log), roster)


def people(*names: str) -> tuple[InMemoryService, PeopleDesk]:
    service = InMemoryService()
    desk = desk_of(service)
    for name in names:
        desk.add(name, [Role.OPS_MANAGER], after(0))
    return service, desk


def finance(**facts: object) -> GrantRole:
    return GrantRole(role=Role.FINANCE_APPROVER, reason="She pays.", **facts)  # type: ignore[arg-type]


def test_a_grant_records_who_role_scope_end_and_reason() -> None:
    _, desk = people("ana", "olga")
    ask = finance(queues=("refunds", "refunds"), regions=("BR",), until=after(9))
    person = desk.give("ana", ask, QUEUES, operator_caller(after(1))).person
    grant = person.grants[-1]
    assert (grant.grant, grant.role, grant.queues) == ("g2", Role.FINANCE_APPROVER, ("refunds",))
    assert (grant.regions, grant.until, grant.reason) == (("BR",), after(9), "She pays.")
    assert (grant.granted_by, grant.granted_at) == (OPERATOR_ACTOR, after(1))
    # Where it stands in the log is known once it is recorded.
    found = desk.person("ana").grants[-1]
    assert (found.position, structs.replace(found, position=0)) == (3, grant)
    assert [g.grant for g in person.at(after(8.9))] == ["g1", "g2"]
    assert [g.grant for g in person.at(after(9))] == ["g1"]


def acting(person: str, **facts: object) -> Caller:
    return Caller(Actor(f"key:{person}", person, **facts), person, after(2), "command:x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "by",
    [
        acting("ana"),
        acting("ana", via=("agent:helper",)),
        acting("olga", delegate="ana"),
        acting("ana", delegate="olga"),
        acting("ana2"),
        acting("ana3"),
    ],
)
def test_nobody_can_give_themselves_a_role(by: Caller) -> None:
    service, desk = people("ana", "ana2", "ana3", "olga")
    for one, other in (("ana", "ana2"), ("ana3", "ana2")):
        desk.same_as(
            one, LinkPersonName(other=other, reason="She said so."), caller("olga", after(1))
        )
    before = service.log.head()
    with pytest.raises(AnotherPersonNeeded):
        desk.give("ana", finance(), QUEUES, by)
    assert service.log.head() == before


def test_an_operator_with_the_database_gives_the_first_role() -> None:
    _, desk = people("ana")
    assert desk.give("ana", finance(), QUEUES, operator_caller(after(1))).person.at(after(2))


def test_a_grant_with_unknown_queues_is_refused_with_every_fault() -> None:
    _, desk = people("ana", "olga")
    ask = finance(queues=("refunds", "nowhere", "never"), until=after(1))
    with pytest.raises(Invalid) as refused:
        desk.give("ana", ask, QUEUES, caller("olga", after(1)))
    assert [f.pointer for f in refused.value.faults] == ["/queues/1", "/queues/2", "/until"]
    with pytest.raises(PersonNotFound):
        desk.give("nobody", finance(), QUEUES, caller("olga", after(1)))


def test_a_grant_can_be_revoked_once() -> None:
    _, desk = people("ana", "olga")
    desk.give("ana", finance(until=after(5)), QUEUES, operator_caller(after(1)))
    person = desk.revoke("ana", "g1", WHY, caller("olga", after(2))).person
    gone = person.grant("g1")
    assert gone is not None
    assert gone.revoked_by is not None
    assert (gone.revoked_at, gone.revoked_by.person, gone.revoked_for) == (
        after(2),
        "olga",
        "Because.",
    )
    assert [g.grant for g in person.at(after(3))] == ["g2"]
    for grant, error in (("g1", GrantOver), ("g2", GrantOver), ("g9", GrantNotFound)):
        with pytest.raises(error):
            desk.revoke("ana", grant, WHY, caller("olga", after(6)))


def test_a_person_who_left_may_do_nothing_under_any_name_and_stays_recorded() -> None:
    _, desk = people("ana", "ana2", "olga")
    desk.same_as("ana", LinkPersonName(other="ana2", reason="One."), caller("olga", after(1)))
    desk.leave("ana2", WHY, caller("olga", after(2)))
    for name in ("ana", "ana2"):
        assert desk.person(name).at(after(3)) == ()
        assert desk.person(name, after(1.5)).at(after(1.5))
        with pytest.raises(PersonGone):
            desk.leave(name, WHY, caller("olga", after(3)))
        with pytest.raises(PersonGone):
            desk.give(name, finance(), QUEUES, caller("olga", after(3)))
        with pytest.raises(PersonGone):
            desk.set_skills(name, SetSkills(skills=()), caller("olga", after(3)))
    back = desk.come_back("ana", WHY, operator_caller(after(4))).person
    assert [g.role for g in back.at(after(4))] == [Role.OPS_MANAGER]
    assert desk.person("ana2").has_left
    with pytest.raises(PersonPresent):
        desk.come_back("ana", WHY, caller("olga", after(5)))
    with pytest.raises(AnotherPersonNeeded):
        desk.come_back("ana2", WHY, caller("ana", after(5)))


def test_concurrent_changes_of_one_person_both_succeed() -> None:
    service, _ = people("ana", "olga", "otto")
    other = desk_of(service.another_process())
    other.person("ana")

    class Racing(PeopleDesk):
        def person(self, name: str, at=None):  # type: ignore[no-untyped-def]
            found = super().person(name, at)
            if name == "ana" and not raced:
                raced.append(other.give("ana", finance(), QUEUES, caller("otto", after(1))))
            return found

    raced: list[object] = []
    racing = Racing(service.log, streams.people(service.log))
    person = racing.give("ana", finance(), QUEUES, caller("olga", after(1))).person
    assert [g.grant for g in person.grants] == ["g1", "g2", "g3"]
    assert [g.granted_by.person for g in person.grants[1:]] == ["otto", "olga"]


NAMES = tuple("abcdef")


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=8))
def test_each_account_leads_to_all_accounts_of_the_human(pairs: list[tuple[str, str]]) -> None:
    """Compared with a plain union of sets."""
    service, desk = people(*NAMES, "olga")
    humans = {name: {name} for name in NAMES}
    for n, (one, other) in enumerate(pairs):
        ask = LinkPersonName(other=other, reason="One.")
        if other in humans[one]:
            with pytest.raises(Invalid):
                desk.same_as(one, ask, caller("olga", after(n)))
            continue
        desk.same_as(one, ask, caller("olga", after(n)))
        both = humans[one] | humans[other]
        humans |= dict.fromkeys(both, both)
    for name in NAMES:
        assert desk.names_of(name) == humans[name]
        assert desk.person(name).known_as == humans[name]
        others = [
            line.event.other
            for line in service.log.trail(person_stream(name))
            if line.type == "person.same_as"
        ]
        assert sorted(others) == sorted(humans[name] - {name})  # each pair is added once
    assert desk.names_of("nobody") == {"nobody"}


def test_an_unknown_person_has_no_authority() -> None:
    _, desk = people("ana")
    assert desk.authority_of("nobody", after(1)) is None
    found = desk.authority_of("ana", after(1))
    assert found == authority_of(desk.person("ana").grants)
    assert found.may(Permission.MANAGE_PEOPLE)
