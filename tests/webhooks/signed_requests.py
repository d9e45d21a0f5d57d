"""Requests as each sender signs them, written from what the senders publish and not by the code under test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.sources import signature_schemes as s
from infrastructure.webhooks.request import Verified, WebhookRequest
from infrastructure.webhooks.verification import verify

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
BODY = b'{"id": "evt_1", "event_id": "e-1", "type": "paid", "description": "tracker.updated"}'
Headers = dict[str, str]
Sign = Callable[[bytes, str, datetime], Headers]


def sha256(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def plain(header: str) -> Sign:
    return lambda body, secret, _: {header: b64(sha256(secret.encode(), body))}


def easypost(body: bytes, secret: str, _: datetime) -> Headers:
    key = unicodedata.normalize("NFKD", secret).encode()
    return {"x-hmac-signature": f"hmac-sha256-hex={sha256(key, body).hex()}"}


def adyen_body(body: bytes, secret: str, _: datetime) -> Headers:
    return {"hmacsignature": b64(sha256(bytes.fromhex(secret), body))}


def stripe(body: bytes, secret: str, at: datetime) -> Headers:
    time = str(int(at.timestamp()))
    return {
        "stripe-signature": f"t={time},v1={sha256(secret.encode(), f'{time}.'.encode() + body).hex()}"
    }


def zendesk(body: bytes, secret: str, at: datetime) -> Headers:
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "x-zendesk-webhook-signature": b64(sha256(secret.encode(), time.encode() + body)),
        "x-zendesk-webhook-signature-timestamp": time,
        "x-zendesk-webhook-invocation-id": "8350205582",
        "x-zendesk-account-id": "123456",
    }


def standard(body: bytes, secret: str, at: datetime, delivery: str = "msg_1") -> Headers:
    time = str(int(at.timestamp()))
    message = f"{delivery}.{time}.".encode() + body
    if secret.startswith("whpk_"):
        signature = f"v1a,{b64(PRIVATE_KEYS[secret].sign(message))}"
    else:
        signature = f"v1,{b64(sha256(base64.b64decode(secret.removeprefix('whsec_')), message))}"
    return {"webhook-id": delivery, "webhook-timestamp": time, "webhook-signature": signature}


def timed_hmac(body: bytes, secret: str, at: datetime) -> Headers:
    time = str(int(at.timestamp() * 1000))
    message = b"v0:" + time.encode() + b":" + body
    return {
        "x-signature": "v0=" + hmac.new(secret.encode(), message, hashlib.sha512).hexdigest(),
        "x-time": time,
        "x-delivery": "d-1",
    }


def public_key(private: Ed25519PrivateKey) -> str:
    return f"whpk_{b64(private.public_key().public_bytes_raw())}"


PRIVATE_KEYS = {
    public_key(key): key
    for key in (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
}
PUBLIC, OTHER_PUBLIC = PRIVATE_KEYS


@dataclass(frozen=True)
class Sender:
    name: str
    scheme: s.SignatureScheme
    secret: str
    other: str
    sign: Sign
    signature: str
    """The header with the signature."""
    time: str | None = None
    """The header with the signed time."""
    signs_body: bool = True

    def request(
        self,
        body: bytes = BODY,
        *,
        secret: str | None = None,
        at: datetime = NOW,
        more: Mapping[str, str] | None = None,
    ) -> WebhookRequest:
        headers = self.sign(body, self.secret if secret is None else secret, at)
        return WebhookRequest(body=body, headers={**headers, **(more or {})})

    def verify(
        self, request: WebhookRequest, secrets: Sequence[str] | None = None, now: datetime = NOW
    ) -> Verified:
        return verify(self.scheme, request, (self.secret,) if secrets is None else secrets, now)

    def __str__(self) -> str:
        return self.name


HEX, OTHER_HEX = "44782DEF547AAA06C910C43932B1EB0C", "11782DEF547AAA06C910C43932B1EB0C"
WHSEC, OTHER_WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + b64(b"another!" * 3)
TEXT, OTHER_TEXT = "a secret of the shop", "another secret of it"
BEARER = s.SharedSecret(prefix="Bearer ", delivery_header="X-Delivery")
SLACK_LIKE = s.Hmac(
    header="X-Signature",
    algorithm="sha512",
    prefix="v0=",
    delivery_header="X-Delivery",
    timestamp=s.SignedTime(
        header="X-Time", signed_text="v0:{timestamp}:{body}", unit="milliseconds", tolerance=60
    ),
)
SENDERS = [
    Sender(
        "shopify",
        s.Shopify(),
        TEXT,
        OTHER_TEXT,
        plain("x-shopify-hmac-sha256"),
        "x-shopify-hmac-sha256",
    ),
    Sender(
        "woocommerce",
        s.WooCommerce(),
        TEXT,
        OTHER_TEXT,
        plain("x-wc-webhook-signature"),
        "x-wc-webhook-signature",
    ),
    Sender(
        "aftership",
        s.AfterShip(),
        TEXT,
        OTHER_TEXT,
        plain("aftership-hmac-sha256"),
        "aftership-hmac-sha256",
    ),
    Sender("easypost", s.EasyPost(), "un sécret", OTHER_TEXT, easypost, "x-hmac-signature"),
    Sender("adyen_body", s.Adyen(signed="body"), HEX, OTHER_HEX, adyen_body, "hmacsignature"),
    Sender(
        "stripe",
        s.Stripe(),
        "whsec_test_secret",
        "whsec_other",
        stripe,
        "stripe-signature",
        "stripe-signature",
    ),
    Sender(
        "zendesk",
        s.Zendesk(),
        TEXT,
        OTHER_TEXT,
        zendesk,
        "x-zendesk-webhook-signature",
        "x-zendesk-webhook-signature-timestamp",
    ),
    Sender(
        "standard",
        s.StandardWebhooks(),
        WHSEC,
        OTHER_WHSEC,
        standard,
        "webhook-signature",
        "webhook-timestamp",
    ),
    Sender(
        "standard_ed25519",
        s.StandardWebhooks(),
        PUBLIC,
        OTHER_PUBLIC,
        standard,
        "webhook-signature",
        "webhook-timestamp",
    ),
    Sender(
        "hmac", s.Hmac(header="X-Sig", encoding="base64"), TEXT, OTHER_TEXT, plain("x-sig"), "x-sig"
    ),
    Sender("hmac_with_time", SLACK_LIKE, TEXT, OTHER_TEXT, timed_hmac, "x-signature", "x-time"),
    Sender(
        "shared_secret",
        BEARER,
        TEXT,
        OTHER_TEXT,
        lambda _, secret, __: {"authorization": f"Bearer {secret}", "x-delivery": "d-1"},
        "authorization",
        signs_body=False,
    ),
    Sender(
        "http_basic",
        s.HttpBasic(user="shop"),
        TEXT,
        OTHER_TEXT,
        lambda _, secret, __: {"authorization": "Basic " + b64(f"shop:{secret}".encode())},
        "authorization",
        signs_body=False,
    ),
]
SIGNING = [sender for sender in SENDERS if sender.signs_body]
TIMED = [sender for sender in SENDERS if sender.time]
BY_NAME = {sender.name: sender for sender in SENDERS}


def with_headers(request: WebhookRequest, **changed: str | None) -> WebhookRequest:
    """The request with other headers (`_` for `-`); None removes one."""
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    merged = {**request.headers, **named}
    return WebhookRequest(
        body=request.body, headers={n: v for n, v in merged.items() if v is not None}
    )


def with_body(request: WebhookRequest, body: bytes) -> WebhookRequest:
    return WebhookRequest(body=body, headers=request.headers)
