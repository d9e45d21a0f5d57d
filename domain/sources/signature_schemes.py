"""How senders sign their webhooks: the scheme of a source, and the secret that it needs.

A scheme is configuration: it holds no secret. Most senders sign the body with HMAC and differ only in the
header and the encoding, so `as_hmac` states them as cases of the general scheme `hmac`.
"""

import base64
import binascii
import re
import unicodedata
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from domain.errors import Fault, Invalid
from domain.texts import form

HeaderName = Annotated[
    str,
    form(
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}",
        "the name of a header: letters, digits, `-` and `_`, such as X-Signature",
        "The name of a header; capitals make no difference.",
    ),
]
Prefix = Annotated[
    str,
    form(
        r"(?:[\x20-\x7e]{0,39}[ -/:-@\[-`{-~])?",
        "at most 40 ASCII characters, the last one neither a letter nor a digit, such as `sha256=` or `Bearer ` "
        "with its space",
        "What comes before the value in the header, to its last character.",
    ),
]
_AROUND: Final = r"[\x20-\x7a|~]{0,40}"
SignedText = Annotated[
    str,
    form(
        rf"{_AROUND}(?:\{{timestamp\}}{_AROUND}\{{body\}}|\{{body\}}{_AROUND}\{{timestamp\}}){_AROUND}",
        "the text that is signed, with {timestamp} and {body} once each, such as {timestamp}.{body}",
        "The text that is signed, with {timestamp} and {body} in their places.",
    ),
]
UserName = Annotated[
    str, form(r"[^\x00-\x1f\x7f:]{1,100}", "a user name of 1 to 100 characters, without a colon")
]
Tolerance = Annotated[
    int,
    Meta(
        ge=1,
        le=86_400,
        description="Seconds that the signed time may differ from ours, to either side.",
    ),
]
FIVE_MINUTES: Final = 300
SHORTEST_SECRET: Final = 8
"""Bytes. Shorter keys are guessed; no sender makes such a key by itself."""
LONGEST_SECRET: Final = 1_000
"""Characters."""
ZENDESK_TEST_SECRET: Final = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
"""Zendesk publishes it: it signs the tests of a webhook that has not been created yet."""


class _Scheme(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="scheme"):
    """The base class of all schemes."""


class Shopify(_Scheme, frozen=True, kw_only=True, tag="shopify"):
    """HMAC of the body by the app's client secret."""


class WooCommerce(_Scheme, frozen=True, kw_only=True, tag="woocommerce"):
    """HMAC of the body by the secret of the webhook."""


class EasyPost(_Scheme, frozen=True, kw_only=True, tag="easypost"):
    """HMAC of the body by the secret of the webhook."""


class AfterShip(_Scheme, frozen=True, kw_only=True, tag="aftership"):
    """HMAC of the body by the webhook secret of the account."""


class Stripe(_Scheme, frozen=True, kw_only=True, tag="stripe"):
    """HMAC of time and body by the signing secret of the endpoint (`whsec_…`)."""

    tolerance: Tolerance = FIVE_MINUTES


class Adyen(_Scheme, frozen=True, kw_only=True, tag="adyen"):
    """HMAC by the HMAC key of the webhook, in hexadecimal: of each item of a standard notification, or of the body
    of the webhooks of platforms, management and disputes."""

    signed: Literal["items", "body"] = "items"


class Zendesk(_Scheme, frozen=True, kw_only=True, tag="zendesk"):
    """HMAC of time and body by the signing secret of the webhook."""

    tolerance: Tolerance = FIVE_MINUTES


class StandardWebhooks(_Scheme, frozen=True, kw_only=True, tag="standard_webhooks"):
    """Standard Webhooks: HMAC by a secret (`whsec_…`), or Ed25519 by a public key (`whpk_…`)."""

    tolerance: Tolerance = FIVE_MINUTES


class SignedTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in a header of its own that is signed with the body, so that a delivery cannot be sent again later."""

    header: HeaderName
    signed_text: SignedText = "{timestamp}.{body}"
    unit: Literal["seconds", "milliseconds", "iso8601"] = "seconds"
    """How the time is written: a Unix time, or a time such as 2026-11-30T10:00:00Z."""
    tolerance: Tolerance = FIVE_MINUTES


class Hmac(_Scheme, frozen=True, kw_only=True, tag="hmac"):
    """HMAC of the body, or of a time and the body, in a header of your choice."""

    header: HeaderName
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["base64", "hex"] = "hex"
    """`hex` is in lower case."""
    prefix: Prefix = ""
    key: Literal["text", "base64", "hex"] = "text"
    """How the secret is written: the text itself is the key, or the key is encoded in it."""
    timestamp: SignedTime | None = None
    delivery_header: HeaderName | None = None
    """The header with the sender's id of the delivery: the same when it is sent again."""


class SharedSecret(_Scheme, frozen=True, kw_only=True, tag="shared_secret"):
    """The secret itself in a header. It signs nothing: a person who reads one request can forge others."""

    header: HeaderName = "Authorization"
    prefix: Prefix = ""
    delivery_header: HeaderName | None = None


class HttpBasic(_Scheme, frozen=True, kw_only=True, tag="http_basic"):
    """HTTP Basic: a user name, and the secret as its password. It signs nothing, as a shared secret."""

    user: UserName
    delivery_header: HeaderName | None = None


SignatureScheme: TypeAlias = (
    Shopify
    | WooCommerce
    | EasyPost
    | AfterShip
    | Stripe
    | Adyen
    | Zendesk
    | StandardWebhooks
    | Hmac
    | SharedSecret
    | HttpBasic
)


HmacScheme: TypeAlias = Shopify | WooCommerce | EasyPost | AfterShip | Adyen | Zendesk | Hmac
"""Cases of the general scheme; Adyen where the body is signed."""


def as_hmac(scheme: HmacScheme) -> Hmac:
    """The scheme as a case of the general one."""
    match scheme:
        case Hmac():
            return scheme
        case Shopify():
            return Hmac(header="X-Shopify-Hmac-Sha256", encoding="base64")
        case WooCommerce():
            return Hmac(header="X-WC-Webhook-Signature", encoding="base64")
        case EasyPost():
            return Hmac(header="X-Hmac-Signature", prefix="hmac-sha256-hex=")
        case AfterShip():
            return Hmac(header="aftership-hmac-sha256", encoding="base64")
        case Adyen():
            return Hmac(header="HmacSignature", encoding="base64", key="hex")
        case Zendesk(tolerance=tolerance):
            time = SignedTime(
                header="X-Zendesk-Webhook-Signature-Timestamp",
                signed_text="{timestamp}{body}",
                unit="iso8601",
                tolerance=tolerance,
            )
            return Hmac(header="X-Zendesk-Webhook-Signature", encoding="base64", timestamp=time)


def proof_header(scheme: SignatureScheme) -> str:
    """The header that proves who sent a delivery, in lower case; empty where the body itself does. It may be the
    secret itself."""
    match scheme:
        case Adyen(signed="items"):
            name = ""
        case Stripe():
            name = "Stripe-Signature"
        case StandardWebhooks():
            name = "webhook-signature"
        case HttpBasic():
            name = "Authorization"
        case SharedSecret(header=header):
            name = header
        case _:
            name = as_hmac(scheme).header
    return name.lower()


def names_shop(scheme: SignatureScheme) -> bool:
    """Whether deliveries of the scheme name their shop or account."""
    if isinstance(scheme, Adyen):
        return scheme.signed == "items"
    return isinstance(scheme, Shopify | WooCommerce | Stripe | Zendesk)


def signing_key(scheme: SignatureScheme, secret: str) -> bytes:
    """The key that a secret stands for, never empty. Raises ValueError if it stands for none; the error does
    not repeat the secret."""
    key = _decoded(scheme, secret) if secret.strip() else b""
    if not key:
        raise ValueError("is empty")
    return key


def _decoded(scheme: SignatureScheme, secret: str) -> bytes:
    match scheme:
        case Adyen() | Hmac(key="hex"):
            return _from_hex(secret)
        case Hmac(key="base64"):
            return _from_base64(secret)
        case StandardWebhooks():
            return _standard_key(secret)
        case EasyPost():
            return unicodedata.normalize("NFKD", secret).encode()
        case _:
            return secret.encode()


def check_secret(scheme: SignatureScheme, secret: str, pointer: str = "/secret") -> None:
    """Raise Invalid unless the secret can be the one of the scheme. The error never repeats it."""
    if problem := _problem_of_secret(scheme, secret):
        raise Invalid([Fault(pointer, problem)], "the secret")


def _problem_of_secret(scheme: SignatureScheme, secret: str) -> str | None:
    if secret != secret.strip() and secret.strip():
        return "begins or ends with a space or a line break: copy it without"
    if not secret.isprintable():
        return "has a control character: copy it again"
    if len(secret) > LONGEST_SECRET:
        return f"must have at most {LONGEST_SECRET} characters"
    try:
        key = signing_key(scheme, secret)
    except ValueError as error:
        return str(error)
    if len(key) < SHORTEST_SECRET:
        return f"must have at least {SHORTEST_SECRET} bytes, or it can be guessed"
    if isinstance(scheme, Stripe) and not secret.startswith("whsec_"):
        return "must be the signing secret of the endpoint, which begins with whsec_; it is not an API key"
    if isinstance(scheme, Zendesk) and secret == ZENDESK_TEST_SECRET:
        return "is the secret that Zendesk publishes for tests: take the one of the webhook, once it is created"
    return None


def _standard_key(secret: str) -> bytes:
    kind, underscore, encoded = secret.partition("_")
    if not underscore or kind not in ("whsec", "whpk"):
        raise ValueError(
            "must begin with whsec_ (a secret) or whpk_ (a public key); whsk_ is the sender's private key, "
            "which nobody else may have. Put whsec_ before a secret that the sender shows in base64 alone"
        )
    key = _from_base64(encoded)
    if kind == "whpk" and len(key) != 32:
        raise ValueError("must be a public key of Ed25519: whpk_ and 32 bytes in base64")
    return key


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64: it was cut off, or it is another text") from None


def _from_hex(text: str) -> bytes:
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        raise ValueError("must be hexadecimal: an even number of digits 0-9 and A-F")
    return bytes.fromhex(text)
