"""Each key, login, agent and delegation belongs to one person, and a change takes effect at
once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.log import streams
from application.people.people_desk import PeopleDesk, token_digest
from application.people.principals import Principals
from application.people.principals_desk import PrincipalsDesk
from domain.access_errors import (
    ActorNotAllowed,
    PersonNotFound,
    PrincipalNotFound,
    PrincipalNotLinked,
    PrincipalTaken,
)
from domain.errors import CasetrailError, Invalid
from domain.people import Actor, Role, token_stream
from domain.permissions import NEVER_FOR_AGENTS, Permission
from domain.principals import UNRESTRICTED_KEY, KeyScope, VerifiedToken, login_stream
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import after

ISSUER = "https://id.example"


class PrincipalDesks:
    def __init__(self, service: InMemoryService) -> None:
        self.people = PeopleDesk(service.log, streams.people(service.log))
        self.principals = Principals(service.log, self.people)
        self.desk = PrincipalsDesk(service.log, self.people, self.principals)

    def person_of(self, subject: str, *actors: str, at: float = 1) -> Actor:
        token = VerifiedToken(ISSUER, subject, actors, "tests", after(1_000))
        return self.principals.resolve_token(token, after(at)).actor


@pytest.fixture
def service() -> InMemoryService:
    return InMemoryService()


@pytest.fixture
def desks(service: InMemoryService) -> PrincipalDesks:
    desks = PrincipalDesks(service)
    for name in ("ana", "bo", "carla"):
        desks.people.add(name, [Role.HANDLER], after(0))
        desks.desk.link(name, ISSUER, f"{name}-1", after(0))
    desks.desk.register_agent("ana", "triage", after(0))
    desks.desk.link("ana", ISSUER, "triage-1", after(0), agent="triage")
    return desks


def test_a_single_sign_on_account_belongs_to_one_person_until_it_is_unlinked(
    desks: PrincipalDesks,
) -> None:
    assert desks.person_of("ana-1").persons == ("ana",)
    with pytest.raises(PrincipalTaken):
        desks.desk.link("bo", ISSUER, "ana-1", after(1))
    desks.desk.unlink(ISSUER, "ana-1", "Left.", after(1))
    with pytest.raises(PrincipalNotLinked):
        desks.person_of("ana-1")
    desks.desk.link("bo", ISSUER, "ana-1", after(2))
    assert desks.person_of("ana-1").persons == ("bo",)


def test_an_issuer_cannot_use_the_accounts_of_another(desks: PrincipalDesks) -> None:
    """The issuer and the subject cannot be split in another place, nor written in another way."""
    assert login_stream(ISSUER, "ana-1") != login_stream(ISSUER + "a", "na-1")
    assert login_stream("1\nx", "y") != login_stream("1", "\nxy")
    token = VerifiedToken(ISSUER + "/", "ana-1", (), "tests", after(9))
    with pytest.raises(PrincipalNotLinked):
        desks.principals.resolve_token(token, after(1))


def test_concurrent_links_of_one_account_succeed_once(service: InMemoryService) -> None:
    desks = PrincipalDesks(service)
    desks.people.add("ana", [], after(0))
    gate = threading.Barrier(8)

    def link(_: int) -> bool:
        gate.wait()
        try:
            PrincipalDesks(service).desk.link("ana", ISSUER, "raced", after(1))
        except PrincipalTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(link, range(8))) == 1


def test_a_delegation_is_valid_until_just_before_its_end(desks: PrincipalDesks) -> None:
    desks.desk.delegate("ana", "bo", after(10), "Away.", after(0))
    assert desks.person_of("ana-1", "bo-1", at=9.99).persons == ("ana", "bo")
    with pytest.raises(ActorNotAllowed):
        desks.person_of("ana-1", "bo-1", at=10)
    desks.desk.delegate("ana", "bo", after(20), "Longer.", after(10))
    assert desks.person_of("ana-1", "bo-1", at=15).delegate == "bo"
    with pytest.raises(ActorNotAllowed):
        desks.person_of("bo-1", "ana-1", at=15)
    with pytest.raises(ActorNotAllowed):
        desks.person_of("ana-1", "carla-1", at=15)


def test_a_session_through_a_delegate_ends_with_the_delegation(desks: PrincipalDesks) -> None:
    desks.desk.delegate("ana", "bo", after(10), "Away.", after(0))
    token = VerifiedToken(ISSUER, "ana-1", ("bo-1",), "tests", after(1_000))
    assert desks.principals.resolve_token(token, after(1)).expires_at == after(10)


def test_an_agent_with_a_key_or_a_login_acts_for_its_owner(desks: PrincipalDesks) -> None:
    token = desks.desk.issue_key("ana", after(1), agent="triage")
    key = desks.principals.key(token_digest(token))
    assert key is not None
    standing = desks.principals.resolve_key(key)
    assert standing is not None
    for actor in (
        standing.actor,
        desks.person_of("triage-1"),
        desks.person_of("ana-1", "triage-1"),
    ):
        assert (actor.persons, actor.via, actor.is_agent) == (("ana",), ("triage",), True)
    desks.desk.retire_agent("triage", "Replaced.", after(2))
    for come in (
        lambda: desks.principals.resolve_key(key),
        lambda: desks.person_of("triage-1"),
        lambda: desks.person_of("ana-1", "triage-1"),
    ):
        with pytest.raises(ActorNotAllowed):
            come()


def test_an_agent_with_a_new_owner_no_longer_acts_for_the_old_one(desks: PrincipalDesks) -> None:
    token = desks.desk.issue_key("ana", after(1), agent="triage")
    desks.desk.retire_agent("triage", "Moved.", after(2))
    desks.desk.register_agent("bo", "triage", after(3))
    key = desks.principals.key(token_digest(token))
    assert key is not None
    with pytest.raises(ActorNotAllowed):
        desks.principals.resolve_key(key)
    with pytest.raises(ActorNotAllowed):
        desks.person_of("triage-1")


def test_a_key_scope_only_narrows_permissions() -> None:
    person = frozenset({Permission.READ_CASES, Permission.KNOW_ONESELF, *NEVER_FOR_AGENTS})
    assert UNRESTRICTED_KEY.of(person, is_agent=False) == person
    assert UNRESTRICTED_KEY.of(person, is_agent=True) == {
        Permission.READ_CASES,
        Permission.KNOW_ONESELF,
    }
    wide = KeyScope(frozenset(Permission))
    assert wide.of(person, is_agent=False) == person
    assert wide.of(person, is_agent=True) == {Permission.READ_CASES, Permission.KNOW_ONESELF}
    narrow = KeyScope(frozenset({"cases.read", "orders.read", "gone.since"}))
    assert narrow.of(person, is_agent=False) == {Permission.READ_CASES, Permission.KNOW_ONESELF}
    nothing = KeyScope(frozenset())
    assert nothing.of(person, is_agent=False) == {Permission.KNOW_ONESELF}


def test_a_revoked_key_stays_revoked(desks: PrincipalDesks, service: InMemoryService) -> None:
    token = desks.desk.issue_key("ana", after(1))
    stream = token_stream(token_digest(token))
    assert desks.desk.revoke_key(stream, "Found.", after(2)) == "ana"
    assert desks.desk.revoke_key(stream, "Again.", after(3)) == "ana"
    assert [line.type for line in service.log.trail(stream)] == [
        "person.token_issued",
        "person.token_revoked",
    ]
    key = desks.principals.key(token_digest(token))
    assert key is not None
    assert key.is_revoked


def test_watchers_are_notified_of_every_change(desks: PrincipalDesks) -> None:
    calls: list[None] = []
    desks.desk.watchers.append(lambda: calls.append(None))
    token = desks.desk.issue_key("ana", after(1))
    changes: list[Callable[[], object]] = [
        lambda: desks.desk.revoke_key(token_stream(token_digest(token)), "Found.", after(2)),
        lambda: desks.desk.link("ana", ISSUER, "2", after(2)),
        lambda: desks.desk.unlink(ISSUER, "2", "Left.", after(2)),
        lambda: desks.desk.register_agent("bo", "bos", after(2)),
        lambda: desks.desk.retire_agent("bos", "Gone.", after(2)),
        lambda: desks.desk.delegate("ana", "bo", after(9), "Away.", after(2)),
        lambda: desks.desk.end_delegation("ana", "bo", "Back.", after(2)),
    ]
    for number, change in enumerate(changes, start=1):
        change()
        assert len(calls) == number


def test_invalid_changes_are_refused_and_record_nothing(
    desks: PrincipalDesks, service: InMemoryService
) -> None:
    desk, before = desks.desk, len(service.lines())
    refusals: list[tuple[type[CasetrailError], Callable[[], object]]] = [
        (PersonNotFound, lambda: desk.link("nobody", ISSUER, "3", after(1))),
        (PersonNotFound, lambda: desk.register_agent("nobody", "x", after(1))),
        (PersonNotFound, lambda: desk.delegate("ana", "nobody", after(9), "x", after(1))),
        (PersonNotFound, lambda: desk.issue_key("nobody", after(1))),
        (PrincipalNotFound, lambda: desk.issue_key("bo", after(1), agent="triage")),
        (PrincipalNotFound, lambda: desk.link("bo", ISSUER, "3", after(1), agent="triage")),
        (PrincipalNotFound, lambda: desk.unlink(ISSUER, "3", "x", after(1))),
        (PrincipalNotFound, lambda: desk.retire_agent("x", "x", after(1))),
        (PrincipalNotFound, lambda: desk.end_delegation("ana", "bo", "x", after(1))),
        (PrincipalNotFound, lambda: desk.revoke_key(token_stream("x"), "x", after(1))),
        (PrincipalTaken, lambda: desk.register_agent("bo", "triage", after(1))),
        (Invalid, lambda: desk.link("ana", ISSUER, "a\nb", after(1))),
        (Invalid, lambda: desk.link("ana", "", "3", after(1))),
        (Invalid, lambda: desk.register_agent("ana", "No Name", after(1))),
        (Invalid, lambda: desk.delegate("ana", "bo", after(1), "x", after(1))),
        (Invalid, lambda: desk.delegate("ana", "bo", after(9), "", after(1))),
        (Invalid, lambda: desk.delegate("ana", "ana", after(9), "x", after(1))),
        (Invalid, lambda: desk.issue_key("ana", after(1), expires_at=after(1))),
        (Invalid, lambda: desk.issue_key("ana", after(1), scope=KeyScope(frozenset({"x"})))),
        (Invalid, lambda: desk.issue_key("ana", after(1), scope=KeyScope(queues=("A B",)))),
        (Invalid, lambda: desk.issue_key("ana", after(1), scope=KeyScope(regions=("\n",)))),
    ]
    for kind, ask in refusals:
        with pytest.raises(kind):
            ask()
    assert len(service.lines()) == before
