"""What was done in the name of somebody who had left, or by a key, login, agent or delegate that was no
longer good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import Reading
from application.cases.trail import who
from application.policy.reperformance import Period
from domain.people import PersonAdded, PersonLeft, PersonReturned, TokenIssued
from domain.principals import (
    AgentRegistered,
    AgentRetired,
    DelegationEnded,
    DelegationGranted,
    PrincipalLinked,
    PrincipalUnlinked,
    TokenRevoked,
    login_name,
)
from domain.recorded import Recorded

SYSTEM: Final = "system:"


class Ended(Struct, frozen=True):
    what: str
    """Whoever left, or what was taken back or ran out: `ana`, `key:…`, `agent:…`, `delegate:…`."""
    how: str
    at: datetime
    position: int | None
    """Where it was recorded; None for what ran out by itself."""


class ActAfterTheEnd(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    type: str
    stream: UUID
    order: str | None
    who: str
    persons: Sequence[str]
    principal: str
    ended: Ended
    seconds_after: float


class AfterTheEnd(Struct, frozen=True, kw_only=True):
    """Must be empty."""

    left: int
    """How many people had left by the end of it, and how many means were taken back."""
    taken_back: int
    acts: Sequence[ActAfterTheEnd]


def after_the_end(reading: Reading, period: Period) -> AfterTheEnd:
    """Of what was recorded in the period, in the order of the log: what stands before the end in it was
    done before, whatever its time says."""
    ends = Ends(period)
    reading.through(ends)
    return AfterTheEnd(left=ends.left, taken_back=ends.taken_back, acts=ends.acts)


class Ends:
    def __init__(self, period: Period) -> None:
        self._period = period
        self._names: dict[UUID, str] = {}
        self._ended: dict[str, Ended] = {}
        self._until: dict[str, datetime] = {}
        self.acts: list[ActAfterTheEnd] = []

    @property
    def left(self) -> int:
        return sum(one.how == "left" for one in self._ended.values())

    @property
    def taken_back(self) -> int:
        return len(self._ended) - self.left

    def take(self, line: Recorded) -> None:
        if self._period.holds(line.recorded_at):
            self.acts += self._acts(line)
        match line.event:
            case PersonAdded(name=name):
                self._names[line.stream] = name
            case PersonLeft():
                self._end(line, self._names.get(line.stream, ""), "left")
            case PersonReturned():
                self._ended.pop(self._names.get(line.stream, ""), None)
            case TokenIssued(key=key, expires_at=expires_at):
                self._begin(f"key:{key}", expires_at)
            case TokenRevoked(key=key):
                self._end(line, f"key:{key}", "revoked")
            case PrincipalLinked(issuer=issuer, subject=subject):
                self._begin(login_name(issuer, subject), None)
            case PrincipalUnlinked(issuer=issuer, subject=subject):
                self._end(line, login_name(issuer, subject), "unlinked")
            case AgentRegistered(name=name):
                self._begin(f"agent:{name}", None)
            case AgentRetired(name=name):
                self._end(line, f"agent:{name}", "retired")
            case DelegationGranted(person=person, delegate=delegate, until=until):
                self._begin(f"delegate:{delegate} for {person}", until)
            case DelegationEnded(person=person, delegate=delegate):
                self._end(line, f"delegate:{delegate} for {person}", "ended")
            case _:
                pass

    def _begin(self, what: str, until: datetime | None) -> None:
        self._ended.pop(what, None)
        self._until.pop(what, None)
        if until is not None:
            self._until[what] = until

    def _end(self, line: Recorded, what: str, how: str) -> None:
        self._ended[what] = Ended(what, how, line.recorded_at, line.position)

    def _acts(self, line: Recorded) -> Iterator[ActAfterTheEnd]:
        for what in _by(line):
            ended = self._ended.get(what)
            until = self._until.get(what)
            if ended is None and until is not None and until <= line.recorded_at:
                ended = Ended(what, "ran out", until, None)
            if ended is not None:
                yield ActAfterTheEnd(
                    position=line.position,
                    recorded_at=line.recorded_at,
                    type=line.type,
                    stream=line.stream,
                    order=line.order,
                    who=who(line.actor),
                    persons=line.actor.persons,
                    principal=line.actor.principal,
                    ended=ended,
                    seconds_after=(line.recorded_at - ended.at).total_seconds(),
                )


def _by(line: Recorded) -> Iterator[str]:
    """Everybody and everything whose act it is."""
    actor = line.actor
    yield from actor.persons
    if not actor.principal.startswith(SYSTEM):
        yield actor.principal
    for agent in actor.via:
        yield f"agent:{agent}"
    if actor.delegate is not None:
        yield f"delegate:{actor.delegate} for {actor.person}"
