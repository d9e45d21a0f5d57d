"""A person has one name; only the digest of a token is stored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.log import streams
from application.people.people_desk import PeopleDesk, token_digest
from application.people.principals import Principals
from domain.access_errors import PersonExists, PersonNotFound
from domain.errors import CasetrailError
from domain.people import Role
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import after


def desk_of(service: InMemoryService) -> PeopleDesk:
    return PeopleDesk(service.log, streams.people(service.log))


def test_a_person_is_added_once() -> None:
    service = InMemoryService()
    desk_of(service).add("ana", [Role.HANDLER, Role.AUDITOR], after(0))
    with pytest.raises(PersonExists):
        desk_of(service).add("ana", [Role.TEAM_LEAD], after(1))
    (line,) = service.lines()
    assert (line.event.name, line.event.roles) == ("ana", (Role.HANDLER, Role.AUDITOR))
    assert desk_of(service).known("ana")
    assert not desk_of(service).known("bo")


def test_concurrent_additions_of_one_person_succeed_once() -> None:
    service = InMemoryService()
    gate = threading.Barrier(8)

    def add(n: int) -> str:
        desk = desk_of(service)
        gate.wait()
        try:
            desk.add("ana", [Role.HANDLER], after(n))
        except PersonExists:
            return "exists"
        return "added"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(add, range(8)))
    assert outcomes == ["added"] + ["exists"] * 7


def test_a_token_is_shown_once_and_only_its_digest_is_stored() -> None:
    service = InMemoryService()
    desk = desk_of(service)
    desk.add("ana", [Role.HANDLER], after(0))
    token = desk.issue_token("ana", after(1), expires_at=after(24))
    issued = service.lines()[-1].event
    assert issued.digest == token_digest(token)
    assert issued.expires_at == after(24)
    assert all(token.encode() not in state for _, state in service.recorder.select_positions(0, 9))


def test_tokens_are_unique() -> None:
    service = InMemoryService()
    desk = desk_of(service)
    desk.add("ana", [], after(0))
    tokens = {desk.issue_token("ana", after(n)) for n in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        key = Principals(service.log, desk).key(token_digest(token))
        assert key is not None
        assert key.person == "ana"


def test_an_unknown_person_gets_no_token() -> None:
    with pytest.raises(PersonNotFound):
        desk_of(InMemoryService()).issue_token("ana", after(0))


@pytest.mark.parametrize("name", ["", "Ana", "ana b", "ana\n", "1ana", "a" * 65, "ana\0", "é"])
def test_a_name_that_the_log_cannot_store_is_refused(name) -> None:
    service = InMemoryService()
    desk = desk_of(service)
    with pytest.raises((ValueError, CasetrailError)):
        desk.add(name, [], after(0))
    assert service.lines() == []
