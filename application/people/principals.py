"""Resolves keys and verified tokens to persons, agents and delegates, from the log itself."""

from datetime import datetime
from typing import Any, Final, Protocol, Self, TypeVar
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.people.people_desk import PeopleDesk
from domain import principals
from domain.access_errors import ActorNotAllowed, PrincipalNotLinked
from domain.people import Actor, token_stream
from domain.person import Person

NO_ACTOR: Final = "an `act` of the token names no agent or delegate that may act for this person"


class _Folded(Protocol):
    def after(self, event: Any) -> Self: ...


F = TypeVar("F", bound=_Folded)


class ResolvedPrincipal(Struct, frozen=True):
    """The actor behind a key or token, and its scope."""

    actor: Actor
    person: Person
    scope: principals.KeyScope
    expires_at: datetime | None
    """When the key or token, or the delegation, expires."""


class Principals:
    def __init__(self, log: EventLog, people: PeopleDesk) -> None:
        self._log = log
        self._people = people

    def names_behind(self, actor: Actor) -> frozenset[str]:
        """All names of the persons that the act counts for."""
        return self._people.names_behind(actor)

    def key(self, digest: str) -> principals.Key | None:
        """The key with this digest, from the log; None if there is none."""
        key = self.key_of(token_stream(digest))
        return key if key.digest == digest else None

    def resolve_key(self, key: principals.Key) -> ResolvedPrincipal | None:
        """The principal of a key; None if its person does not exist. Raises ActorNotAllowed."""
        person = self._people.known(key.person)
        if person is None:
            return None
        via = () if key.agent is None else (self._agent_of(key.agent, person.name),)
        actor = Actor(f"key:{key.key}", person.name, via)
        return ResolvedPrincipal(actor, person, key.scope, key.expires_at)

    def resolve_token(self, token: principals.VerifiedToken, now: datetime) -> ResolvedPrincipal:
        """The principal of a token. Raises PrincipalNotLinked, ActorNotAllowed."""
        subject = self.login(token.issuer, token.subject)
        person = self._people.known(subject.person) if subject.person is not None else None
        if person is None:
            raise PrincipalNotLinked("no person is linked to the token's `sub`")
        via = () if subject.agent is None else (self._agent_of(subject.agent, person.name),)
        delegate: str | None = None
        until = token.expires_at
        for name in token.actors:
            actor = self.login(token.issuer, name)
            if actor.agent is not None and actor.person == person.name:
                via = (*via, self._agent_of(actor.agent, person.name))
            elif actor.agent is None and delegate is None:
                delegate, ends_at = self._delegate_of(person.name, actor.person, now)
                until = min(until, ends_at)
            else:
                raise ActorNotAllowed(NO_ACTOR)
        login = principals.login_name(token.issuer, token.subject)
        return ResolvedPrincipal(
            Actor(login, person.name, via, delegate), person, principals.UNRESTRICTED_KEY, until
        )

    def login(self, issuer: str, subject: str) -> principals.Login:
        return self._fold(
            principals.Login(), principals.LoginEvent, principals.login_stream(issuer, subject)
        )

    def agent(self, name: str) -> principals.Agent:
        return self._fold(principals.Agent(), principals.AgentEvent, principals.agent_stream(name))

    def delegation(self, person: str, delegate: str) -> principals.Delegation:
        return self._fold(
            principals.Delegation(),
            principals.DelegationEvent,
            principals.delegation_stream(person, delegate),
        )

    def key_of(self, stream: UUID) -> principals.Key:
        return self._fold(principals.Key(), principals.KeyEvent, stream)

    def _fold(self, state: F, kinds: Any, stream: UUID) -> F:
        for line in self._log.trail(stream):
            if isinstance(line.event, kinds):
                state = state.after(line.event)
        return state

    def _agent_of(self, agent: str, person: str) -> str:
        if self.agent(agent).person != person:
            raise ActorNotAllowed(f"the agent {agent} is retired, or is no agent of {person}")
        return agent

    def _delegate_of(
        self, person: str, delegate: str | None, now: datetime
    ) -> tuple[str, datetime]:
        """The delegate, and until when. The error does not tell who is linked and who is not."""
        acting = self._people.known(delegate) if delegate is not None else None
        if delegate is not None and acting is not None and not acting.has_left:
            until = self.delegation(person, delegate).until
            if until is not None and now < until:
                return delegate, until
        raise ActorNotAllowed(NO_ACTOR)
