"""Who I am, and what I may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request
from msgspec import Struct

from api.authentication import Who
from api.routes.people import GrantView, grant_view
from api.threads import get
from domain.authority import Permission
from domain.people import Role


class Me(Struct, frozen=True):
    person: str
    principal: str
    """What acts for the person: the key that the request came with."""
    roles: Sequence[Role]
    skills: Sequence[str]
    """Of which claim-next offers work; none means all."""
    permissions: Sequence[Permission]
    """In any scope at all: `grants` say in which."""
    grants: Sequence[GrantView]


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
    )
