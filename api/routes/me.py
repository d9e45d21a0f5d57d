"""Who I am, and what I may do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from litestar import Request
from msgspec import Struct

from api.http.authentication import Who
from api.http.concurrency import get
from api.routes.people import GrantView, grant_view
from domain.people import Role
from domain.permissions import Permission
from domain.principals import WHOLE, KeyScope


class Reach(Struct, frozen=True):
    """Of what the person may. What is null narrows nothing."""

    permissions: Sequence[str] | None
    queues: Sequence[str] | None
    regions: Sequence[str] | None


class Me(Struct, frozen=True):
    person: str
    principal: str
    """What acts for the person: the key (`key:…`) or the login (`user:…`) that the request came with."""
    roles: Sequence[Role]
    skills: Sequence[str]
    """Of which claim-next offers work; none means all."""
    permissions: Sequence[Permission]
    """Through this principal, in any scope at all: `grants` say in which."""
    grants: Sequence[GrantView]
    agents: Sequence[str] = ()
    """Through which of the person's agents the request came, the one that asked first at the front."""
    delegate: str | None = None
    """Who acts for the person."""
    key_scope: Reach | None = None
    """How far the key reaches, where it is good for less than the person."""
    expires_at: datetime | None = None
    """When this principal is no longer let in as it is."""


@get("/me", needs=Permission.KNOW_ONESELF, summary="Who I am, and what I may do")
def get_me(request: Request[Who, str, Any]) -> Me:
    who = request.user
    return Me(
        person=who.person,
        principal=who.actor.principal,
        roles=who.roles,
        skills=who.skills,
        permissions=sorted(who.permissions),
        grants=[grant_view(grant, lives=True) for grant in who.authority.grants],
        agents=who.actor.via,
        delegate=who.actor.delegate,
        key_scope=_reach(who.key_scope),
        expires_at=who.expires_at,
    )


def _reach(scope: KeyScope) -> Reach | None:
    if scope == WHOLE:
        return None
    permissions = None if scope.permissions is None else sorted(scope.permissions)
    return Reach(permissions, scope.queues, scope.regions)
