"""Access review as of a date: each person's grants, keys, logins, agents and delegates, and their last acts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.audit.access_review_control import ReviewsOfAccess, find_reviews
from application.audit.log_scan import LogScan
from application.audit.persons import load_persons
from application.audit.refused_requests import RefusedCounts
from application.cases.trail import describe_actor
from domain.authority import authority_of
from domain.identities import IdentityEndEvent, IdentityKind, IdentityStart, identity_started_by
from domain.people import Role
from domain.permissions import Permission
from domain.person import Grant, GrantStatus, Person
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill


class LastAct(Struct, frozen=True):
    position: int
    at: datetime
    type: str


class HeldGrant(Struct, frozen=True, kw_only=True):
    grant: str
    role: Role
    queues: Sequence[str]
    """Empty means all queues."""
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
    status: GrantStatus
    """`unconfirmed`: it takes two people, and one gave it alone, as the operator or before two were needed."""
    confirmed_by: str | None
    confirmed_at: datetime | None
    void_for: str | None
    unconfirmed_for: str | None
    """Why its confirmation does not count."""


class HeldIdentity(Struct, frozen=True, kw_only=True):
    """A key, login or agent of the person, or a delegate who may act for the person."""

    kind: IdentityKind
    name: str
    """Its name in the log."""
    agent: str | None
    """The agent of the key or login, if it belongs to one."""
    permissions: Sequence[str] | None
    """The permissions that a key is limited to; null is no limit, here and in the next two."""
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
    means: Sequence[HeldIdentity]
    last_act: LastAct | None
    refused_requests: int
    """Requests that were refused by permission or scope."""
    last_refused_at: datetime | None


class AccessReview(Struct, frozen=True, kw_only=True):
    as_of: datetime
    people: Sequence[HeldAccess]
    reviews: ReviewsOfAccess
    """The periodic reviews of all grants, and what is overdue."""


def review_access(scan: LogScan, as_of: datetime) -> AccessReview:
    """Review the access of everybody, by what was recorded until then."""
    means, acts, refused = KnownIdentities(as_of), _LastActs(as_of), RefusedCounts(as_of)
    scan.feed(means, acts, refused)
    by_person: dict[str, list[_IdentityRecord]] = {}
    for identity in means.all_of_them:
        by_person.setdefault(identity.begun.person, []).append(identity)
    return AccessReview(
        as_of=as_of,
        people=[
            _held_access(person, by_person.get(person.name, ()), acts, refused, as_of)
            for person in load_persons(scan, as_of).people
        ],
        reviews=find_reviews(scan, as_of),
    )


class _IdentityRecord:
    """A key, login, agent or delegation, and its end."""

    def __init__(self, begun: IdentityStart, line: RecordedEvent) -> None:
        self.begun = begun
        self.line = line
        self.ended: RecordedEvent | None = None
        self.ended_for: str | None = None

    def end(self, line: RecordedEvent, why: str) -> None:
        self.ended, self.ended_for = line, why

    def lives(self, at: datetime) -> bool:
        until = self.begun.until
        return self.ended is None and (until is None or at < until)


class KnownIdentities:
    """The keys, logins, agents and delegations recorded until a time; None is until now."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._living: dict[UUID, _IdentityRecord] = {}
        self.all_of_them: list[_IdentityRecord] = []

    def take(self, line: RecordedEvent) -> None:
        if self._at is not None and line.recorded_at > self._at:
            return
        if (begun := identity_started_by(line)) is not None:
            if (before := self._living.get(begun.stream)) is not None:
                before.end(line, "It was issued again.")
            self._living[begun.stream] = _IdentityRecord(begun, line)
            self.all_of_them.append(self._living[begun.stream])
        elif (
            isinstance(line.event, IdentityEndEvent)
            and (held := self._living.pop(line.stream, None)) is not None
        ):
            held.end(line, line.event.reason)


class _LastActs:
    """The last act of each person, principal, agent and delegate."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._last: dict[str, LastAct] = {}

    def take(self, line: RecordedEvent) -> None:
        if line.recorded_at > self._at:
            return
        actor = line.actor
        act = LastAct(line.position, line.recorded_at, line.type)
        for name in (actor.principal, *actor.persons):
            self._last[name] = act
        for agent in actor.via:
            self._last[f"{IdentityKind.AGENT}:{agent}"] = act
        if actor.delegate is not None:
            self._last[f"{IdentityKind.DELEGATE}:{actor.person}:{actor.delegate}"] = act

    def of(self, name: str) -> LastAct | None:
        return self._last.get(name)

    def by(self, begun: IdentityStart) -> LastAct | None:
        match begun.kind:
            case IdentityKind.AGENT:
                return self.of(f"{IdentityKind.AGENT}:{begun.name}")
            case IdentityKind.DELEGATE:
                return self.of(f"{IdentityKind.DELEGATE}:{begun.person}:{begun.name}")
            case _:
                return self.of(begun.name)


def _held_access(
    person: Person,
    means: Sequence[_IdentityRecord],
    acts: _LastActs,
    refused: RefusedCounts,
    at: datetime,
) -> HeldAccess:
    authority = authority_of(person.at(at))
    return fill(
        HeldAccess,
        authority,
        person,
        person=person.name,
        known_as=sorted(person.known_as),
        permissions=sorted(authority.permissions),
        grants=[_held_grant(grant, person.status_of(grant, at)) for grant in person.grants],
        means=[_held_identity(identity, acts, at) for identity in means],
        last_act=acts.of(person.name),
        refused_requests=refused.counts.get(person.name, 0),
        last_refused_at=refused.last.get(person.name),
    )


def _held_grant(grant: Grant, status: GrantStatus) -> HeldGrant:
    return fill(
        HeldGrant,
        grant,
        since=grant.granted_at,
        given_by=describe_actor(grant.granted_by),
        ended_at=grant.revoked_at,
        ended_by=describe_actor(grant.revoked_by) if grant.revoked_by is not None else None,
        ended_for=grant.revoked_for,
        lives=status in (GrantStatus.ACTIVE, GrantStatus.UNCONFIRMED),
        status=status,
        confirmed_by=describe_actor(grant.confirmed_by) if grant.confirmed_by is not None else None,
    )


def _held_identity(identity: _IdentityRecord, acts: _LastActs, at: datetime) -> HeldIdentity:
    begun, scope, ended = identity.begun, identity.begun.scope, identity.ended
    return fill(
        HeldIdentity,
        begun,
        scope,
        permissions=None if scope.permissions is None else sorted(scope.permissions),
        since=identity.line.recorded_at,
        given_by=describe_actor(identity.line.actor),
        ended_at=ended.recorded_at if ended is not None else None,
        ended_by=describe_actor(ended.actor) if ended is not None else None,
        ended_for=identity.ended_for,
        lives=identity.lives(at),
        last_act=acts.by(begun),
    )
