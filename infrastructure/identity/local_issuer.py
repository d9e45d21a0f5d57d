"""An issuer of access tokens for the demonstration: it signs in the demonstration's people only, with a
key pair in a private file. Its tokens are verified like any other issuer's."""

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from joserfc.jwk import ECKey, import_key
from joserfc.jws import serialize_compact
from msgspec import Struct

from infrastructure.durable_files import replace_file
from infrastructure.file_locks import file_lock

TOKEN_LIFETIME: Final = timedelta(minutes=15)
CLIENT_ID: Final = "demo"
MAX_KEYS: Final = 2
"""The key that signs and its predecessor, whose tokens stay valid until they expire."""
_ALGORITHM: Final = "ES256"


class SignInRefused(Exception):
    """The token endpoint refuses the request. The text is RFC 6749's `error`."""


class _IssuerFile(Struct, frozen=True):
    """The file's content: the client's secret, and the private keys, newest first."""

    client_secret: str
    keys: tuple[Mapping[str, Any], ...]


def issuer_file(home: Path) -> Path:
    return home / "demo-issuer.json"


def rotate_signing_key(home: Path) -> str:
    """Make a new key that signs from now on; return its ID."""
    with file_lock(home / "demo-issuer.lock"):
        stored = _read(home)
        key = _new_key()
        changed = msgspec.structs.replace(stored, keys=(key, *stored.keys)[:MAX_KEYS])
        replace_file(issuer_file(home), msgspec.json.encode(changed))
    return str(key["kid"])


def client_secret(home: Path) -> str:
    """The secret of the demonstration's own client, made on first use."""
    with file_lock(home / "demo-issuer.lock"):
        if not issuer_file(home).exists():
            made = _IssuerFile(secrets.token_urlsafe(24), (_new_key(),))
            replace_file(issuer_file(home), msgspec.json.encode(made))
        return _read(home).client_secret


class LocalIssuer:
    """The issuer. It reads its file for each request, so that a new key signs at once."""

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

    def token(self, form: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        """Issue a token for `subject`, with `actor` acting for it. Raises SignInRefused."""
        stored = _read(self._home)
        secret = form.get("client_secret", "").encode()
        if form.get("client_id") != CLIENT_ID or not hmac.compare_digest(
            secret, stored.client_secret.encode()
        ):
            raise SignInRefused("invalid_client")
        if form.get("grant_type") != "client_credentials":
            raise SignInRefused("unsupported_grant_type")
        subject, actor = form.get("subject"), form.get("actor")
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
        key = stored.keys[0]
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
