"""Commands on principals: keys, single sign-on logins, agents and delegations."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.streams import PRINCIPAL
from application.people.people_desk import PeopleDesk
from application.people.principals import Principals
from domain import principals as model
from domain.access_errors import PrincipalNotFound, PrincipalTaken
from domain.errors import Fault, Invalid
from domain.moments import Moment
from domain.people import OPERATOR_ACTOR, Actor, PersonName, Reason
from domain.permissions import Permission
from domain.policy.document_types import Name
from domain.validation import faults_of


class PrincipalsDesk:
    def __init__(self, log: EventLog, people: PeopleDesk, principals: Principals) -> None:
        self._log = log
        self._people = people
        self._principals = principals
        self.watchers: list[Callable[[], None]] = []
        """Called after every change, so that caches forget the old state."""

    def issue_key(
        self,
        name: str,
        now: datetime,
        *,
        agent: str | None = None,
        scope: model.KeyScope = model.UNRESTRICTED_KEY,
        expires_at: datetime | None = None,
        by: Actor = OPERATOR_ACTOR,
    ) -> str:
        """Issue a key and return it; it is never shown again. Raises Invalid, PersonNotFound,
        PrincipalNotFound."""
        _require_valid("the key", permissions=(scope.permissions, frozenset[Permission] | None))
        _require_valid("the key", queues=(scope.queues, tuple[Name, ...] | None))
        _require_valid("the key", regions=(scope.regions, tuple[model.Region, ...] | None))
        _require_valid("the key", expires_at=(expires_at, Moment | None))
        if expires_at is not None and expires_at <= now:
            raise Invalid([Fault("/expires_at", "must be in the future")], "the key")
        self._require_agent(agent, name)
        return self._people.issue_token(name, now, expires_at, agent=agent, scope=scope, by=by)

    def revoke_key(
        self, stream: UUID, reason: str, now: datetime, by: Actor = OPERATOR_ACTOR
    ) -> str:
        """Revoke the key of this stream, for ever; return the name of its person.

        The principals report knows the stream by the key's name. Raises Invalid, PrincipalNotFound.
        """
        _require_valid("the revocation", reason=(reason, Reason))
        key = self._principals.key_of(stream)
        if not key.version:
            raise PrincipalNotFound("no such key; `casetrail people tokens` lists them")
        if not key.is_revoked:
            event = model.TokenRevoked(name=key.person, key=key.key, reason=reason)
            self._append(stream, key.version, event, now, by)
        return key.person

    def link(
        self,
        name: str,
        issuer: str,
        subject: str,
        now: datetime,
        *,
        agent: str | None = None,
        by: Actor = OPERATOR_ACTOR,
    ) -> None:
        """Link a login to a person, or to an agent. Raises Invalid, PersonNotFound, PrincipalNotFound,
        PrincipalTaken."""
        _require_valid(
            "the login", issuer=(issuer, model.IssuerName), subject=(subject, model.Subject)
        )
        self._require_person(name)
        self._require_agent(agent, name)
        login = self._principals.login(issuer, subject)
        if login.person is not None:
            raise PrincipalTaken(
                f"{subject} is linked to {login.agent or login.person} already; unlink it first"
            )
        linked = model.PrincipalLinked(
            issuer=issuer, subject=subject, person=name, agent=UNSET if agent is None else agent
        )
        self._append(model.login_stream(issuer, subject), login.version, linked, now, by)

    def unlink(
        self, issuer: str, subject: str, reason: str, now: datetime, by: Actor = OPERATOR_ACTOR
    ) -> None:
        """Raises Invalid, PrincipalNotFound."""
        _require_valid("the login", reason=(reason, Reason))
        login = self._principals.login(issuer, subject)
        if login.person is None:
            raise PrincipalNotFound(f"{subject} is linked to nobody")
        event = model.PrincipalUnlinked(
            issuer=issuer, subject=subject, person=login.person, reason=reason
        )
        self._append(model.login_stream(issuer, subject), login.version, event, now, by)

    def register_agent(
        self, name: str, agent: str, now: datetime, by: Actor = OPERATOR_ACTOR
    ) -> None:
        """Raises Invalid, PersonNotFound, PrincipalTaken."""
        _require_valid("the agent", name=(agent, PersonName))
        self._require_person(name)
        found = self._principals.agent(agent)
        if found.person is not None:
            raise PrincipalTaken(f"{agent} is an agent of {found.person} already")
        event = model.AgentRegistered(name=agent, person=name)
        self._append(model.agent_stream(agent), found.version, event, now, by)

    def retire_agent(
        self, agent: str, reason: str, now: datetime, by: Actor = OPERATOR_ACTOR
    ) -> None:
        """Raises Invalid, PrincipalNotFound."""
        _require_valid("the agent", reason=(reason, Reason))
        found = self._principals.agent(agent)
        if found.person is None:
            raise PrincipalNotFound(f"no agent {agent}")
        event = model.AgentRetired(name=agent, person=found.person, reason=reason)
        self._append(model.agent_stream(agent), found.version, event, now, by)

    def delegate(
        self,
        person: str,
        delegate: str,
        until: datetime,
        reason: str,
        now: datetime,
        by: Actor = OPERATOR_ACTOR,
    ) -> None:
        """Let a delegate act for a person until a time; this replaces an earlier delegation of the two.
        Raises Invalid, PersonNotFound."""
        _require_valid("the delegation", reason=(reason, Reason), until=(until, Moment))
        if until <= now:
            raise Invalid([Fault("/until", "must be in the future")], "the delegation")
        if person == delegate:
            raise Invalid([Fault("/delegate", "must be another person")], "the delegation")
        self._require_person(person)
        self._require_person(delegate)
        version = self._principals.delegation(person, delegate).version
        event = model.DelegationGranted(
            person=person, delegate=delegate, until=until, reason=reason
        )
        self._append(model.delegation_stream(person, delegate), version, event, now, by)

    def end_delegation(
        self, person: str, delegate: str, reason: str, now: datetime, by: Actor = OPERATOR_ACTOR
    ) -> None:
        """Raises Invalid, PrincipalNotFound."""
        _require_valid("the delegation", reason=(reason, Reason))
        found = self._principals.delegation(person, delegate)
        if found.until is None:
            raise PrincipalNotFound(f"{delegate} does not act for {person}")
        event = model.DelegationEnded(person=person, delegate=delegate, reason=reason)
        self._append(model.delegation_stream(person, delegate), found.version, event, now, by)

    def _require_person(self, name: str) -> None:
        self._people.person(name)

    def _require_agent(self, agent: str | None, person: str) -> None:
        if agent is not None and self._principals.agent(agent).person != person:
            raise PrincipalNotFound(f"{person} has no agent {agent}")

    def _append(
        self, stream: UUID, version: int, event: model.PrincipalEvent, now: datetime, by: Actor
    ) -> None:
        caller = system_caller(by, now, "command:people")
        try:
            self._log.append([caller.write(stream, PRINCIPAL, version, [event])])
        except VersionTaken:
            raise PrincipalTaken("somebody else changed it at the same moment; try again") from None
        for watcher in self.watchers:
            watcher()


def _require_valid(what: str, **fields: tuple[Any, Any]) -> None:
    """Raises Invalid for values that the log could not read back."""
    found = [
        fault for name, (raw, kind) in fields.items() for fault in faults_of(raw, kind, f"/{name}")
    ]
    if found:
        raise Invalid(found, what)
