"""Principals: whoever may come to the door, each of them one person in the end.

A login at an issuer is linked to a person, or to an agent that a person owns; a person may have
another act as a delegate for a time. Each has a stream of its own, found from what the token says,
so that it is known as soon as it is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType, structs

from domain.people import PersonName, TokenIssued
from domain.permissions import NEVER_FOR_AGENTS, Permission
from domain.texts import one_line

PRINCIPALS_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:principals")

IssuerName = Annotated[str, one_line(255, least=1)]
Subject = Annotated[str, one_line(255, least=1)]
Reason = Annotated[str, one_line(500, least=1)]
Region = Annotated[str, one_line(64, least=1)]


def login_stream(issuer: str, subject: str) -> UUID:
    # No text of an issuer can run over into the subject.
    return uuid5(PRINCIPALS_NAMESPACE, f"login\n{len(issuer)}\n{issuer}{subject}")


def agent_stream(agent: str) -> UUID:
    return uuid5(PRINCIPALS_NAMESPACE, f"agent\n{agent}")


def delegation_stream(person: str, delegate: str) -> UUID:
    return uuid5(PRINCIPALS_NAMESPACE, f"delegation\n{person}\n{delegate}")


def login_name(issuer: str, subject: str) -> str:
    """The principal that the trail names: as short as a key's, and as telling to outsiders."""
    told = f"{len(issuer)}\n{issuer}{subject}".encode()
    return f"user:{hashlib.sha256(told).hexdigest()[:12]}"


class PrincipalLinked(Struct, frozen=True, kw_only=True, tag="principal.linked"):
    """Whoever an issuer calls by this subject is this person, or this agent of the person."""

    issuer: IssuerName
    subject: Subject
    person: PersonName
    agent: PersonName | UnsetType = UNSET


class PrincipalUnlinked(Struct, frozen=True, kw_only=True, tag="principal.unlinked"):
    issuer: IssuerName
    subject: Subject
    person: PersonName
    reason: Reason


class AgentRegistered(Struct, frozen=True, kw_only=True, tag="agent.registered"):
    """A program acts for its owner from now on: what it does is the owner's doing."""

    name: PersonName
    person: PersonName


class AgentRetired(Struct, frozen=True, kw_only=True, tag="agent.retired"):
    name: PersonName
    person: PersonName
    reason: Reason


class DelegationGranted(Struct, frozen=True, kw_only=True, tag="delegation.granted"):
    """Until then the delegate may act for the person. It counts as the act of both."""

    person: PersonName
    delegate: PersonName
    until: datetime
    reason: Reason


class DelegationEnded(Struct, frozen=True, kw_only=True, tag="delegation.ended"):
    person: PersonName
    delegate: PersonName
    reason: Reason


class TokenRevoked(Struct, frozen=True, kw_only=True, tag="person.token_revoked"):
    """The token with this key lets nobody in any more."""

    name: PersonName
    key: str
    reason: Reason


LoginEvent: TypeAlias = PrincipalLinked | PrincipalUnlinked
AgentEvent: TypeAlias = AgentRegistered | AgentRetired
DelegationEvent: TypeAlias = DelegationGranted | DelegationEnded
KeyEvent: TypeAlias = TokenIssued | TokenRevoked
PrincipalEvent: TypeAlias = LoginEvent | AgentEvent | DelegationEvent | TokenRevoked


class Login(Struct, frozen=True):
    """Whom a subject stands for now; nobody, if there is no person."""

    version: int = 0
    person: str | None = None
    agent: str | None = None

    def after(self, event: LoginEvent) -> Login:
        match event:
            case PrincipalLinked(person=person, agent=agent):
                return Login(self.version + 1, person, agent or None)
            case PrincipalUnlinked():
                return Login(self.version + 1)
            case _:
                assert_never(event)


class Agent(Struct, frozen=True):
    """Whose agent it is now; nobody's, once it is retired."""

    version: int = 0
    person: str | None = None

    def after(self, event: AgentEvent) -> Agent:
        match event:
            case AgentRegistered(person=person):
                return Agent(self.version + 1, person)
            case AgentRetired():
                return Agent(self.version + 1)
            case _:
                assert_never(event)


class Delegation(Struct, frozen=True):
    """Until when somebody may act for another."""

    version: int = 0
    until: datetime | None = None

    def after(self, event: DelegationEvent) -> Delegation:
        match event:
            case DelegationGranted(until=until):
                return Delegation(self.version + 1, until)
            case DelegationEnded():
                return Delegation(self.version + 1)
            case _:
                assert_never(event)


class KeyScope(Struct, frozen=True):
    """What a key is good for, of what the person may; None narrows nothing."""

    permissions: frozenset[str] | None = None
    queues: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None

    def of(self, permissions: Iterable[Permission], *, is_agent: bool) -> frozenset[Permission]:
        """What of these permissions is left. One may always know what one is."""
        left = frozenset(permissions)
        if self.permissions is not None:
            left &= {*self.permissions, Permission.KNOW_ONESELF}
        return left - NEVER_FOR_AGENTS if is_agent else left


UNRESTRICTED_KEY: Final = KeyScope()
"""All that the person may."""


class Key(Struct, frozen=True):
    """A token, by its key."""

    version: int = 0
    person: str = ""
    key: str = ""
    digest: str = ""
    agent: str | None = None
    scope: KeyScope = UNRESTRICTED_KEY
    expires_at: datetime | None = None
    is_revoked: bool = False

    def after(self, event: KeyEvent) -> Key:
        version = self.version + 1
        match event:
            case TokenIssued():
                return Key(
                    version,
                    person=event.name,
                    key=event.key,
                    digest=event.digest,
                    agent=event.agent or None,
                    scope=key_scope_of(event),
                    expires_at=event.expires_at,
                )
            case TokenRevoked():
                return structs.replace(self, version=version, is_revoked=True)
            case _:
                assert_never(event)


def key_scope_of(issued: TokenIssued) -> KeyScope:
    def told(names: tuple[str, ...] | UnsetType) -> tuple[str, ...] | None:
        return None if isinstance(names, UnsetType) else names

    permissions = told(issued.permissions)
    return KeyScope(
        None if permissions is None else frozenset(permissions),
        told(issued.queues),
        told(issued.regions),
    )


class VerifiedToken(Struct, frozen=True):
    """What an issuer has signed, and we have checked: who is asked for, and through whom."""

    issuer: str
    subject: str
    actors: tuple[str, ...]
    """Who acts for the subject (RFC 8693, `act`), the one that asked first at the front."""
    client: str
    expires_at: datetime
