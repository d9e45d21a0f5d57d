"""Who might do what as of a date: everybody with grants and who gave them, keys, logins, agents, whoever
may act for them, and what they did last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import Reading
from application.audit.persons import everybody
from application.cases.trail import who
from domain.authority import authority_of
from domain.identities import Means, MeansBegun, MeansEnded, begun_by
from domain.people import Grant, Person, Role
from domain.permissions import Permission
from domain.recorded import Recorded


class LastAct(Struct, frozen=True):
    position: int
    at: datetime
    type: str


class HeldGrant(Struct, frozen=True, kw_only=True):
    grant: str
    role: Role
    queues: Sequence[str]
    """Without any, all of them."""
    regions: Sequence[str]
    case: UUID | None
    since: datetime
    given_by: str
    reason: str | None
    until: datetime | None
    under: str | None
    ended_at: datetime | None
    ended_by: str | None
    ended_for: str | None
    lives: bool


class HeldMeans(Struct, frozen=True, kw_only=True):
    """A key, login or agent of the person, or somebody who may act for the person."""

    kind: Means
    name: str
    """As the trail names it."""
    agent: str | None
    """Whose key or login it is, where an agent's."""
    permissions: Sequence[str] | None
    """What a key is good for, of what the person may; null narrows nothing, here and below."""
    queues: Sequence[str] | None
    regions: Sequence[str] | None
    since: datetime
    given_by: str
    reason: str | None
    until: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_for: str | None
    lives: bool
    last_act: LastAct | None


class HeldAccess(Struct, frozen=True, kw_only=True):
    person: str
    known_as: Sequence[str]
    added_at: datetime | None
    left_at: datetime | None
    left_for: str | None
    roles: Sequence[Role]
    permissions: Sequence[Permission]
    grants: Sequence[HeldGrant]
    means: Sequence[HeldMeans]
    last_act: LastAct | None


class AccessReview(Struct, frozen=True, kw_only=True):
    as_of: datetime
    people: Sequence[HeldAccess]


def access(reading: Reading, as_of: datetime) -> AccessReview:
    """By what was recorded until then."""
    means, acts = Known(as_of), _Acts(as_of)
    reading.through(means, acts)
    by_person: dict[str, list[_Held]] = {}
    for one in means.all_of_them:
        by_person.setdefault(one.begun.person, []).append(one)
    return AccessReview(
        as_of=as_of,
        people=[
            _access(person, by_person.get(person.name, ()), acts, as_of)
            for person in everybody(reading, as_of).people
        ],
    )


class _Held:
    """Something by which somebody comes in or acts, and what became of it."""

    def __init__(self, begun: MeansBegun, line: Recorded) -> None:
        self.begun = begun
        self.line = line
        self.ended: Recorded | None = None
        self.ended_for: str | None = None

    def end(self, line: Recorded, why: str) -> None:
        self.ended, self.ended_for = line, why

    def lives(self, at: datetime) -> bool:
        until = self.begun.until
        return self.ended is None and (until is None or at < until)


class Known:
    """By what people come in or act, as it was recorded until a time; None: until now."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._living: dict[UUID, _Held] = {}
        self.all_of_them: list[_Held] = []

    def take(self, line: Recorded) -> None:
        if self._at is not None and line.recorded_at > self._at:
            return
        if (begun := begun_by(line)) is not None:
            if (before := self._living.get(begun.stream)) is not None:
                before.end(line, "It was given anew.")
            self._living[begun.stream] = _Held(begun, line)
            self.all_of_them.append(self._living[begun.stream])
        elif (
            isinstance(line.event, MeansEnded)
            and (held := self._living.pop(line.stream, None)) is not None
        ):
            held.end(line, line.event.reason)


class _Acts:
    """What each person, and each principal, agent and delegate, did last."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._last: dict[str, LastAct] = {}

    def take(self, line: Recorded) -> None:
        if line.recorded_at > self._at:
            return
        actor = line.actor
        act = LastAct(line.position, line.recorded_at, line.type)
        for name in (actor.principal, *actor.persons):
            self._last[name] = act
        for agent in actor.via:
            self._last[f"{Means.AGENT}:{agent}"] = act
        if actor.delegate is not None:
            self._last[f"{Means.DELEGATE}:{actor.person}:{actor.delegate}"] = act

    def of(self, name: str) -> LastAct | None:
        return self._last.get(name)

    def by(self, begun: MeansBegun) -> LastAct | None:
        match begun.kind:
            case Means.AGENT:
                return self.of(f"{Means.AGENT}:{begun.name}")
            case Means.DELEGATE:
                return self.of(f"{Means.DELEGATE}:{begun.person}:{begun.name}")
            case _:
                return self.of(begun.name)


def _access(person: Person, means: Sequence[_Held], acts: _Acts, at: datetime) -> HeldAccess:
    living = person.at(at)
    authority = authority_of(living)
    return HeldAccess(
        person=person.name,
        known_as=sorted(person.known_as),
        added_at=person.added_at,
        left_at=person.left_at,
        left_for=person.left_for,
        roles=authority.roles,
        permissions=sorted(authority.permissions),
        grants=[_grant(grant, grant in living) for grant in person.grants],
        means=[_means(one, acts, at) for one in means],
        last_act=acts.of(person.name),
    )


def _grant(grant: Grant, lives: bool) -> HeldGrant:
    return HeldGrant(
        grant=grant.grant,
        role=grant.role,
        queues=grant.queues,
        regions=grant.regions,
        case=grant.case,
        since=grant.granted_at,
        given_by=who(grant.granted_by),
        reason=grant.reason,
        until=grant.until,
        under=grant.under,
        ended_at=grant.revoked_at,
        ended_by=who(grant.revoked_by) if grant.revoked_by is not None else None,
        ended_for=grant.revoked_for,
        lives=lives,
    )


def _means(one: _Held, acts: _Acts, at: datetime) -> HeldMeans:
    begun, scope = one.begun, one.begun.scope
    return HeldMeans(
        kind=begun.kind,
        name=begun.name,
        agent=begun.agent,
        permissions=None if scope.permissions is None else sorted(scope.permissions),
        queues=scope.queues,
        regions=scope.regions,
        since=one.line.recorded_at,
        given_by=who(one.line.actor),
        reason=begun.reason,
        until=begun.until,
        ended_at=one.ended.recorded_at if one.ended is not None else None,
        ended_by=who(one.ended.actor) if one.ended is not None else None,
        ended_for=one.ended_for,
        lives=one.lives(at),
        last_act=acts.by(begun),
    )
