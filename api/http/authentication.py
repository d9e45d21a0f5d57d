"""Who is asking: a bearer token is a key of ours or an issuer's access token; either stands for a
principal, and that for one person. The actor comes from it alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from api.http.concurrency import NEEDS, PUBLIC, in_thread
from api.http.errors import (
    IssuerUnavailable,
    NotAuthenticated,
    NotPermitted,
    PrincipalNotPermitted,
)
from application.people.people_desk import TOKEN_PREFIX, token_digest
from application.people.principals import Principals, Standing
from domain.access_errors import ActorNotAllowed
from domain.authority import NOWHERE, Authority, authority_of
from domain.authority import Scope as Reach
from domain.people import Actor, Role
from domain.permissions import Permission, permissions_of, roles_with
from domain.principals import WHOLE, KeyScope
from infrastructure.identity.access_tokens import (
    LARGEST_BYTES,
    AccessTokens,
    TokenRefused,
    TooManyActors,
)
from infrastructure.identity.key_sets import KeysUnavailable

KEEP_SECONDS = 5.0
MOST_KEPT = 10_000


class Who(Struct, frozen=True):
    """The person behind a request, and the principal that the request came from."""

    actor: Actor
    person: str
    roles: tuple[Role, ...]
    skills: tuple[str, ...] = ()
    authority: Authority = NOWHERE
    key_scope: KeyScope = WHOLE
    """How far the key reaches, of what the person may."""
    expires_at: datetime | None = None
    known_as: tuple[str, ...] = ()
    """All names of everybody whose act it is."""

    @property
    def permissions(self) -> frozenset[Permission]:
        return self.authority.permissions


class Tokens:
    """Tokens by digest; what was found is remembered for a few seconds."""

    def __init__(
        self, principals: Principals, access_tokens: AccessTokens, clock: Callable[[], datetime]
    ) -> None:
        self._principals = principals
        self._access_tokens = access_tokens
        self._clock = clock
        self._kept: dict[str, tuple[float, Who]] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def remembered(self, digest: str) -> Who | None:
        kept = self._kept.get(digest)
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    def forget(self) -> None:
        """Something has changed here about who may come as whom: at once, everybody is looked up anew."""
        with self._lock:
            self._changes += 1
            self._kept.clear()

    def look_up(self, token: str, digest: str) -> Who:
        """Raises NotAuthenticated, IssuerUnavailable, PrincipalNotLinked, ActorNotAllowed."""
        changes = self._changes
        now = self._clock()
        is_key = token.startswith(TOKEN_PREFIX)
        standing = self._of_key(digest, now) if is_key else self._of_access_token(token, now)
        if standing.person.has_left:
            raise NotAuthenticated("whoever it stands for has left")
        person = standing.person
        whole = authority_of(person.at(now))
        authority = _reaching(whole, standing)
        ends = [at for at in (standing.expires_at, whole.until) if at is not None]
        who = Who(
            standing.actor,
            person.name,
            authority.roles,
            person.skills,
            authority,
            standing.scope,
            # What ends with a grant is worked out anew, as what ends with the token is.
            min(ends, default=None),
            tuple(self._principals.names_behind(standing.actor)),
        )
        seconds = KEEP_SECONDS
        if who.expires_at is not None:
            seconds = min(seconds, (who.expires_at - now).total_seconds())
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            if self._changes == changes:
                self._kept[digest] = (time.monotonic() + seconds, who)
        return who

    def _of_key(self, digest: str, now: datetime) -> Standing:
        key = self._principals.key(digest)
        if key is None:
            raise NotAuthenticated("the key is not known")
        if key.is_revoked:
            raise NotAuthenticated("the key was revoked")
        if key.expires_at is not None and key.expires_at <= now:
            told = key.expires_at.astimezone(UTC).isoformat(timespec="seconds")
            raise NotAuthenticated(f"the key expired at {told}")
        standing = self._principals.with_key(key)
        if standing is None:
            raise NotAuthenticated("the key is not known")
        return standing

    def _of_access_token(self, token: str, now: datetime) -> Standing:
        try:
            verified = self._access_tokens.verify(token, now)
        except TokenRefused as refused:
            raise NotAuthenticated(str(refused)) from None
        except TooManyActors as refused:
            raise ActorNotAllowed(str(refused)) from None
        except KeysUnavailable as unavailable:
            raise IssuerUnavailable(str(unavailable)) from None
        return self._principals.with_token(verified, now)


class Authentication(ASGIMiddleware):
    """Every route asks who it is and whether that person may use it, but those for everybody."""

    exclude_opt_key = PUBLIC
    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope.get("method") == "OPTIONS")

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        tokens: Tokens = scope["litestar_app"].state.tokens
        token = _token(scope["headers"])
        digest = token_digest(token)
        who = tokens.remembered(digest)
        if who is None:
            who = await in_thread(tokens.look_up)(token, digest)
        needed: Permission = scope["route_handler"].opt[NEEDS]
        if needed not in who.authority.permissions:
            raise _not_permitted(who, needed)
        scope["user"], scope["auth"] = who, digest
        await next_app(scope, receive, send)


def _reaching(whole: Authority, standing: Standing) -> Authority:
    """What is left of a person's authority for a key or an agent of theirs."""
    scope, is_agent = standing.scope, standing.actor.is_agent
    if scope == WHOLE and not is_agent:
        return whole
    queues = frozenset(scope.queues) if scope.queues is not None else None
    regions = frozenset(scope.regions) if scope.regions is not None else None
    kept = scope.of(whole.permissions, is_agent=is_agent)
    return whole.within(Reach(queues, regions), kept)


def _not_permitted(who: Who, needed: Permission) -> NotPermitted | PrincipalNotPermitted:
    partly = needed in who.authority.partial
    if needed in permissions_of(who.roles) and not partly:
        what = "an agent" if who.actor.is_agent else "this key"
        return PrincipalNotPermitted(f"{what} may not {needed}", permission=needed)
    return NotPermitted(
        f"{who.person} has a role that may {needed}, but only within a scope, and this concerns "
        "everything"
        if partly
        else f"{who.person} has no role that may {needed}",
        permission=needed,
        roles=roles_with(needed),
    )


def _token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The bearer token, read from the raw headers: all of them parsed cost more than all the rest."""
    told: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if told is not None:
                # Whoever stands before us may have looked at the other.
                raise NotAuthenticated("two Authorization headers came with the request")
            told = value
    if told is None:
        raise NotAuthenticated("no Authorization header came with the request", is_token=False)
    scheme, _, token = told.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("the Authorization header is not `Bearer TOKEN`", is_token=False)
    token = token.strip()
    if len(token) > LARGEST_BYTES:
        raise NotAuthenticated(f"the token is larger than {LARGEST_BYTES} bytes")
    return token
