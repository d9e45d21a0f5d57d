"""Who issues the access tokens that are taken here, as the environment names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

ISSUER_VARIABLE: Final = "CASETRAIL_OIDC_ISSUER"
AUDIENCE_VARIABLE: Final = "CASETRAIL_OIDC_AUDIENCE"
JWKS_VARIABLE: Final = "CASETRAIL_OIDC_JWKS"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class IssuerUnusable(Exception):
    """The issuer of access tokens cannot be used as it is set up."""


class KeyCacheTimes(Struct, frozen=True, kw_only=True):
    """How long its keys are kept, in seconds."""

    fresh: float = 300.0
    """What was fetched is taken as it is; no key that has left the set lives longer."""
    stale: float = 3_600.0
    """What was fetched is taken while the issuer is down."""
    between: float = 5.0
    """Between one fetch and the next."""
    fetch: float = 5.0
    """What a fetch may take."""


class Issuer(Struct, frozen=True):
    name: str
    """Its address, exactly as its tokens say it in `iss`."""
    audience: str
    """How its tokens name this service in `aud`."""
    jwks: str | None = None
    """Where its keys are; left out, it is asked at /.well-known/openid-configuration."""
    patience: KeyCacheTimes = KeyCacheTimes()


def load_issuers(environment: Mapping[str, str]) -> tuple[Issuer, ...]:
    """Several are separated by spaces, their key addresses in the same order.

    Raises IssuerUnusable.
    """
    names = environment.get(ISSUER_VARIABLE, "").split()
    places = environment.get(JWKS_VARIABLE, "").split()
    audience = environment.get(AUDIENCE_VARIABLE, "").strip()
    if not names:
        if places or audience:
            raise IssuerUnusable(
                f"{ISSUER_VARIABLE} is missing beside {AUDIENCE_VARIABLE} or {JWKS_VARIABLE}"
            )
        return ()
    if not audience:
        raise IssuerUnusable(
            f"{AUDIENCE_VARIABLE} is missing: without it, tokens for others would pass"
        )
    if len(set(names)) != len(names):
        raise IssuerUnusable(f"{ISSUER_VARIABLE} names one twice")
    if places and len(places) != len(names):
        raise IssuerUnusable(
            f"{JWKS_VARIABLE} has {len(places)} addresses for {len(names)} issuers"
        )
    for address in (*names, *places):
        require_safe_address(address)
    return tuple(
        Issuer(name, audience, places[number] if places else None)
        for number, name in enumerate(names)
    )


def require_safe_address(address: str) -> None:
    """Whoever can change the keys on their way can sign: only https, but on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError as error:
        raise IssuerUnusable(f"{address}: {error}") from None
    if (parts.scheme == "https" and host) or (parts.scheme == "http" and host in _LOOPBACK):
        return
    raise IssuerUnusable(f"{address}: only https:// is trusted, and http:// on this machine")
