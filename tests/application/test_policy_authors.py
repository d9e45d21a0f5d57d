"""An author of a policy cannot decide on it under any name or through an agent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec import structs

from application.log import streams
from application.log.caller import Caller, operator_caller
from application.people.people_desk import PeopleDesk
from application.policy.policy_desk import PolicyDesk, PolicyResult
from domain.access_errors import NotInScope
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Actor, Role
from domain.policy.errors import (
    AuthorMayNotDecide,
    OnlyPersonsDecide,
    PolicyStateWrong,
    RoutesOwnGrants,
)
from domain.policy.events import POLICY_STREAM
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, caller
from tests.application.policy_changes import policy_variant
from tests.domain.signals import after
from tests.domain.simulations import simulated

NEXT = policy_variant(UNTIMED_RULEBOOK.document, "next", 900)
AUTHOR = (
    caller("ana", after(2)),
    structs.replace(caller("nina", after(2)), known_as=("ana",)),
    structs.replace(caller("bo", after(2)), actor=Actor("user:ana", "ana", delegate="bo")),
    structs.replace(caller("bo", after(2)), actor=Actor("user:bo", "bo", delegate="ana")),
)
AUTHOR_NAMES = ("herself", "by another name", "by a delegate", "as a delegate")


@pytest.fixture
def desk() -> PolicyDesk:
    desk = PolicyDesk(InMemoryService().log, lambda: after(1))
    desk.bootstrap(UNTIMED_RULEBOOK, after(0))
    return desk


@pytest.mark.parametrize("author", AUTHOR, ids=AUTHOR_NAMES)
def test_an_author_cannot_approve(desk: PolicyDesk, author: Caller) -> None:
    desk.propose(NEXT, "Better.", None, caller("ana", after(1)))
    with pytest.raises(AuthorMayNotDecide):
        desk.approve("next", "", None, author)
    desk.approve("next", "", None, caller("bo", after(2)))


@pytest.mark.parametrize("author", AUTHOR, ids=AUTHOR_NAMES)
def test_an_author_cannot_ratify(desk: PolicyDesk, author: Caller) -> None:
    until = after(1) + timedelta(hours=9)
    desk.emergency(NEXT, "Now.", until, caller("ana", after(1)))
    with pytest.raises(AuthorMayNotDecide):
        desk.ratify("next", "", author)
    desk.ratify("next", "", caller("bo", after(2)))


def test_an_author_cannot_approve_under_a_name_that_was_linked_a_moment_ago() -> None:
    """The caller knows nothing of it yet: a key is remembered for some seconds."""
    service, people = linked_people()
    desk = PolicyDesk(service.log, lambda: after(1), people)
    desk.bootstrap(UNTIMED_RULEBOOK, after(0))
    desk.propose(NEXT, "Better.", None, caller("ana", after(1)))
    desk.record_simulation(
        simulated(NEXT.digest, UNTIMED_RULEBOOK.digest, after(1)), caller("ana", after(1))
    )
    with pytest.raises(AuthorMayNotDecide):
        desk.approve("next", "", None, caller("nina", after(2)))
    desk.approve("next", "", None, caller("bo", after(2)))
    # Bo turns out to be Ana as well, after the approval.
    people.same_as("bo", LinkPersonName(other="ana", reason="One."), operator_caller(after(3)))
    with pytest.raises(AuthorMayNotDecide, match="are the same person"):
        desk.activate("next", None, "", caller("cy", after(4)))


def test_a_person_cannot_route_cases_to_the_queue_of_another_name() -> None:
    service, people = linked_people()
    desk = PolicyDesk(service.log, lambda: after(2), people)
    desk.bootstrap(UNTIMED_RULEBOOK, after(0))
    queues = UNTIMED_RULEBOOK.document.queues
    (first, *others) = UNTIMED_RULEBOOK.document.route
    other = next(queue for queue in queues if queue != first.queue)
    lead = GrantRole(role=Role.TEAM_LEAD, queues=(other,), reason="One queue.")
    people.give("nina", lead, queues, operator_caller(after(1)))
    routed = structs.replace(NEXT.document, route=(structs.replace(first, queue=other), *others))
    for n, person in enumerate(("ana", "nina"), start=901):
        with pytest.raises(RoutesOwnGrants, match=f"limited to queues: {other}"):
            desk.emergency(Rulebook(routed), "Now.", None, caller(person, after(2)))
        change = policy_variant(NEXT.document, person, n)
        if person == "nina":
            # Nina is ana, who has just made one.
            with pytest.raises(PolicyStateWrong, match="is the last emergency change of nina"):
                desk.emergency(change, "Now.", None, caller(person, after(2)))
            continue
        desk.emergency(change, "Now.", None, caller(person, after(2)))
    desk.emergency(Rulebook(routed), "Now.", None, caller("bo", after(2)))


ACTS: dict[str, Callable[[PolicyDesk, Caller], PolicyResult]] = {
    "approve": lambda desk, by: desk.approve("next", "", None, by),
    "activate": lambda desk, by: desk.activate("approved", None, "", by),
    "emergency": lambda desk, by: desk.emergency(
        policy_variant(NEXT.document, "fire", 903), "Now.", None, by
    ),
    "ratify": lambda desk, by: desk.ratify("fire", "", by),
    "roll back": lambda desk, by: desk.roll_back(UNTIMED_RULEBOOK.version, None, "No.", by),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("how", ["revoked", "left"])
def test_a_person_who_lost_the_role_a_moment_ago_does_not_decide(act: str, how: str) -> None:
    """Another process may remember the grants for some seconds."""
    service, people = linked_people()
    desk = PolicyDesk(service.log, lambda: after(2), people)
    desk.bootstrap(UNTIMED_RULEBOOK, after(0))
    ask = ChangePersonStatus(reason="A new job.")
    if how == "left":
        people.leave("bo", ask, operator_caller(after(1)))
    else:
        people.revoke("bo", "g1", ask, operator_caller(after(1)))
    lines = len(service.log.trail(POLICY_STREAM))
    with pytest.raises(NotInScope, match=r"bo no longer has the permission policies\."):
        ACTS[act](desk, caller("bo", after(2)))
    assert len(service.log.trail(POLICY_STREAM)) == lines


def linked_people() -> tuple[InMemoryService, PeopleDesk]:
    """Ana is also known as Nina; Bo and Cy are others."""
    service = InMemoryService()
    people = PeopleDesk(service.log, streams.people(service.log))
    for name in ("ana", "nina", "bo", "cy"):
        people.add(name, [Role.GOVERNANCE_OWNER], after(0))
    people.same_as("ana", LinkPersonName(other="nina", reason="One."), operator_caller(after(0)))
    return service, people


def test_an_agent_cannot_approve(desk: PolicyDesk) -> None:
    desk.propose(NEXT, "Better.", None, caller("ana", after(1)))
    agent = Actor("key:helper", "bo", via=("helper",))
    with pytest.raises(OnlyPersonsDecide):
        desk.approve("next", "", None, structs.replace(caller("bo", after(2)), actor=agent))
