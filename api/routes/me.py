"""The person behind a request, and the person's permissions."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.service import ServiceDependency
from api.routes.people import GrantView, grant_view
from domain.people import Role
from domain.permissions import Permission
from domain.principals import UNRESTRICTED_KEY, KeyScope


class KeyLimits(Struct, frozen=True):
    """The limits of a key. Null: no limit."""

    permissions: Sequence[str] | None
    queues: Sequence[str] | None
    regions: Sequence[str] | None


class Me(Struct, frozen=True):
    person: str
    principal: str
    """The key (`key:…`) or login (`user:…`) of the request."""
    roles: Sequence[Role]
    skills: Sequence[str]
    """Claim-next offers cases that need one of these; empty: all cases."""
    permissions: Sequence[Permission]
    """With this principal, in any scope; `grants` list the scopes."""
    grants: Sequence[GrantView]
    agents: Sequence[str] = ()
    """The person's agents that the request came through, the first one first."""
    delegate: str | None = None
    """The person who acts on behalf of this person."""
    key_scope: KeyLimits | None = None
    """The limits of the key; null if it has all permissions of the person."""
    expires_at: datetime | None = None
    """When this principal, or one of its grants, expires."""


@get("/me", needs=Permission.KNOW_ONESELF, summary="Get yourself")
def get_me(request: AuthenticatedRequest, service: ServiceDependency) -> Me:
    """Your person, roles and permissions, as this token has them."""
    who, now = request.user, service.desks.clock()
    return Me(
        person=who.person,
        principal=who.actor.principal,
        roles=who.roles,
        skills=who.skills,
        permissions=sorted(who.permissions),
        grants=[grant_view(grant, grant.status(now)) for grant in who.authority.grants],
        agents=who.actor.via,
        delegate=who.actor.delegate,
        key_scope=_key_limits(who.key_scope),
        expires_at=who.expires_at,
    )


def _key_limits(scope: KeyScope) -> KeyLimits | None:
    if scope == UNRESTRICTED_KEY:
        return None
    permissions = None if scope.permissions is None else sorted(scope.permissions)
    return KeyLimits(permissions, scope.queues, scope.regions)
