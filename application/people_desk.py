"""People and their tokens. Authority comes with their roles; here they are only known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from application.event_log import EventLog, Write
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
)
from domain.recorded import Event

TOKEN_PREFIX = "ct_"


def token_digest(token: str) -> str:
    """What is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class PeopleDesk:
    def __init__(self, log: EventLog, people: Repository[Person]) -> None:
        self._log = log
        self._people = people

    def known(self, name: str) -> bool:
        return bool(self._people.current([person_stream(name)]))

    def add(self, name: str, roles: Sequence[Role], now: datetime) -> None:
        """Raises Invalid for what cannot be a name, PersonExists."""
        if faults := faults_of(name, PersonName):
            raise Invalid(faults, "the name")
        if self.known(name):
            raise PersonExists(f"{name} is there already")
        self._append(name, 0, PersonAdded(name=name, roles=tuple(roles)), now)

    def issue_token(self, name: str, now: datetime, expires_at: datetime | None = None) -> str:
        """A new token, shown this once. Raises PersonNotFound."""
        person = self._people.current([person_stream(name)]).get(person_stream(name))
        if person is None:
            raise PersonNotFound(f"no person {name}")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        digest = token_digest(token)
        issued = TokenIssued(key=digest[:12], digest=digest, expires_at=expires_at)
        self._append(name, person.version, issued, now)
        return token

    def _append(self, name: str, expected: int, event: Event, now: datetime) -> None:
        self._log.append(
            [
                Write(
                    stream=person_stream(name),
                    kind=PERSON,
                    expected=expected,
                    events=[(OPERATOR, event)],
                    recorded_at=now,
                    cause="command:people",
                )
            ]
        )
