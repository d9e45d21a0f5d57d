"""An author of a policy cannot decide on it under any name or through an agent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from application.log.caller import Caller
from application.policy.policy_desk import PolicyDesk
from domain.people import Actor
from domain.policy.errors import AuthorMayNotDecide, OnlyPersonsDecide
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, caller
from tests.application.policy_changes import policy_variant
from tests.domain.signals import after

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


def test_an_agent_cannot_approve(desk: PolicyDesk) -> None:
    desk.propose(NEXT, "Better.", None, caller("ana", after(1)))
    agent = Actor("key:helper", "bo", via=("helper",))
    with pytest.raises(OnlyPersonsDecide):
        desk.approve("next", "", None, structs.replace(caller("bo", after(2)), actor=agent))
