"""Principals: logins, agents, delegations and keys. Each belongs to one person.

A login at an issuer is linked to a person, or to an agent that a person owns. A person may let another
act as a delegate for a time. Each has its own stream, found from the token's claims, so it is known
as soon as it is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType, structs

from domain.people import PersonName, Reason, TokenIssued
from domain.permissions import NEVER_FOR_AGENTS, Permission
from domain.texts import one_line

PRINCIPALS_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:principals")

IssuerName = Annotated[str, one_line(255, least=1)]
Subject = Annotated[str, one_line(255, least=1)]
Region = Annotated[str, one_line(64, least=1)]


def login_stream(issuer: str, subject: str) -> UUID:
    # The length keeps issuer and subject apart: ("ab", "c") and ("a", "bc") differ.
    return uuid5(PRINCIPALS_NAMESPACE, f"login\n{len(issuer)}\n{issuer}{subject}")


def agent_stream(agent: str) -> UUID:
    return uuid5(PRINCIPALS_NAMESPACE, f"agent\n{agent}")


def delegation_stream(person: str, delegate: str) -> UUID:
    return uuid5(PRINCIPALS_NAMESPACE, f"delegation\n{person}\n{delegate}")


def login_name(issuer: str, subject: str) -> str:
    """The login's name in the trail: short like a key's, and it reveals no subject."""
    content = f"{len(issuer)}\n{issuer}{subject}".encode()
    return f"user:{hashlib.sha256(content).hexdigest()[:12]}"


class PrincipalLinked(Struct, frozen=True, kw_only=True, tag="principal.linked"):
    """The issuer's subject was linked to this person, or to this agent of the person."""

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
    """A program may act for its owner from here on; its acts count as the owner's."""

    name: PersonName
    person: PersonName


class AgentRetired(Struct, frozen=True, kw_only=True, tag="agent.retired"):
    name: PersonName
    person: PersonName
    reason: Reason


class DelegationGranted(Struct, frozen=True, kw_only=True, tag="delegation.granted"):
    """The delegate may act for the person until `until`. Each act counts as both people's."""

    person: PersonName
    delegate: PersonName
    until: datetime
    reason: Reason


class DelegationEnded(Struct, frozen=True, kw_only=True, tag="delegation.ended"):
    person: PersonName
    delegate: PersonName
    reason: Reason


class TokenRevoked(Struct, frozen=True, kw_only=True, tag="person.token_revoked"):
    """The token with this key was revoked: it is refused from here on."""

    name: PersonName
    key: str
    reason: Reason


LoginEvent: TypeAlias = PrincipalLinked | PrincipalUnlinked
AgentEvent: TypeAlias = AgentRegistered | AgentRetired
DelegationEvent: TypeAlias = DelegationGranted | DelegationEnded
KeyEvent: TypeAlias = TokenIssued | TokenRevoked
PrincipalEvent: TypeAlias = LoginEvent | AgentEvent | DelegationEvent | TokenRevoked


class Login(Struct, frozen=True):
    """The person, and perhaps the agent, that a subject is linked to; no person if unlinked."""

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
    """The owner of an agent; None once it is retired."""

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
    """Until when a delegate may act for a person."""

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
    """The limits of a key within its person's authority; None sets no limit."""

    permissions: frozenset[str] | None = None
    queues: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None

    def of(self, permissions: Iterable[Permission], *, is_agent: bool) -> frozenset[Permission]:
        """The permissions that the key keeps of these. `self.read` always stays."""
        left = frozenset(permissions)
        if self.permissions is not None:
            left &= {*self.permissions, Permission.KNOW_ONESELF}
        return left - NEVER_FOR_AGENTS if is_agent else left


UNRESTRICTED_KEY: Final = KeyScope()
"""A key with all of the person's authority."""


class Key(Struct, frozen=True):
    """A token as recorded: its person, limits and state."""

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
    def limit(names: tuple[str, ...] | UnsetType) -> tuple[str, ...] | None:
        return None if isinstance(names, UnsetType) else names

    permissions = limit(issued.permissions)
    return KeyScope(
        None if permissions is None else frozenset(permissions),
        limit(issued.queues),
        limit(issued.regions),
    )


class VerifiedToken(Struct, frozen=True):
    """The claims of a token whose signature was checked: the subject and its actors."""

    issuer: str
    subject: str
    actors: tuple[str, ...]
    """The actors for the subject (RFC 8693, `act`), the first caller first."""
    client: str
    expires_at: datetime
