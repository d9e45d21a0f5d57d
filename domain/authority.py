"""A person's authority: the permissions that the grants give, each within its grant's scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from domain.people import Role
from domain.permissions import (
    NEVER_BY_BREAK_GLASS,
    ROLE_PERMISSIONS,
    SCOPED_PERMISSIONS,
    Permission,
)
from domain.person import Grant, Person
from domain.regions import intersect_regions, is_in_regions


class Scope(Struct, frozen=True):
    """Where a grant applies; None means all. `under` names the break-glass that gave the grant."""

    queues: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    case: UUID | None = None
    under: str | None = None

    @property
    def is_everything(self) -> bool:
        return self.queues is None and self.regions is None and self.case is None

    def has_queue(self, queue: str) -> bool:
        """Whether it covers any cases of the queue."""
        return self.case is None and (self.queues is None or queue in self.queues)

    def has_region(self, region: str | None) -> bool:
        """Whether it covers the region. An unknown region is in no scope that names regions."""
        return self.regions is None or (region is not None and is_in_regions(region, self.regions))

    def covers(self, queue: str, region: str | None, case: UUID | None = None) -> bool:
        return (
            (self.queues is None or queue in self.queues)
            and self.has_region(region)
            and (self.case is None or self.case == case)
        )

    def within(self, other: Scope) -> Scope | None:
        """The intersection of both scopes; None if it is empty."""
        if self.case is not None and other.case is not None and self.case != other.case:
            return None
        queues = self.queues if other.queues is None else other.queues
        if self.queues is not None and other.queues is not None:
            queues = self.queues & other.queues
        regions = self.regions if other.regions is None else other.regions
        if self.regions is not None and other.regions is not None:
            regions = intersect_regions(self.regions, other.regions)
        if queues == frozenset() or regions == frozenset():
            return None
        return Scope(queues, regions, self.case or other.case, self.under or other.under)


UNRESTRICTED_SCOPE: Final = Scope()


class Authority(Struct, frozen=True):
    """What a person may do, and where. Computed once from the grants, read on every request."""

    everywhere: frozenset[Permission]
    """Permissions that no scope limits."""
    scoped: Mapping[Permission, tuple[Scope, ...]] = {}
    """The scopes of the other permissions, those of a break-glass last."""
    permissions: frozenset[Permission] = frozenset()
    """The permissions that apply in at least one scope."""
    grants: tuple[Grant, ...] = ()
    partial: frozenset[Permission] = frozenset()
    """Permissions of a role that a grant with a scope does not give."""
    until: datetime | None = None
    """When the first grant ends: the authority must then be computed again."""

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(dict.fromkeys(grant.role for grant in self.grants))

    def roles_over(
        self, permission: Permission, queue: str, region: str | None, case: UUID | None = None
    ) -> frozenset[Role]:
        """The roles that give the permission there. Limits set by role are theirs."""
        if not self.covers(permission, queue, region, case):
            return frozenset()
        return frozenset(
            grant.role
            for grant in self.grants
            if permission in permissions_of_grant(grant)
            and scope_of(grant).covers(queue, region, case)
        )

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def covers(
        self, permission: Permission, queue: str, region: str | None, case: UUID | None = None
    ) -> bool:
        """Whether the permission covers a case of this queue and region."""
        return permission in self.everywhere or any(
            scope.covers(queue, region, case) for scope in self.scoped.get(permission, ())
        )

    def scope_over(
        self, permission: Permission, queue: str, region: str | None, case: UUID | None = None
    ) -> Scope | None:
        """The scope that covers the case; one of a break-glass only if no other does."""
        if permission in self.everywhere:
            return UNRESTRICTED_SCOPE
        scopes = self.scoped.get(permission, ())
        return next((scope for scope in scopes if scope.covers(queue, region, case)), None)

    def scopes(self, permission: Permission) -> tuple[Scope, ...]:
        """The scopes of the permission; empty if it is not given."""
        return (
            (UNRESTRICTED_SCOPE,)
            if permission in self.everywhere
            else self.scoped.get(permission, ())
        )

    def has_queue(self, permission: Permission, queue: str) -> bool:
        """Whether the permission covers any of the queue's cases."""
        return any(scope.has_queue(queue) for scope in self.scopes(permission))

    def has_whole_queue(self, permission: Permission, queue: str) -> bool:
        """Whether the permission covers all of the queue's cases."""
        return self.scope_over_whole_queue(permission, queue) is not None

    def scope_over_whole_queue(self, permission: Permission, queue: str) -> Scope | None:
        """The scope that covers all of the queue's cases; None if none does."""
        scopes = self.scopes(permission)
        return next((s for s in scopes if s.has_queue(queue) and s.regions is None), None)

    def has_region(self, permission: Permission, region: str | None) -> bool:
        """Whether the permission covers all orders that ship to the region."""
        return any(
            scope.has_region(region) for scope in self.scopes(permission) if scope.case is None
        )

    def within(self, scope: Scope, permissions: Iterable[Permission] | None = None) -> Authority:
        """The part of the authority in a narrower scope: what a key may do for its owner."""
        kept = self.permissions if permissions is None else self.permissions & {*permissions}
        given = {
            permission: tuple(
                both for own in self.scopes(permission) if (both := own.within(scope)) is not None
            )
            for permission in kept
        }
        return _build_authority(given, self.grants, self.until)


def _build_authority(
    given: Mapping[Permission, tuple[Scope, ...]], grants: tuple[Grant, ...], until: datetime | None
) -> Authority:
    everywhere: set[Permission] = set()
    scoped: dict[Permission, tuple[Scope, ...]] = {}
    partial: set[Permission] = set()
    for permission, scopes in given.items():
        if any(scope.is_everything and scope.under is None for scope in scopes):
            everywhere.add(permission)
        elif scopes and permission not in SCOPED_PERMISSIONS:
            partial.add(permission)
        elif scopes:
            scoped[permission] = tuple(sorted(scopes, key=lambda scope: scope.under is not None))
    may = frozenset(everywhere) | scoped.keys()
    return Authority(frozenset(everywhere), scoped, may, grants, frozenset(partial), until)


def scope_of(grant: Grant) -> Scope:
    return Scope(
        frozenset(grant.queues) or None, frozenset(grant.regions) or None, grant.case, grant.under
    )


def permissions_of_grant(grant: Grant) -> frozenset[Permission]:
    """The permissions of a grant in its scope. A break-glass never allows payments."""
    given = ROLE_PERMISSIONS[grant.role]
    return given if grant.under is None else given - NEVER_BY_BREAK_GLASS


def authority_of(grants: Iterable[Grant]) -> Authority:
    """The authority that these grants give; all of them must be active."""
    grants = tuple(grants)
    given: dict[Permission, tuple[Scope, ...]] = {}
    for grant in grants:
        scope = scope_of(grant)
        for permission in permissions_of_grant(grant):
            given[permission] = (*given.get(permission, ()), scope)
    ends = [grant.until for grant in grants if grant.until is not None]
    return _build_authority(given, grants, min(ends, default=None))


def find_without_grant(
    people: Mapping[str, Person | None], by: str, now: datetime, covers: Callable[[Authority], bool]
) -> str | None:
    """The first of the people behind an act of the person `by` who may not take part in it now.

    `people` has None for a name that the log does not have.
    The person needs a grant that `covers` the act. A delegate acts with the permissions of that person, and
    must not have left.
    """
    for name, person in people.items():
        if person is None or person.has_left:
            return name
        if name == by and not covers(authority_of(person.at(now))):
            return name
    return None


NO_AUTHORITY: Final = authority_of(())
FULL_AUTHORITY: Final = Authority(frozenset(Permission), permissions=frozenset(Permission))
"""The authority of no person: for replays and for the service's own acts."""
