"""Past eligibility is computed from the people events recorded until then."""

from __future__ import annotations

from datetime import datetime

import pytest

from application.people.people_desk import PeopleDesk, operator_caller
from domain.access_errors import PersonNotFound
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Role
from domain.permissions import Permission
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.test_granting_roles import desk_of
from tests.domain.signals import after

QUEUES = ("refunds", "returns")
WHY = ChangePersonStatus(reason="Because.")


@pytest.fixture(scope="module")
def desk() -> PeopleDesk:
    """Six hours in which people join and leave."""
    desk = desk_of(InMemoryService())
    desk.add("olga", [Role.OPS_MANAGER], after(0))
    desk.add("ana", [Role.HANDLER], after(1))
    desk.add("bo", [], after(1))
    lead = GrantRole(
        role=Role.TEAM_LEAD, queues=("refunds",), regions=("BR",), until=after(4), reason="For Ana."
    )
    desk.give("bo", lead, QUEUES, operator_caller(after(2)))
    desk.revoke("ana", "g1", WHY, caller("olga", after(3)))
    desk.same_as("ana", LinkPersonName(other="bo", reason="One."), caller("olga", after(3.5)))
    desk.give(
        "ana", GrantRole(role=Role.AUDITOR, reason="To look."), QUEUES, caller("olga", after(5))
    )
    desk.leave("olga", WHY, caller("head", after(6)))
    return desk


WORK, READ, APPROVE = (Permission.WORK_CASES, Permission.READ_CASES, Permission.APPROVE_ADJUSTMENTS)


@pytest.mark.parametrize(
    ("permission", "queue", "region", "at", "expected"),
    [
        (WORK, "refunds", "BR", 0, {"olga": ["g1"]}),
        (WORK, "refunds", "BR", 1, {"olga": ["g1"], "ana": ["g1"]}),
        (WORK, "refunds", "BR-SP", 2, {"olga": ["g1"], "ana": ["g1"], "bo": ["g1"]}),
        (WORK, "refunds", "PT", 2, {"olga": ["g1"], "ana": ["g1"]}),
        (WORK, "returns", "BR", 2, {"olga": ["g1"], "ana": ["g1"]}),
        (WORK, "refunds", None, 2, {"olga": ["g1"], "ana": ["g1"]}),
        (APPROVE, "refunds", "BR", 2, {"olga": ["g1"], "bo": ["g1"]}),
        (WORK, "refunds", "BR", 3, {"olga": ["g1"], "bo": ["g1"]}),
        (WORK, "refunds", "BR", 4, {"olga": ["g1"]}),
        (READ, "returns", None, 5, {"olga": ["g1"], "ana": ["g2"]}),
        (READ, "returns", None, 6, {"ana": ["g2"]}),
        (WORK, "returns", None, 6, {}),
        (WORK, "refunds", "BR", -1, {}),
    ],
)
def test_past_eligibility_at_each_time(
    desk: PeopleDesk,
    permission: Permission,
    queue: str,
    region: str | None,
    at: float,
    expected: dict[str, list[str]],
) -> None:
    found = desk.eligible(permission, queue, region, after(at))
    assert {e.person.name: [g.grant for g in e.grants] for e in found} == expected


def test_a_past_person_differs_from_the_current_one(desk: PeopleDesk) -> None:
    then, now = desk.person("ana", after(3)), desk.person("ana")
    assert (then.known_as, now.known_as) == ({"ana"}, {"ana", "bo"})
    assert (len(then.grants), len(now.grants)) == (1, 2)
    with pytest.raises(PersonNotFound):
        desk.person("ana", after(0.5))


def test_the_past_list_of_people_has_those_present(desk: PeopleDesk) -> None:
    def names(at: datetime | None) -> list[str]:
        return [person.name for person in desk.everybody(at)]

    assert names(after(-1)) == []
    assert names(after(0.5)) == ["olga"]
    assert names(after(9)) == names(None) == ["ana", "bo", "olga"]
