"""Who could have done something at a time follows from what was recorded of people until then."""

from __future__ import annotations

from datetime import datetime

import pytest

from application.people.people_desk import PeopleDesk
from domain.access_errors import PersonNotFound
from domain.grants import ChangeStanding, GiveRole, NameOther
from domain.people import Role
from domain.permissions import Permission
from tests.application.house import House, caller
from tests.application.test_nobody_gives_authority_to_themselves import desk_of
from tests.domain.telling import after

QUEUES = ("refunds", "returns")
WHY = ChangeStanding(reason="Because.")


@pytest.fixture(scope="module")
def desk() -> PeopleDesk:
    """Six hours of coming and going."""
    desk = desk_of(House())
    desk.add("olga", [Role.OPS_MANAGER], after(0))
    desk.add("ana", [Role.HANDLER], after(1))
    desk.add("bo", [], after(1))
    lead = GiveRole(
        role=Role.TEAM_LEAD, queues=("refunds",), regions=("BR",), until=after(4), reason="For Ana."
    )
    desk.give("bo", lead, QUEUES, caller("olga", after(2)))
    desk.revoke("ana", "g1", WHY, caller("olga", after(3)))
    desk.same_as("ana", NameOther(other="bo", reason="One."), caller("olga", after(3.5)))
    desk.give(
        "ana", GiveRole(role=Role.AUDITOR, reason="To look."), QUEUES, caller("olga", after(5))
    )
    desk.leave("olga", WHY, caller("head", after(6)))
    return desk


WORK, READ, APPROVE = (
    Permission.WORK_CASES,
    Permission.READ_CASES,
    Permission.APPROVE_ADJUSTMENTS,
)


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
def test_who_could_have_at_that_time(
    desk: PeopleDesk,
    permission: Permission,
    queue: str,
    region: str | None,
    at: float,
    expected: dict[str, list[str]],
) -> None:
    found = desk.eligible(permission, queue, region, after(at))
    assert {e.person.name: [g.grant for g in e.grants] for e in found} == expected


def test_a_person_then_is_not_the_person_now(desk: PeopleDesk) -> None:
    then, now = desk.person("ana", after(3)), desk.person("ana")
    assert (then.known_as, now.known_as) == ({"ana"}, {"ana", "bo"})
    assert (len(then.grants), len(now.grants)) == (1, 2)
    with pytest.raises(PersonNotFound):
        desk.person("ana", after(0.5))


def test_everybody_then_is_who_was_there(desk: PeopleDesk) -> None:
    def names(at: datetime | None) -> list[str]:
        return [person.name for person in desk.everybody(at)]

    assert names(after(-1)) == []
    assert names(after(0.5)) == ["olga"]
    assert names(after(9)) == names(None) == ["ana", "bo", "olga"]
