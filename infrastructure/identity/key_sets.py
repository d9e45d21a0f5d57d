"""The public keys of an issuer, fetched over HTTP and cached.

An unknown key ID refetches the set, but rarely: invented key IDs must not flood the issuer. A key that
was removed from the set is accepted until the cache is old. While the issuer is down, the cache is used
for longer, but not for ever.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx2
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

from infrastructure.identity.trusted_issuers import Issuer, IssuerUnusable, require_safe_address
from infrastructure.tls import tls_context

DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
LEAST_RSA_BITS: Final = 2048
_LARGEST_BYTES: Final = 256 << 10
_MOST_KEYS: Final = 100
_MOST_WAITING: Final = 64
"""Each caller that waits for a slow issuer occupies a thread: leave threads for other requests."""
_logger = logging.getLogger("casetrail.identity")


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched now."""


class PublicKey(Struct, frozen=True):
    algorithms: tuple[str, ...]
    """The signature algorithms that it may be used with."""
    key: Key


class _FetchedKeys(Struct, frozen=True):
    at: float
    by_kid: Mapping[str | None, PublicKey]
    many: int


class KeySet:
    """The cached keys of one issuer. Use it from threads only: a fetch blocks."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._patience = issuer.patience
        self._fetched: _FetchedKeys | None = None
        self._tried_at = float("-inf")
        self._is_failing = False
        self._fetching = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self.fetches = 0

    def key(self, kid: str | None) -> PublicKey | None:
        """The key with this ID; without an ID, the set's only key. Raises KeysUnavailable."""
        known = self._fetched
        if known is None or not self._is_fresh(known):
            known = self._fetch(None)
        found = _select_key(known, kid)
        if found is None:
            found = _select_key(self._fetch(known), kid)
            if found is None and self._is_failing:
                raise KeysUnavailable(f"the keys of {self._issuer.name} cannot be fetched now")
        return found

    def _is_fresh(self, fetched: _FetchedKeys) -> bool:
        return time.monotonic() - fetched.at < self._patience.fresh

    def _fetch(self, seen: _FetchedKeys | None) -> _FetchedKeys:
        """A newer set than `seen` if a fetch is due; else the cached one. Raises KeysUnavailable."""
        if self._is_failing and self._fetching.locked():
            return self._cached()  # another thread retries; do not wait for it
        if not self._waiting.acquire(blocking=False):
            raise KeysUnavailable(f"too many requests wait for the keys of {self._issuer.name}")
        try:
            with self._fetching:
                known = self._fetched
                if known is not None and known is not seen and self._is_fresh(known):
                    return known
                if time.monotonic() - self._tried_at >= self._patience.between:
                    self._try_fetch()
                return self._cached()
        finally:
            self._waiting.release()

    def _try_fetch(self) -> None:
        self._tried_at = time.monotonic()
        self.fetches += 1
        try:
            keys = self._download()
        except (httpx2.HTTPError, httpx2.InvalidURL, IssuerUnusable, ValueError) as error:
            self._is_failing = True
            _logger.warning("the keys of %s could not be fetched: %s", self._issuer.name, error)
        else:
            self._fetched, self._is_failing = keys, False

    def _cached(self) -> _FetchedKeys:
        known = self._fetched
        if known is None or time.monotonic() - known.at >= self._patience.stale:
            raise KeysUnavailable(f"the keys of {self._issuer.name} cannot be fetched now")
        return known

    def _download(self) -> _FetchedKeys:
        at = time.monotonic()
        address = self._issuer.jwks or self._discover_address()
        document = _fetch_json(address, self._patience.fetch)
        return _FetchedKeys(at, *_parse_key_set(document.get("keys")))

    def _discover_address(self) -> str:
        name = self._issuer.name
        document = _fetch_json(name.rstrip("/") + DISCOVERY_PATH, self._patience.fetch)
        if document.get("issuer") != name:
            raise IssuerUnusable(f"{name} states another issuer: {document.get('issuer')!r}")
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise IssuerUnusable(f"the configuration of {name} has no jwks_uri")
        require_safe_address(address)
        return address


def _select_key(fetched: _FetchedKeys, kid: str | None) -> PublicKey | None:
    if kid is None:
        return next(iter(fetched.by_kid.values())) if fetched.many == 1 else None
    return fetched.by_kid.get(kid)


def _fetch_json(address: str, seconds: float) -> dict[str, Any]:
    """Fetch a JSON object. Redirects are not followed: only the configured address is trusted."""
    ends_at = time.monotonic() + seconds
    body = b""
    with (
        httpx2.Client(timeout=seconds, follow_redirects=False, verify=tls_context()) as client,
        client.stream("GET", address, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != 200:
            raise IssuerUnusable(f"{address} answered {answer.status_code}")
        for part in answer.iter_bytes():
            body += part
            if len(body) > _LARGEST_BYTES:
                raise IssuerUnusable(f"{address} answered with more than {_LARGEST_BYTES} bytes")
            if time.monotonic() > ends_at:
                raise IssuerUnusable(f"{address} took longer than {seconds} s")
    return msgspec.json.decode(body, type=dict[str, Any])


def _parse_key_set(keys: object) -> tuple[dict[str | None, PublicKey], int]:
    """The usable keys by ID, and their number."""
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise IssuerUnusable(f"the key set has no list of keys, or more than {_MOST_KEYS}")
    found: dict[str | None, PublicKey] = {}
    many = 0
    for jwk in keys:
        public = _public_key(jwk)
        if public is not None:
            many += 1
            kid = jwk.get("kid")
            # Of two keys with one ID neither is usable: it is unclear which one is meant.
            found[kid] = PublicKey((), public.key) if kid in found else public
    return found, many


def _public_key(jwk: object) -> PublicKey | None:
    """The usable key in a JWK; None if it cannot verify an accepted signature."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    if not isinstance(jwk.get("kid"), str | None) or "verify" not in jwk.get("key_ops", ["verify"]):
        return None
    algorithms = [*_algorithms_of(jwk)]
    stated = jwk.get("alg")
    if stated is not None:
        algorithms = [name for name in algorithms if name == stated]
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    try:
        if not algorithms or (
            jwk["kty"] == "RSA" and len(urlsafe_b64decode(jwk["n"].encode())) * 8 < LEAST_RSA_BITS
        ):
            return None
        key = import_key(public)
        key.get_op_key("verify")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        _logger.warning("ignored a key that cannot be read: %s", error)
        return None
    return PublicKey(tuple(algorithms), key)


def _algorithms_of(jwk: Mapping[str, Any]) -> Iterable[str]:
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            return ("ES256",)
        case "RSA", None:
            return ("RS256", "PS256")
        case "OKP", "Ed25519":
            return ("EdDSA", "Ed25519")
        case _:
            return ()
