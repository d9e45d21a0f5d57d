"""People and their tokens. Authority comes with their roles; here they are only known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.event_log import EventLog, Write
from application.log_recorder import VersionTaken
from application.repository import Repository
from application.streams import PERSON
from domain.errors import Invalid, PersonExists, PersonNotFound
from domain.faults import faults_of
from domain.people import (
    OPERATOR,
    Person,
    PersonAdded,
    PersonName,
    Role,
    TokenIssued,
    person_stream,
    token_stream,
)
from domain.policy.parts import Name
from domain.recorded import Event

TOKEN_PREFIX = "ct_"


def token_digest(token: str) -> str:
    """What is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class Holder(Struct, frozen=True):
    """Who holds a token, and until when."""

    person: Person
    key: str
    expires_at: datetime | None


class PeopleDesk:
    def __init__(self, log: EventLog, people: Repository[Person]) -> None:
        self._log = log
        self._people = people

    def known(self, name: str) -> Person | None:
        stream = person_stream(name)
        return self._people.current([stream]).get(stream)

    def holder(self, digest: str) -> Holder | None:
        """Who holds the token with this digest, from the log itself; None if nobody does."""
        for line in self._log.trail(token_stream(digest)):
            if isinstance(line.event, TokenIssued) and line.event.digest == digest:
                person = self.known(line.event.name)
                if person is not None:
                    return Holder(person, line.event.key, line.event.expires_at)
        return None

    def add(
        self, name: str, roles: Sequence[Role], now: datetime, skills: Sequence[str] = ()
    ) -> None:
        """Raises Invalid for what cannot be a name or a skill, PersonExists."""
        faults = faults_of(name, PersonName)
        faults += [fault for skill in skills for fault in faults_of(skill, Name)]
        if faults:
            raise Invalid(faults, "the person")
        if self.known(name) is not None:
            raise PersonExists(f"{name} is there already")
        try:
            added = PersonAdded(name=name, roles=tuple(roles), skills=tuple(skills))
            self._append(person_stream(name), added, now)
        except VersionTaken:
            raise PersonExists(f"{name} was added just now") from None

    def issue_token(self, name: str, now: datetime, expires_at: datetime | None = None) -> str:
        """A new token, shown this once. Raises PersonNotFound."""
        if self.known(name) is None:
            raise PersonNotFound(f"no person {name}")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        digest = token_digest(token)
        issued = TokenIssued(name=name, key=digest[:12], digest=digest, expires_at=expires_at)
        self._append(token_stream(digest), issued, now)
        return token

    def _append(self, stream: UUID, event: Event, now: datetime) -> None:
        self._log.append(
            [
                Write(
                    stream=stream,
                    kind=PERSON,
                    expected=0,
                    events=[(OPERATOR, event)],
                    recorded_at=now,
                    cause="command:people",
                )
            ]
        )
