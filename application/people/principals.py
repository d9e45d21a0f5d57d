"""Who stands at the door, from the log itself: keys, logins at issuers, agents and delegates, and
whose act it then is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.people.people_desk import PeopleDesk
from domain.access_errors import ActorNotAllowed, PrincipalNotLinked
from domain.people import Actor, Person, token_stream
from domain.principals import (
    WHOLE,
    Agent,
    AgentEvent,
    Delegation,
    DelegationEvent,
    Key,
    KeyEvent,
    KeyScope,
    Login,
    LoginEvent,
    VerifiedToken,
    agent_stream,
    delegation_stream,
    login_name,
    login_stream,
)


class Standing(Struct, frozen=True):
    """Who somebody turned out to be, and how far what they came with reaches."""

    actor: Actor
    person: Person
    scope: KeyScope
    expires_at: datetime | None
    """When this ends by itself."""


class Principals:
    def __init__(self, log: EventLog, people: PeopleDesk) -> None:
        self._log = log
        self._people = people

    def names_behind(self, actor: Actor) -> frozenset[str]:
        """All names of everybody whose act it counts as."""
        return self._people.names_behind(actor)

    def key(self, digest: str) -> Key | None:
        """The key with this digest, from the log itself; None if there is none."""
        key = self.key_of(token_stream(digest))
        return key if key.digest == digest else None

    def with_key(self, key: Key) -> Standing | None:
        """Whose key it is; None where there is no such person. Raises ActorNotAllowed."""
        person = self._people.known(key.person)
        if person is None:
            return None
        via = () if key.agent is None else (self._agent_of(key.agent, person.name),)
        actor = Actor(f"key:{key.key}", person.name, via)
        return Standing(actor, person, key.scope, key.expires_at)

    def with_token(self, token: VerifiedToken, now: datetime) -> Standing:
        """Whose act it is. Raises PrincipalNotLinked, ActorNotAllowed."""
        subject = self.login(token.issuer, token.subject)
        person = self._people.known(subject.person) if subject.person is not None else None
        if person is None:
            raise PrincipalNotLinked("the token's `sub` is linked to nobody here")
        via = () if subject.agent is None else (self._agent_of(subject.agent, person.name),)
        delegate: str | None = None
        until = token.expires_at
        for one in token.actors:
            actor = self.login(token.issuer, one)
            if actor.agent is not None and actor.person == person.name:
                via = (*via, self._agent_of(actor.agent, person.name))
            elif actor.agent is None and delegate is None:
                delegate, ends_at = self._delegate_of(person.name, actor.person, now)
                until = min(until, ends_at)
            else:
                raise ActorNotAllowed("an `act` of the token names nobody who may act here")
        name = login_name(token.issuer, token.subject)
        return Standing(Actor(name, person.name, via, delegate), person, WHOLE, until)

    def login(self, issuer: str, subject: str) -> Login:
        login = Login()
        for line in self._log.trail(login_stream(issuer, subject)):
            if isinstance(line.event, LoginEvent):
                login = login.after(line.event)
        return login

    def agent(self, name: str) -> Agent:
        agent = Agent()
        for line in self._log.trail(agent_stream(name)):
            if isinstance(line.event, AgentEvent):
                agent = agent.after(line.event)
        return agent

    def delegation(self, person: str, delegate: str) -> Delegation:
        delegation = Delegation()
        for line in self._log.trail(delegation_stream(person, delegate)):
            if isinstance(line.event, DelegationEvent):
                delegation = delegation.after(line.event)
        return delegation

    def key_of(self, stream: UUID) -> Key:
        key = Key()
        for line in self._log.trail(stream):
            if isinstance(line.event, KeyEvent):
                key = key.after(line.event)
        return key

    def _agent_of(self, agent: str, person: str) -> str:
        if self.agent(agent).person != person:
            raise ActorNotAllowed(f"the agent {agent} is retired, or is not {person}'s")
        return agent

    def _delegate_of(
        self, person: str, delegate: str | None, now: datetime
    ) -> tuple[str, datetime]:
        """The delegate, and until when. Nobody learns here who is linked and who is not."""
        hands = self._people.known(delegate) if delegate is not None else None
        if delegate is not None and hands is not None and not hands.has_left:
            until = self.delegation(person, delegate).until
            if until is not None and now < until:
                return delegate, until
        raise ActorNotAllowed("an `act` of the token names nobody who may act here")
