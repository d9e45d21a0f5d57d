"""The trusted issuers of access tokens, read from the environment."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

ISSUER_VARIABLE: Final = "CASETRAIL_OIDC_ISSUER"
AUDIENCE_VARIABLE: Final = "CASETRAIL_OIDC_AUDIENCE"
JWKS_VARIABLE: Final = "CASETRAIL_OIDC_JWKS"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class IssuerUnusable(Exception):
    """The issuer of access tokens cannot be used as configured."""


class KeyCacheTimes(Struct, frozen=True, kw_only=True):
    """How long an issuer's keys are cached, in seconds."""

    fresh: float = 300.0
    """How long fetched keys are used without another fetch. A removed key is accepted no longer."""
    stale: float = 3_600.0
    """How long fetched keys are used while the issuer is down."""
    between: float = 5.0
    """The least time between two fetches."""
    fetch: float = 5.0
    """The timeout of a fetch."""


class Issuer(Struct, frozen=True):
    name: str
    """Its address, exactly as in its tokens' `iss`."""
    audience: str
    """The name of this service in its tokens' `aud`."""
    jwks: str | None = None
    """The address of its keys; left out, its /.well-known/openid-configuration names it."""
    patience: KeyCacheTimes = KeyCacheTimes()


def load_issuers(environment: Mapping[str, str]) -> tuple[Issuer, ...]:
    """Read the issuers: separated by spaces, their key addresses in the same order. Raises
    IssuerUnusable."""
    names = environment.get(ISSUER_VARIABLE, "").split()
    places = environment.get(JWKS_VARIABLE, "").split()
    audience = environment.get(AUDIENCE_VARIABLE, "").strip()
    if not names:
        if places or audience:
            raise IssuerUnusable(
                f"{AUDIENCE_VARIABLE} or {JWKS_VARIABLE} is set, but {ISSUER_VARIABLE} is missing"
            )
        return ()
    if not audience:
        raise IssuerUnusable(
            f"{AUDIENCE_VARIABLE} is missing: without it, tokens for other services would be accepted"
        )
    if len(set(names)) != len(names):
        raise IssuerUnusable(f"{ISSUER_VARIABLE} names an issuer twice")
    if places and len(places) != len(names):
        raise IssuerUnusable(
            f"{JWKS_VARIABLE} has {len(places)} addresses for {len(names)} issuers"
        )
    for address in (*names, *places):
        require_safe_address(address)
    return tuple(Issuer(name, audience, place) for name, place in zip_longest(names, places))


def require_safe_address(address: str) -> None:
    """Require https, or http on this machine: keys changed in transit would allow forged tokens. Raises
    IssuerUnusable."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError as error:
        raise IssuerUnusable(f"{address}: {error}") from None
    if (parts.scheme == "https" and host) or (parts.scheme == "http" and host in _LOOPBACK):
        return
    raise IssuerUnusable(f"{address}: use https://, or http:// on this machine")
