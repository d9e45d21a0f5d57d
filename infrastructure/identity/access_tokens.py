"""OIDC access tokens (RFC 9068) and whom they say acts (RFC 8693), verified to the last claim.

What a token is checked against is fixed here and never read from the token: which algorithms, which
issuer's keys, which audience, which type. What is not understood is refused.
"""

from __future__ import annotations

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
"""Headers that change what is signed, or bring keys of their own."""
_MAX_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""
_MAX_TEXT_LENGTH: Final = 255


class TokenRefused(Exception):
    """The token is not to be believed."""


class TooManyActors(Exception):
    """The token is genuine, and its chain of actors is longer than what is taken."""


class _AllowedAlgorithms(JWSRegistry):
    """Ours alone. The library would warn of EdDSA's name, which issuers go on using."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise TokenRefused("the algorithm is not taken")
        return self.algorithms[name]


_REGISTRY: Final = _AllowedAlgorithms(algorithms=ALGORITHMS, strict_check_header=False)


class AccessTokenVerifier:
    """Verifies the access tokens of these issuers. Blocks where keys have to be fetched."""

    def __init__(self, issuers: Iterable[Issuer]) -> None:
        self._issuers = {one.name: (one, KeySet(one)) for one in issuers}

    def verify(self, token: str, now: datetime) -> VerifiedToken:
        """Raises TokenRefused, TooManyActors, KeysUnavailable."""
        if not self._issuers:
            raise TokenRefused("no issuer of access tokens is set up here: send a key (ct_…)")
        if len(token) > LARGEST_BYTES:
            raise TokenRefused(f"the token is larger than {LARGEST_BYTES} bytes")
        if _COMPACT_JWS.fullmatch(token) is None:
            raise TokenRefused("the token is neither a key (ct_…) nor a signed JWT")
        header, claims = (_decode_json(part) for part in token.split(".")[:2])
        algorithm, kid = _check_header(header)
        issuer, keys = self._issuer(claims)
        key = keys.key(kid)
        if key is None or algorithm not in key.algorithms:
            raise TokenRefused("the token is signed with a key that its issuer does not have")
        try:
            deserialize_compact(token, key.key, registry=_REGISTRY)
        except (JoseError, ValueError):
            raise TokenRefused("the signature is not that of the issuer") from None
        # Only now is anything that the token says believed, and told in a refusal.
        return _verify_claims(claims, issuer, now)

    def _issuer(self, claims: Mapping[str, Any]) -> tuple[Issuer, KeySet]:
        name = claims.get("iss")
        found = self._issuers.get(name) if isinstance(name, str) else None
        if found is None:
            raise TokenRefused(f"`iss` is none of {', '.join(self._issuers)}")
        return found


def _decode_json(part: str) -> dict[str, Any]:
    try:
        told = json.loads(
            urlsafe_b64decode(part.encode()).decode(),
            object_pairs_hook=_reject_duplicate_names,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):
        raise TokenRefused("the token cannot be read") from None
    if not isinstance(told, dict):
        raise TokenRefused("the token cannot be read")
    return told


def _reject_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of one name that stands twice need not see the same."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TokenRefused("a name stands twice in the token")
    return found


def _reject_constant(_: str) -> Any:
    raise TokenRefused("the token holds a number that is none")


def _check_header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """The algorithm and the key's id."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefused(f"`alg` is none of {', '.join(ALGORITHMS)}")
    if not isinstance(kind, str) or kind.lower() not in _TOKEN_TYPES:
        raise TokenRefused("`typ` is not at+jwt: only access tokens (RFC 9068) are taken")
    for name in _FORBIDDEN_HEADERS:
        if name in header:
            raise TokenRefused(f"the header `{name}` is not taken")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _MAX_TEXT_LENGTH):
        raise TokenRefused("`kid` is no name of a key")
    return algorithm, kid


def _verify_claims(claims: Mapping[str, Any], issuer: Issuer, now: datetime) -> VerifiedToken:
    seconds = now.timestamp()
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf") if "nbf" in claims else issued
    if seconds >= expires + LEEWAY_SECONDS:
        raise TokenRefused(f"the token expired at {_time_of(expires)}")
    if seconds < begins - LEEWAY_SECONDS:
        raise TokenRefused(f"the token is not good before {_time_of(begins)}")
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


def _require_audience(audience: str, told: object) -> None:
    named = told if isinstance(told, list) else [told]
    if not all(isinstance(one, str) for one in named) or audience not in named:
        raise TokenRefused(f"`aud` does not name {audience}")


def _time(claims: Mapping[str, Any], name: str) -> float:
    """Seconds since 1970."""
    told = claims.get(name)
    # True and False are numbers to Python, and to nobody else.
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= _MAX_TIME:
        raise TokenRefused(f"`{name}` is missing, or no time in seconds")
    return float(told)


def _time_of(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _text(claims: Mapping[str, Any], name: str) -> str:
    told = claims.get(name)
    if not isinstance(told, str) or not 0 < len(told) <= _MAX_TEXT_LENGTH or not told.isprintable():
        raise TokenRefused(f"`{name}` is missing, or no text on one line")
    return told


def _read_actors(claims: Mapping[str, Any], issuer: Issuer) -> tuple[str, ...]:
    """The outermost acts now, those within acted before (RFC 8693, 4.1)."""
    found: list[str] = []
    within = claims
    while "act" in within:
        if len(found) == MOST_ACTORS:
            raise TooManyActors(f"`act` is nested more than {MOST_ACTORS} deep")
        act = within["act"]
        if not isinstance(act, dict):
            raise TokenRefused("`act` is no object")
        if act.get("iss", issuer.name) != issuer.name:
            raise TokenRefused("an `act` is another issuer's")
        found.append(_text(act, "sub"))
        within = act
    return tuple(reversed(found))
