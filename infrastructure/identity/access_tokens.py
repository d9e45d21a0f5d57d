"""Verifies OIDC access tokens (RFC 9068) with actors (RFC 8693).

The accepted algorithms, issuers, keys, audience and type are fixed here and never read from the token.
Anything unknown is refused.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.util import urlsafe_b64decode

from domain.principals import VerifiedToken
from infrastructure.identity.key_sets import KeySet
from infrastructure.identity.trusted_issuers import Issuer

LARGEST_BYTES: Final = 8 << 10
ALGORITHMS: Final = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")
LEEWAY_SECONDS: Final = 60
MOST_ACTORS: Final = 2
_TOKEN_TYPES: Final = ("at+jwt", "application/at+jwt")
_COMPACT_JWS: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_FORBIDDEN_HEADERS: Final = ("b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip")
"""Headers that change what is signed, or contain keys."""
_MAX_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""
_MAX_TEXT_LENGTH: Final = 255


class TokenRefused(Exception):
    """The token is not valid."""


class TooManyActors(Exception):
    """The token is valid, but its chain of actors is too long."""


class _AllowedAlgorithms(JWSRegistry):
    """Only our algorithms. The library would warn of the name EdDSA, which issuers still use."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise TokenRefused(f"the algorithm {name} is not accepted")
        return self.algorithms[name]


_REGISTRY: Final = _AllowedAlgorithms(algorithms=ALGORITHMS, strict_check_header=False)


class AccessTokenVerifier:
    """Verifies the access tokens of these issuers. Blocks while it fetches keys."""

    def __init__(self, issuers: Iterable[Issuer]) -> None:
        self._issuers = {issuer.name: (issuer, KeySet(issuer)) for issuer in issuers}

    def verify(self, token: str, now: datetime) -> VerifiedToken:
        """Verify a token. Raises TokenRefused, TooManyActors, or KeysUnavailable."""
        if not self._issuers:
            raise TokenRefused(
                "this service has no issuer of access tokens: send an API key (ct_…)"
            )
        if len(token) > LARGEST_BYTES:
            raise TokenRefused(f"the token is larger than {LARGEST_BYTES} bytes")
        if _COMPACT_JWS.fullmatch(token) is None:
            raise TokenRefused("the token is neither an API key (ct_…) nor a signed JWT")
        header, claims = (_decode_json(part) for part in token.split(".")[:2])
        algorithm, kid = _check_header(header)
        issuer, keys = self._issuer(claims)
        key = keys.key(kid)
        if key is None or algorithm not in key.algorithms:
            raise TokenRefused("the issuer has no key with the token's `kid` and `alg`")
        try:
            deserialize_compact(token, key.key, registry=_REGISTRY)
        except (JoseError, ValueError):
            raise TokenRefused("the token's signature is not valid") from None
        # Only from here on are the claims trusted, and shown in a refusal.
        return _verify_claims(claims, issuer, now)

    def _issuer(self, claims: Mapping[str, Any]) -> tuple[Issuer, KeySet]:
        name = claims.get("iss")
        found = self._issuers.get(name) if isinstance(name, str) else None
        if found is None:
            raise TokenRefused(f"`iss` must be one of {', '.join(self._issuers)}")
        return found


def _decode_json(part: str) -> dict[str, Any]:
    try:
        decoded = json.loads(
            urlsafe_b64decode(part.encode()).decode(),
            object_pairs_hook=_reject_duplicate_names,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):
        raise TokenRefused("the token cannot be read") from None
    if not isinstance(decoded, dict):
        raise TokenRefused("the token cannot be read")
    return decoded


def _reject_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers may differ in which of two equal names they use."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TokenRefused("the token has a duplicate name")
    return found


def _reject_constant(_: str) -> Any:
    raise TokenRefused("the token contains NaN or Infinity")


def _check_header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """The algorithm and the key ID of a valid header."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefused(f"`alg` must be one of {', '.join(ALGORITHMS)}")
    if not isinstance(kind, str) or kind.lower() not in _TOKEN_TYPES:
        raise TokenRefused("`typ` is not at+jwt: only access tokens (RFC 9068) are accepted")
    for name in _FORBIDDEN_HEADERS:
        if name in header:
            raise TokenRefused(f"the header `{name}` is not accepted")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _MAX_TEXT_LENGTH):
        raise TokenRefused(f"`kid` must be text of 1 to {_MAX_TEXT_LENGTH} characters")
    return algorithm, kid


def _verify_claims(claims: Mapping[str, Any], issuer: Issuer, now: datetime) -> VerifiedToken:
    seconds = now.timestamp()
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf") if "nbf" in claims else issued
    if seconds >= expires + LEEWAY_SECONDS:
        raise TokenRefused(f"the token expired at {_time_of(expires)}")
    if seconds < begins - LEEWAY_SECONDS:
        raise TokenRefused(f"the token is not valid before {_time_of(begins)}")
    if seconds < issued - LEEWAY_SECONDS:
        raise TokenRefused(f"the token was issued in the future, at {_time_of(issued)}")
    _require_audience(issuer.audience, claims.get("aud"))
    _text(claims, "jti")
    return VerifiedToken(
        issuer=issuer.name,
        subject=_text(claims, "sub"),
        actors=_read_actors(claims, issuer),
        client=_text(claims, "client_id"),
        expires_at=datetime.fromtimestamp(expires, UTC),
    )


def _require_audience(audience: str, claim: object) -> None:
    named = claim if isinstance(claim, list) else [claim]
    if not all(isinstance(name, str) for name in named) or audience not in named:
        raise TokenRefused(f"`aud` does not name {audience}")


def _time(claims: Mapping[str, Any], name: str) -> float:
    """A time claim in POSIX seconds."""
    value = claims.get(name)
    # In Python, and only there, True and False are numbers.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_TIME:
        raise TokenRefused(f"`{name}` is missing or not a time in seconds")
    return float(value)


def _time_of(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _text(claims: Mapping[str, Any], name: str) -> str:
    text = claims.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT_LENGTH or not text.isprintable():
        raise TokenRefused(f"`{name}` is missing or not text on one line")
    return text


def _read_actors(claims: Mapping[str, Any], issuer: Issuer) -> tuple[str, ...]:
    """The actors, the current one last: `act` nests earlier actors within it (RFC 8693, 4.1)."""
    found: list[str] = []
    within = claims
    while "act" in within:
        if len(found) == MOST_ACTORS:
            raise TooManyActors(f"`act` is nested more than {MOST_ACTORS} deep")
        act = within["act"]
        if not isinstance(act, dict):
            raise TokenRefused("`act` is not an object")
        if act.get("iss", issuer.name) != issuer.name:
            raise TokenRefused("an `act` names another issuer")
        found.append(_text(act, "sub"))
        within = act
    return tuple(reversed(found))
