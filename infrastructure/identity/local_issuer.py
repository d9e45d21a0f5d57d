"""An issuer of access tokens for a demonstration: a key pair in a private file, and nobody to sign
in as but the demonstration's people. What it issues is verified like any other issuer's."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from joserfc.jwk import ECKey, import_key
from joserfc.jws import serialize_compact
from msgspec import Struct

from infrastructure.file_locks import file_lock

TOKEN_LIFETIME: Final = timedelta(minutes=15)
CLIENT_ID: Final = "demo"
MAX_KEYS: Final = 2
"""One that signs, and the one before it, so that what it has signed lives out its time."""
_ALGORITHM: Final = "ES256"


class SignInRefused(Exception):
    """The token endpoint issues nothing for this. The text is RFC 6749's `error`."""


class _IssuerFile(Struct, frozen=True):
    """The file: the client's secret, and private keys, the newest first."""

    client_secret: str
    keys: tuple[Mapping[str, Any], ...]


def issuer_file(home: Path) -> Path:
    return home / "demo-issuer.json"


def rotate_signing_key(home: Path) -> str:
    """From now on a new key signs. Returns its id."""
    with file_lock(home / "demo-issuer.lock"):
        kept = _read(home)
        key = _new_key()
        _write(home, msgspec.structs.replace(kept, keys=(key, *kept.keys)[:MAX_KEYS]))
    return str(key["kid"])


def client_secret(home: Path) -> str:
    """What the demonstration's own client proves itself with; made when it is first asked for."""
    with file_lock(home / "demo-issuer.lock"):
        if not issuer_file(home).exists():
            _write(home, _IssuerFile(secrets.token_urlsafe(24), (_new_key(),)))
        return _read(home).client_secret


class LocalIssuer:
    """Reads its file each time: a key that was rotated signs at once."""

    def __init__(self, home: Path, name: str, audience: str, subjects: Iterable[str]) -> None:
        client_secret(home)
        self.name = name
        self.audience = audience
        self._home = home
        self._subjects = frozenset(subjects)

    def configuration(self) -> Mapping[str, Any]:
        return {
            "issuer": self.name,
            "jwks_uri": f"{self.name}/jwks.json",
            "token_endpoint": f"{self.name}/token",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def jwks(self) -> Mapping[str, Any]:
        return {"keys": [_public_key(key) for key in _read(self._home).keys]}

    def token(self, asked: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        """`subject` is who to be, `actor` who acts. Raises SignInRefused."""
        kept = _read(self._home)
        given = asked.get("client_secret", "").encode()
        if asked.get("client_id") != CLIENT_ID or not hmac.compare_digest(
            given, kept.client_secret.encode()
        ):
            raise SignInRefused("invalid_client")
        if asked.get("grant_type") != "client_credentials":
            raise SignInRefused("unsupported_grant_type")
        subject, actor = asked.get("subject"), asked.get("actor")
        if subject not in self._subjects or (actor is not None and actor not in self._subjects):
            raise SignInRefused("invalid_request")
        claims = {
            "iss": self.name,
            "sub": subject,
            "aud": self.audience,
            "client_id": CLIENT_ID,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFETIME).timestamp()),
            "jti": secrets.token_urlsafe(12),
            **({"act": {"sub": actor}} if actor is not None else {}),
        }
        key = kept.keys[0]
        header = {"alg": _ALGORITHM, "typ": "at+jwt", "kid": key["kid"]}
        token = serialize_compact(header, json.dumps(claims), import_key({**key}), [_ALGORITHM])
        seconds = int(TOKEN_LIFETIME.total_seconds())
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds}


def _new_key() -> Mapping[str, Any]:
    key = ECKey.generate_key("P-256", private=True)
    return {**key.as_dict(private=True), "kid": key.thumbprint()[:16], "use": "sig"}


def _public_key(key: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in key.items() if name != "d"} | {"alg": _ALGORITHM}


def _read(home: Path) -> _IssuerFile:
    return msgspec.json.decode(issuer_file(home).read_bytes(), type=_IssuerFile)


def _write(home: Path, kept: _IssuerFile) -> None:
    """In one step, and nobody else may read it, not even for a moment."""
    beside = issuer_file(home).with_suffix(".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(msgspec.json.encode(kept))
    beside.replace(issuer_file(home))
