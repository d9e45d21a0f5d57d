"""Authentication: a bearer token is an API key or an issuer's access token.

Each identifies a principal, and a principal belongs to one person. The actor of a request comes from
its token alone.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from litestar import Request
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
    TooManyRequests,
)
from api.http.failed_sign_ins import FailedSignIns
from api.http.rate_limits import CountedWindows
from application.people.people_desk import TOKEN_PREFIX, token_digest
from application.people.principals import Principals, ResolvedPrincipal
from domain.access_errors import ActorNotAllowed
from domain.authority import NO_AUTHORITY, Authority, authority_of
from domain.authority import Scope as Reach
from domain.moments import in_utc
from domain.people import Actor, Role
from domain.permissions import Permission, permissions_of, roles_with
from domain.principals import UNRESTRICTED_KEY, KeyScope
from infrastructure.identity.access_tokens import (
    LARGEST_BYTES,
    AccessTokenVerifier,
    TokenRefused,
    TooManyActors,
)
from infrastructure.identity.key_sets import KeysUnavailable

KEEP_SECONDS = 5.0
MAX_CACHED = 10_000


class Principal(Struct, frozen=True):
    """The person behind a request, and the principal that the request came from."""

    actor: Actor
    person: str
    roles: tuple[Role, ...]
    skills: tuple[str, ...] = ()
    authority: Authority = NO_AUTHORITY
    key_scope: KeyScope = UNRESTRICTED_KEY
    """The part of the person's permissions that the key has."""
    expires_at: datetime | None = None
    known_as: tuple[str, ...] = ()
    """All names of every person whose act it is."""

    @property
    def permissions(self) -> frozenset[Permission]:
        return self.authority.permissions


AuthenticatedRequest = Request[Principal, str, Any]


class TokenCache:
    """Principals by the digest of their token, cached for a few seconds."""

    def __init__(
        self,
        principals: Principals,
        access_tokens: AccessTokenVerifier,
        clock: Callable[[], datetime],
    ) -> None:
        self._principals = principals
        self._access_tokens = access_tokens
        self._clock = clock
        self.failures = FailedSignIns()
        self.requests: CountedWindows | None = None
        """The requests of each principal; None: without a limit."""
        self._kept: dict[str, tuple[float, Principal]] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def remembered(self, digest: str) -> Principal | None:
        kept = self._kept.get(digest)
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    def forget(self) -> None:
        """Empty the cache, after a change of people or principals in this process."""
        with self._lock:
            self._changes += 1
            self._kept.clear()

    def resolve(self, token: str, digest: str) -> Principal:
        """The principal of a token.

        Raises NotAuthenticated, IssuerUnavailable, PrincipalNotLinked, ActorNotAllowed.
        """
        changes = self._changes
        now = self._clock()
        is_key = token.startswith(TOKEN_PREFIX)
        found = self._of_key(digest, now) if is_key else self._of_access_token(token, now)
        person = found.person
        if found.person.has_left:
            raise NotAuthenticated(f"{person.name} has left")
        whole = authority_of(person.at(now))
        authority = _restricted_authority(whole, found)
        ends = [at for at in (found.expires_at, whole.until) if at is not None]
        who = Principal(
            found.actor,
            person.name,
            authority.roles,
            person.skills,
            authority,
            found.scope,
            # The cached authority is valid only until the first grant or the token ends.
            min(ends, default=None),
            tuple(self._principals.names_behind(found.actor)),
        )
        seconds = KEEP_SECONDS
        if who.expires_at is not None:
            seconds = min(seconds, (who.expires_at - now).total_seconds())
        with self._lock:
            if len(self._kept) >= MAX_CACHED:
                self._kept.clear()
            if self._changes == changes:
                self._kept[digest] = (time.monotonic() + seconds, who)
        return who

    def _of_key(self, digest: str, now: datetime) -> ResolvedPrincipal:
        key = self._principals.key(digest)
        if key is None:
            raise NotAuthenticated("the key is not known")
        if key.is_revoked:
            raise NotAuthenticated("the key was revoked")
        if key.expires_at is not None and key.expires_at <= now:
            expired_at = in_utc(key.expires_at).isoformat(timespec="seconds")
            raise NotAuthenticated(f"the key expired at {expired_at}")
        found = self._principals.resolve_key(key)
        if found is None:
            raise NotAuthenticated("the key is not known")
        return found

    def _of_access_token(self, token: str, now: datetime) -> ResolvedPrincipal:
        try:
            verified = self._access_tokens.verify(token, now)
        except TokenRefused as refused:
            raise NotAuthenticated(str(refused)) from None
        except TooManyActors as refused:
            raise ActorNotAllowed(str(refused)) from None
        except KeysUnavailable as unavailable:
            raise IssuerUnavailable(str(unavailable)) from None
        return self._principals.resolve_token(verified, now)


class Authentication(ASGIMiddleware):
    """Every route but the public ones requires a token with the permission that the route needs."""

    exclude_opt_key = PUBLIC
    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope.get("method") == "OPTIONS")

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        tokens: TokenCache = scope["litestar_app"].state.tokens
        try:
            token = _bearer_token(scope["headers"])
            digest = token_digest(token)
            who = tokens.remembered(digest)
            if who is None:
                who = await in_thread(tokens.resolve)(token, digest)
        except NotAuthenticated:
            client = scope["client"]
            tokens.failures.note(client[0] if client is not None else "")
            raise
        if (requests := tokens.requests) is not None:
            _count_request(requests, who)
        scope["user"], scope["auth"] = who, digest
        needed: Permission = scope["route_handler"].opt[NEEDS]
        if needed not in who.authority.permissions:
            raise _not_permitted(who, needed)
        await next_app(scope, receive, send)


def _count_request(requests: CountedWindows, who: Principal) -> None:
    """Raises TooManyRequests."""
    found = requests.count(who.actor.principal)
    if found.count > requests.most:
        detail = f"more than {requests.most} requests in a minute; wait {found.seconds} s"
        raise TooManyRequests(detail, retry_after=found.seconds)


def _restricted_authority(whole: Authority, found: ResolvedPrincipal) -> Authority:
    """The part of a person's authority that a key or an agent of theirs has."""
    scope, is_agent = found.scope, found.actor.is_agent
    if scope == UNRESTRICTED_KEY and not is_agent:
        return whole
    queues = frozenset(scope.queues) if scope.queues is not None else None
    regions = frozenset(scope.regions) if scope.regions is not None else None
    kept = scope.of(whole.permissions, is_agent=is_agent)
    return whole.within(Reach(queues, regions), kept)


def _not_permitted(who: Principal, needed: Permission) -> NotPermitted | PrincipalNotPermitted:
    partly = needed in who.authority.partial
    if needed in permissions_of(who.roles) and not partly:
        what = "an agent" if who.actor.is_agent else "this key"
        return PrincipalNotPermitted(f"{what} may not {needed}", permission=needed)
    return NotPermitted(
        f"{who.person} may {needed} only within a scope, and this request is about everything"
        if partly
        else f"{who.person} has no role with the permission {needed}; "
        f"these roles have it: {', '.join(roles_with(needed))}",
        permission=needed,
        roles=roles_with(needed),
    )


def _bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The bearer token, read from the raw headers: parsing all of them is the slowest part."""
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:
                # A proxy in front may have checked the other one.
                raise NotAuthenticated("the request has two Authorization headers")
            found = value
    if found is None:
        raise NotAuthenticated("the request has no Authorization header", is_token=False)
    scheme, _, token = found.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("the Authorization header is not `Bearer TOKEN`", is_token=False)
    token = token.strip()
    if len(token) > LARGEST_BYTES:
        raise NotAuthenticated(f"the token is larger than {LARGEST_BYTES} bytes")
    return token
