"""The checks of tokens and keys, tested on the token cache itself without a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.http.authentication import Principal, TokenCache
from api.http.errors import NotAuthenticated
from application.log import streams
from application.log.caller import Caller
from application.people.people_desk import PeopleDesk, token_digest
from application.people.principals import Principals
from application.people.principals_desk import PrincipalsDesk
from domain.access_errors import ActorNotAllowed
from domain.grants import ChangePersonStatus, GrantRole
from domain.people import OPERATOR_ACTOR, Role, token_stream
from domain.permissions import NEVER_FOR_AGENTS, Permission
from infrastructure.identity.access_tokens import AccessTokenVerifier
from tests.api.issuer_server import (
    OMITTED,
    IssuerServer,
    SigningKey,
    actor_chain,
    b64,
    serve_issuer,
)
from tests.application.in_memory_service import InMemoryService

ES, OTHER = SigningKey("ES256", "es-1"), SigningKey("ES256", "es-2")


def now() -> datetime:
    return datetime.now(UTC)


def ago(**past: float) -> datetime:
    return now() - timedelta(**past)


class Setup:
    def __init__(self, issuer: IssuerServer) -> None:
        self.issuer = issuer
        service = InMemoryService()
        self.people = PeopleDesk(service.log, streams.people(service.log))
        principals = Principals(service.log, self.people)
        self.desk = PrincipalsDesk(service.log, self.people, principals)
        self.tokens = TokenCache(principals, AccessTokenVerifier([issuer.issuer()]), now)
        for name in ("ana", "bo", "omar"):
            self.people.add(name, [Role.OPS_MANAGER] * (name == "omar"), ago(days=2))
            self.desk.link(name, issuer.name, f"{name}-1", ago(days=2))
            self.desk.register_agent(name, f"{name}-helper", ago(days=2))
            subject, agent = f"{name}-helper-1", f"{name}-helper"
            self.desk.link(name, issuer.name, subject, ago(days=2), agent=agent)

    def resolve(self, token: str) -> Principal:
        return self.tokens.resolve(token, token_digest(token))

    def give_role(self, until: datetime | None = None) -> None:
        """Give ana a role as of a day ago, so that no test waits for its end."""
        ask = GrantRole(role=Role.HANDLER, until=until, reason="Help.")
        by = Caller(OPERATOR_ACTOR, "", ago(days=1), "command:test")
        self.people.give("ana", ask, (), by)


@pytest.fixture(scope="module")
def issuer() -> Iterator[IssuerServer]:
    with serve_issuer(ES) as issuer:
        yield issuer


@pytest.fixture
def setup(issuer: IssuerServer) -> Setup:
    return Setup(issuer)


def test_a_valid_token_and_a_valid_key_identify_their_person(setup: Setup) -> None:
    assert setup.resolve(setup.issuer.token("ana-1")).person == "ana"
    assert setup.resolve(setup.desk.issue_key("ana", ago(days=1))).person == "ana"
    late = int(now().timestamp()) - 50
    assert setup.resolve(setup.issuer.token("ana-1", exp=late)).person == "ana"


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (lambda i: i.token("ana-1", aud="another-service"), "aud"),
        (lambda i: i.token("ana-1", aud=["others", "again"]), "aud"),
        (lambda i: i.token("ana-1", aud=OMITTED), "aud"),
        (lambda i: i.token("ana-1", header={"typ": "JWT"}), "typ"),
        (lambda i: i.token("ana-1", header={"typ": OMITTED}), "typ"),
        (lambda i: i.token("ana-1", header={"typ": "logout+jwt"}), "typ"),
        (lambda i: i.token("ana-1", header={"alg": "none"}), "`alg` must be one of"),
        (lambda i: i.token("ana-1", header={"alg": "HS256"}), "`alg` must be one of"),
        (lambda i: i.token("ana-1", header={"alg": "PS256"}), "the issuer has no key"),
        (lambda i: i.token("ana-1", exp=int(now().timestamp()) - 61), "expired"),
        (lambda i: i.token("ana-1", exp=int(now().timestamp()) - 600), "expired"),
        (lambda i: i.token("ana-1", nbf=int(now().timestamp()) + 300), "not valid before"),
        (lambda i: i.token("ana-1", iat=int(now().timestamp()) + 300), "not valid before"),
        (lambda i: i.token("ana-1", iss="https://elsewhere.example"), "iss"),
        (lambda i: i.token("ana-1", key=OTHER), "the issuer has no key"),
        (lambda i: i.token("ana-1", key=OTHER, header={"kid": "es-1"}), "signature"),
        (lambda i: i.token("ana-1", header={"jku": "https://evil.example"}), "jku"),
        (lambda i: i.token("ana-1").rpartition(".")[0] + "." + b64(b"\0" * 64), "signature"),
    ],
)
def test_a_token_is_refused_for_each_wrong_claim(
    setup: Setup, token: Callable[[IssuerServer], str], says: str
) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        setup.resolve(token(setup.issuer))
    assert says in str(refused.value)


def test_a_revoked_or_expired_key_is_refused(setup: Setup) -> None:
    revoked = setup.desk.issue_key("ana", ago(days=1))
    setup.desk.revoke_key(token_stream(token_digest(revoked)), "Lost.", ago(hours=1))
    expired = setup.desk.issue_key("ana", ago(days=1), expires_at=ago(seconds=1))
    for key, says in ((revoked, "revoked"), (expired, "expired"), (expired[:-1], "not known")):
        with pytest.raises(NotAuthenticated) as refused:
            setup.resolve(key)
        assert says in str(refused.value)


def test_a_person_who_left_is_refused(setup: Setup) -> None:
    key = setup.desk.issue_key("ana", ago(days=1))
    by = Caller(OPERATOR_ACTOR, "", ago(hours=1), "command:test")
    setup.people.leave("ana", ChangePersonStatus(reason="Gone."), by)
    for token in (key, setup.issuer.token("ana-1")):
        with pytest.raises(NotAuthenticated):
            setup.resolve(token)


def test_an_agent_acts_only_for_its_own_person(setup: Setup) -> None:
    who = setup.resolve(setup.issuer.token("ana-1", act=actor_chain("ana-helper-1")))
    assert (who.person, who.actor.via) == ("ana", ("ana-helper",))
    for acting in (
        actor_chain("bo-helper-1"),
        actor_chain("bo-1"),
        actor_chain("bo-1", "bo-helper-1"),
        actor_chain("x"),
    ):
        with pytest.raises(ActorNotAllowed):
            setup.resolve(setup.issuer.token("ana-1", act=acting))


def test_a_chain_of_actors_is_complete_and_has_a_limit(setup: Setup) -> None:
    setup.desk.delegate("ana", "bo", now() + timedelta(days=1), "Away.", ago(hours=1))
    who = setup.resolve(setup.issuer.token("ana-1", act=actor_chain("ana-helper-1", "bo-1")))
    assert (who.actor.via, who.actor.delegate) == (("ana-helper",), "bo")
    with pytest.raises(ActorNotAllowed):
        setup.resolve(setup.issuer.token("ana-1", act=actor_chain("bo-1", "ana-helper-1", "bo-1")))


@pytest.mark.parametrize("way", ["key", "login"])
def test_an_agent_has_no_permissions_reserved_for_persons(setup: Setup, way: str) -> None:
    whole = setup.resolve(setup.desk.issue_key("omar", ago(days=1))).permissions
    token = (
        setup.desk.issue_key("omar", ago(days=1), agent="omar-helper")
        if way == "key"
        else setup.issuer.token("omar-helper-1")
    )
    permissions = setup.resolve(token).permissions
    assert {Permission.APPROVE_ADJUSTMENTS, Permission.MANAGE_PEOPLE} <= whole & NEVER_FOR_AGENTS
    assert permissions == whole - NEVER_FOR_AGENTS


def test_a_grant_ends_at_its_time(setup: Setup) -> None:
    def may() -> Any:
        return setup.resolve(setup.desk.issue_key("ana", ago(hours=1))).permissions

    assert Permission.WORK_CASES not in may()
    setup.give_role(until=ago(seconds=1))
    assert Permission.WORK_CASES not in may()
    setup.give_role(until=now() + timedelta(hours=1))
    assert Permission.WORK_CASES in may()
    by = Caller(OPERATOR_ACTOR, "", ago(minutes=1), "command:test")
    setup.people.revoke("ana", "g2", ChangePersonStatus(reason="Enough."), by)
    assert Permission.WORK_CASES not in may()
