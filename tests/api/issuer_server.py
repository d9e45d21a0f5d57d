"""An issuer of access tokens over real HTTP: rotating keys, valid and invalid tokens."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from infrastructure.identity.trusted_issuers import Issuer, KeyCacheTimes

AUDIENCE = "casetrail-tests"
OMITTED = object()
"""The value that leaves out a header or a claim."""
SHORT_CACHE_TIMES = KeyCacheTimes(fresh=1.0, stale=3.0, between=0.3, fetch=1.0)
JsonObject = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(told: JsonObject | bytes) -> str:
    return b64(told if isinstance(told, bytes) else json.dumps(told).encode())


def signature(signing_input: str, key: Key, algorithm: str) -> bytes:
    with warnings.catch_warnings(action="ignore"):
        found: bytes = JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), key)
    return found


class SigningKey:
    """A key pair with its id and its algorithm."""

    def __init__(self, algorithm: str, kid: str) -> None:
        self.algorithm = algorithm
        self.kid = kid
        match algorithm:
            case "ES256":
                self.key: Key = ECKey.generate_key("P-256")
            case "EdDSA" | "Ed25519":
                self.key = OKPKey.generate_key("Ed25519")
            case _:
                self.key = RSAKey.generate_key(2048)

    @property
    def public(self) -> JsonObject:
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig"}


class IssuerServer:
    """Serves its configuration and its keys; can be slow, broken or silent."""

    def __init__(self) -> None:
        self.keys: list[SigningKey] = []
        self.more_keys: list[JsonObject] = []
        self.asked: list[str] = []
        self.delay_seconds = 0.0
        self.status = 200
        self.called: str | None = None
        self.body: bytes | None = None
        self.location: str | None = None
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                time.sleep(issuer.delay_seconds)
                body = issuer.body or json.dumps(issuer.told(self.path)).encode()
                self.send_response(issuer.status)
                if issuer.location is not None:
                    self.send_header("Location", issuer.location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.name = f"http://127.0.0.1:{self.port}/realms/shop"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def told(self, path: str) -> JsonObject:
        if path.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.called or self.name, "jwks_uri": f"{self.name}/certs"}
        if path.endswith("/certs"):
            return {"keys": [*(key.public for key in self.keys), *self.more_keys]}
        return {}

    def fetches(self) -> int:
        return sum(path.endswith("/certs") for path in self.asked)

    def issuer(self, patience: KeyCacheTimes = SHORT_CACHE_TIMES) -> Issuer:
        return Issuer(self.name, AUDIENCE, patience=patience)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # tokens

    def claims(self, subject: str, **changes: Any) -> JsonObject:
        now = int(time.time())
        told = {
            "iss": self.name,
            "sub": subject,
            "aud": AUDIENCE,
            "exp": now + 300,
            "iat": now,
            "jti": secrets.token_hex(8),
            "client_id": "tests",
            **changes,
        }
        return {name: value for name, value in told.items() if value is not OMITTED}

    def token(
        self,
        subject: str = "ana-1",
        *,
        key: SigningKey | None = None,
        header: Mapping[str, Any] | None = None,
        payload: bytes | None = None,
        **claims: Any,
    ) -> str:
        """A correctly signed token with any claims."""
        key = key or self.keys[0]
        told = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid, **(header or {})}
        told = {name: value for name, value in told.items() if value is not OMITTED}
        body = (
            payload if payload is not None else json.dumps(self.claims(subject, **claims)).encode()
        )
        signing_input = f"{segment(told)}.{segment(body)}"
        return f"{signing_input}.{b64(signature(signing_input, key.key, key.algorithm))}"


@contextmanager
def serve_issuer(*keys: SigningKey) -> Iterator[IssuerServer]:
    server = IssuerServer()
    server.keys += keys
    try:
        yield server
    finally:
        server.stop()


def actor_chain(*actors: str) -> JsonObject:
    """The `act` claim of these actors, the current one first."""
    told: JsonObject = {}
    for actor in reversed(actors):
        told = {"sub": actor, **({"act": told} if told else {})}
    return told
