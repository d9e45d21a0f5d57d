"""Finds acts of persons who had left, and acts with an ended key, login, agent or delegation."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import LogScan
from application.cases.trail import fill_from_line
from application.policy.reperformance import Period
from domain import principals
from domain.people import PersonAdded, PersonLeft, PersonReturned, TokenIssued
from domain.recorded_event import RecordedEvent

SYSTEM_PREFIX: Final = "system:"


class EndedAuthority(Struct, frozen=True):
    what: str
    """The person who left, or what was revoked or expired: `ana`, `key:…`, `agent:…`, `delegate:…`."""
    how: str
    at: datetime
    position: int | None
    """The position of the end in the log; None for what expired."""


class ActAfterLeaving(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    type: str
    stream: UUID
    order: str | None
    shop: str | None
    who: str
    persons: Sequence[str]
    principal: str
    ended: EndedAuthority
    seconds_after: float


class ActsAfterLeaving(Struct, frozen=True, kw_only=True):
    """The acts must be empty."""

    left: int
    """How many people had left by the end of the period; `taken_back` counts keys, logins, agents and
    delegations that ended."""
    taken_back: int
    who_left: Sequence[str]
    acts: Sequence[ActAfterLeaving]


def find_acts_after_leaving(scan: LogScan, period: Period) -> ActsAfterLeaving:
    """Find the acts of the period. The order of the log counts, not the times: an act that was recorded
    before the end is fine."""
    ends = AuthorityEndScan(period)
    scan.feed(ends)
    return ActsAfterLeaving(
        left=ends.left, taken_back=ends.taken_back, who_left=ends.who_left, acts=ends.acts
    )


class AuthorityEndScan:
    def __init__(self, period: Period) -> None:
        self._period = period
        self._names: dict[UUID, str] = {}
        self._ended: dict[str, EndedAuthority] = {}
        self._until: dict[str, datetime] = {}
        self.acts: list[ActAfterLeaving] = []

    @property
    def left(self) -> int:
        return sum(ended.how == "left" for ended in self._ended_by_then())

    @property
    def taken_back(self) -> int:
        return len(self._ended_by_then()) - self.left

    @property
    def who_left(self) -> list[str]:
        return sorted(ended.what for ended in self._ended_by_then() if ended.how == "left")

    def _ended_by_then(self) -> list[EndedAuthority]:
        """What ended before the end of the period."""
        until = self._period.until
        return [x for x in self._ended.values() if until is None or x.at < until]

    def take(self, line: RecordedEvent) -> None:
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
                self._start_authority(f"key:{key}", expires_at)
            case principals.TokenRevoked(key=key):
                self._end(line, f"key:{key}", "revoked")
            case principals.PrincipalLinked(issuer=issuer, subject=subject):
                self._start_authority(principals.login_name(issuer, subject), None)
            case principals.PrincipalUnlinked(issuer=issuer, subject=subject):
                self._end(line, principals.login_name(issuer, subject), "unlinked")
            case principals.AgentRegistered(name=name):
                self._start_authority(f"agent:{name}", None)
            case principals.AgentRetired(name=name):
                self._end(line, f"agent:{name}", "retired")
            case principals.DelegationGranted(person=person, delegate=delegate, until=until):
                self._start_authority(f"delegate:{delegate} for {person}", until)
            case principals.DelegationEnded(person=person, delegate=delegate):
                self._end(line, f"delegate:{delegate} for {person}", "ended")

    def _start_authority(self, what: str, until: datetime | None) -> None:
        self._ended.pop(what, None)
        self._until.pop(what, None)
        if until is not None:
            self._until[what] = until

    def _end(self, line: RecordedEvent, what: str, how: str) -> None:
        self._ended[what] = EndedAuthority(what, how, line.recorded_at, line.position)

    def _acts(self, line: RecordedEvent) -> Iterator[ActAfterLeaving]:
        for what in _acting_names(line):
            ended = self._ended.get(what)
            until = self._until.get(what)
            if ended is None and until is not None and until <= line.recorded_at:
                ended = EndedAuthority(what, "ran out", until, None)
            if ended is not None:
                seconds = (line.recorded_at - ended.at).total_seconds()
                yield fill_from_line(ActAfterLeaving, line, ended=ended, seconds_after=seconds)


def _acting_names(line: RecordedEvent) -> Iterator[str]:
    """The persons, key or login, agents and delegate of the act."""
    actor = line.actor
    yield from actor.persons
    if not actor.principal.startswith(SYSTEM_PREFIX):
        yield actor.principal
    for agent in actor.via:
        yield f"agent:{agent}"
    if actor.delegate is not None:
        yield f"delegate:{actor.delegate} for {actor.person}"
