"""People and their tokens. Authority comes with their roles; here they are only known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from application.event_log import EventLog, Write
from application.log_recorder import VersionTaken
from application.repository import Repository
from application.streams import PERSON
from domain.errors import Invalid, PersonExists, PersonNotFound
from domain.faults import faults_of
from domain.people import (
    OPERATOR,
    Actor,
    Person,
    PersonAdded,
    PersonName,
    Role,
    TokenIssued,
    person_stream,
    token_stream,
)
from domain.policy.parts import Name
from domain.principals import WHOLE, KeyScope
from domain.recorded import Event

TOKEN_PREFIX = "ct_"


def token_digest(token: str) -> str:
    """What is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class PeopleDesk:
    def __init__(self, log: EventLog, people: Repository[Person]) -> None:
        self._log = log
        self._people = people

    def known(self, name: str) -> Person | None:
        stream = person_stream(name)
        return self._people.current([stream]).get(stream)

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

    def issue_token(
        self,
        name: str,
        now: datetime,
        expires_at: datetime | None = None,
        *,
        agent: str | None = None,
        scope: KeyScope = WHOLE,
        by: Actor = OPERATOR,
    ) -> str:
        """A new token, shown this once. Raises PersonNotFound."""
        if self.known(name) is None:
            raise PersonNotFound(f"no person {name}")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        digest = token_digest(token)
        issued = TokenIssued(
            name=name,
            key=digest[:12],
            digest=digest,
            expires_at=expires_at,
            agent=UNSET if agent is None else agent,
            permissions=UNSET if scope.permissions is None else tuple(sorted(scope.permissions)),
            queues=UNSET if scope.queues is None else scope.queues,
            regions=UNSET if scope.regions is None else scope.regions,
        )
        self._append(token_stream(digest), issued, now, by)
        return token

    def _append(self, stream: UUID, event: Event, now: datetime, by: Actor = OPERATOR) -> None:
        self._log.append(
            [
                Write(
                    stream=stream,
                    kind=PERSON,
                    expected=0,
                    events=[(by, event)],
                    recorded_at=now,
                    cause="command:people",
                )
            ]
        )
