"""Who is asking: a bearer token, looked up by its digest. The actor comes from it alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from api.errors import NotAuthenticated, NotPermitted
from api.threads import NEEDS, PUBLIC, in_thread
from application.people_desk import TOKEN_PREFIX, PeopleDesk, token_digest
from domain.authority import NOWHERE, Authority, Permission, authority_of, roles_with
from domain.people import Actor, Role

KEEP_SECONDS = 5.0
MOST_KEPT = 10_000


class Who(Struct, frozen=True):
    """The person behind a request, and the key that the request came with."""

    actor: Actor
    person: str
    roles: tuple[Role, ...]
    skills: tuple[str, ...] = ()
    authority: Authority = NOWHERE

    @property
    def permissions(self) -> frozenset[Permission]:
        return self.authority.permissions


class Tokens:
    """Tokens by digest; what was found is remembered for a few seconds."""

    def __init__(self, people: PeopleDesk) -> None:
        self._people = people
        self._kept: dict[str, tuple[float, Who, datetime | None]] = {}
        self._lock = threading.Lock()

    def remembered(self, digest: str) -> Who | None:
        kept = self._kept.get(digest)
        if kept is None or kept[0] < time.monotonic() or _expired(kept[2]):
            return None
        return kept[1]

    def look_up(self, digest: str) -> Who | None:
        holder = self._people.holder(digest)
        if holder is None or _expired(holder.expires_at) or holder.person.has_left:
            return None
        person = holder.person
        actor = Actor(f"key:{holder.key}", person.name)
        may = authority_of(person.at(datetime.now(UTC)))
        who = Who(actor, person.name, may.roles, person.skills, may)
        # What ends with a grant is worked out anew, as what ends with the token is.
        expires_at = min((t for t in (holder.expires_at, may.until) if t), default=None)
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[digest] = (time.monotonic() + KEEP_SECONDS, who, expires_at)
        return who


def _expired(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= datetime.now(UTC)


class Authentication(ASGIMiddleware):
    """Every route asks who it is and whether that person may use it, but those for everybody."""

    exclude_opt_key = PUBLIC
    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope.get("method") == "OPTIONS")

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        tokens: Tokens = scope["litestar_app"].state.tokens
        digest = token_digest(_token(scope["headers"]))
        who = tokens.remembered(digest)
        if who is None:
            who = await in_thread(tokens.look_up)(digest)
        if who is None:
            raise NotAuthenticated("the token is not known, or has expired")
        needed: Permission = scope["route_handler"].opt[NEEDS]
        if needed not in who.authority.permissions:
            partly = needed in who.authority.partial
            raise NotPermitted(
                f"{who.person} has a role that may {needed}, but only within a scope, and this "
                "concerns everything"
                if partly
                else f"{who.person} has no role that may {needed}",
                permission=needed,
                roles=roles_with(needed),
            )
        scope["user"], scope["auth"] = who, digest
        await next_app(scope, receive, send)


def _token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The bearer token, read from the raw headers: all of them parsed cost more than all the rest."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and token.startswith(TOKEN_PREFIX):
                return token.strip()
            break
    raise NotAuthenticated("no bearer token of ours came with the request")
