"""Verifies webhooks by the scheme of their source.

Every scheme is compared in constant time, as the bytes that stand in the header: never decoded, since several
texts decode to the same signature. A signature is verified before its time, so that only the sender learns that
a time is wrong.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from domain.sources.signature_schemes import (
    Adyen,
    Hmac,
    HttpBasic,
    SharedSecret,
    SignatureScheme,
    SignedTime,
    StandardWebhooks,
    Stripe,
    WooCommerce,
    as_hmac,
)
from infrastructure.webhooks.adyen_items import merchant_accounts, read_items, verify_items
from infrastructure.webhooks.errors import SignatureMissing, SignatureWrong
from infrastructure.webhooks.keys import (
    Key,
    ed25519_fits,
    from_base64,
    hmac_of,
    same,
    usable_keys,
    wire_bytes,
)
from infrastructure.webhooks.request import Verified, WebhookRequest
from infrastructure.webhooks.sender_names import sender_names, usable_name
from infrastructure.webhooks.signed_times import check_time, read_time

MOST_SIGNATURES: Final = 10
"""In one header. Each costs a verification, before anything is known of the sender."""
_ENCODED: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "base64": base64.b64encode,
    "hex": binascii.hexlify,
}


def verify(
    scheme: SignatureScheme, request: WebhookRequest, secrets: Sequence[str], now: datetime
) -> Verified:
    """Who sent what and when, if one of the secrets that are valid now fits.

    A secret that cannot be one of the scheme, such as an empty one, fits nothing. Raises SignatureMissing,
    SignatureWrong and SignatureTooOld.
    """
    keys = usable_keys(scheme, secrets)
    if isinstance(scheme, Adyen) and scheme.signed == "items":
        items = read_items(request.body)
        return Verified(
            secret=verify_items(items, keys), shop=usable_name(merchant_accounts(items))
        )
    secret, sent_at = _verify_request(scheme, request, keys, now)
    names = sender_names(scheme, request)
    return Verified(
        secret=secret,
        delivery_id=names.delivery_id,
        topic=names.topic,
        shop=names.shop,
        sent_at=sent_at,
    )


def _verify_request(
    scheme: SignatureScheme, request: WebhookRequest, keys: Sequence[Key], now: datetime
) -> tuple[int, datetime | None]:
    """The index of the secret that fits, and the time that is signed with the request, if one is."""
    match scheme:
        case Stripe():
            return _verify_stripe(scheme, request, keys, now)
        case StandardWebhooks():
            return _verify_standard(scheme, request, keys, now)
        case HttpBasic():
            return _verify_basic(scheme, request, keys), None
        case SharedSecret():
            return _verify_shared(scheme, request, keys), None
        case _:
            return _verify_hmac(as_hmac(scheme), request, keys, now)


def accepted_answer(scheme: SignatureScheme) -> tuple[str, bytes] | None:
    """The media type and the body that the sender waits for; None if any answer with status 200 will do.

    Adyen: docs.adyen.com/development-resources/webhooks, "accept webhooks".
    """
    return ("text/plain; charset=utf-8", b"[accepted]") if isinstance(scheme, Adyen) else None


def is_unsigned_ping(scheme: SignatureScheme, request: WebhookRequest) -> bool:
    """Whether the request is the test of a new webhook that its sender does not sign: it states nothing, and
    wants status 200.

    WooCommerce: `WC_Webhook::deliver_ping` in its source; it sends `webhook_id=7` as a form.
    """
    return (
        isinstance(scheme, WooCommerce)
        and "x-wc-webhook-signature" not in request.headers
        and re.fullmatch(rb"webhook_id=[0-9]{1,20}", request.body) is not None
    )


def _verify_hmac(
    scheme: Hmac, request: WebhookRequest, keys: Sequence[Key], now: datetime
) -> tuple[int, datetime | None]:
    """HMAC of the body in one header, written as the scheme says; perhaps of a time and the body.

    Sources: shopify.dev/docs/apps/build/webhooks/verify-deliveries; WooCommerce, `WC_Webhook::generate_signature`
    in its source; EasyPost, `validate_webhook` of its client libraries (the secret is normalized, form NFKD);
    aftership.com/docs/tracking/webhook/webhook-signature; docs.adyen.com/development-resources/webhooks for the
    webhooks of platforms; developer.zendesk.com/documentation/webhooks/verifying (time, then body, with nothing
    between them).
    """
    given, time = _header(request, scheme.header), scheme.timestamp
    time_text = _header(request, time.header) if time is not None else ""
    message = _message(time, time_text, request.body)
    encode, prefix = _ENCODED[scheme.encoding], scheme.prefix.encode()
    secret = _first(
        (
            key.index
            for key in keys
            if same(given, prefix + encode(hmac_of(key.value, message, scheme.algorithm)))
        ),
        scheme.header,
    )
    if time is None:
        return secret, None
    moment = read_time(time_text, time.unit, time.header)
    return secret, check_time(moment, now, time.tolerance, time.header)


def _message(time: SignedTime | None, time_text: str, body: bytes) -> Sequence[bytes]:
    if time is None:
        return (body,)
    values = {"{timestamp}": wire_bytes(time_text), "{body}": body}
    parts = re.split(r"(\{timestamp\}|\{body\})", time.signed_text)
    return [values.get(part, part.encode()) for part in parts]


def _verify_stripe(
    scheme: Stripe, request: WebhookRequest, keys: Sequence[Key], now: datetime
) -> tuple[int, datetime]:
    """`Stripe-Signature: t=TIME,v1=SIGNATURE,…`: the HMAC-SHA256 of the time, a full stop and the body, in
    hexadecimal. While a secret is rotated there is one v1 for each; other versions, such as v0 of test mode, are
    ignored. The key is the whole secret, with its whsec_.

    Source: docs.stripe.com/webhooks, "verify manually".
    """
    name = "Stripe-Signature"
    pairs = [part.removeprefix(" ").partition("=") for part in _header(request, name).split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    signatures = [value for key, _, value in pairs if key == "v1"][:MOST_SIGNATURES]
    if len(times) != 1 or not signatures or not all(equals for _, equals, _ in pairs):
        raise SignatureMissing(
            f"{name} must have one time and a signature of version 1, as t=TIME,v1=SIGNATURE.",
            header=name,
        )
    message = (wire_bytes(times[0]), b".", request.body)
    expected = [(key.index, binascii.hexlify(hmac_of(key.value, message))) for key in keys]
    secret = _first((n for n, right in expected for one in signatures if same(one, right)), name)
    moment = read_time(times[0], "seconds", name)
    return secret, check_time(moment, now, scheme.tolerance, name)


def _verify_standard(
    scheme: StandardWebhooks, request: WebhookRequest, keys: Sequence[Key], now: datetime
) -> tuple[int, datetime]:
    """`webhook-signature: v1,SIGNATURE v1a,SIGNATURE …` over `webhook-id`, `webhook-timestamp` and the body, with
    full stops between them. v1 is the HMAC-SHA256 by a whsec_ secret, v1a the Ed25519 signature that a whpk_ key
    verifies, both in base64. One that fits is enough.

    Source: the specification of Standard Webhooks 1.0.0, "signature scheme" and "webhook headers".
    """
    name, time_name = "webhook-signature", "webhook-timestamp"
    time_text, delivery = _header(request, time_name), _header(request, "webhook-id")
    # An id may contain full stops, but not end in what could be the time of another split of the same text.
    if re.search(r"\.[0-9]+\Z", delivery):
        raise SignatureWrong(
            "webhook-id must not end in a full stop and digits, or it runs into the time.",
            header="webhook-id",
        )
    message = (wire_bytes(delivery), b".", wire_bytes(time_text), b".", request.body)
    signatures = _header(request, name).split(" ")[:MOST_SIGNATURES]
    secret = _first(
        (key.index for key in keys for one in signatures if _fits_standard(key, one, message)), name
    )
    moment = read_time(time_text, "seconds", time_name)
    return secret, check_time(moment, now, scheme.tolerance, time_name)


def _fits_standard(key: Key, signature: str, message: Sequence[bytes]) -> bool:
    version, _, given = signature.partition(",")
    if key.is_public:
        value = from_base64(given) if version == "v1a" else None
        return value is not None and ed25519_fits(key.value, value, b"".join(message))
    return version == "v1" and same(given, base64.b64encode(hmac_of(key.value, message)))


def _verify_shared(scheme: SharedSecret, request: WebhookRequest, keys: Sequence[Key]) -> int:
    """The secret in the header, after the prefix."""
    given, prefix = _header(request, scheme.header), scheme.prefix.encode()
    return _first((key.index for key in keys if same(given, prefix + key.value)), scheme.header)


def _verify_basic(scheme: HttpBasic, request: WebhookRequest, keys: Sequence[Key]) -> int:
    """`Authorization: Basic` with the base64 of user name, colon and password in UTF-8. The word Basic may be in
    any case.

    Source: RFC 7617.
    """
    word, _, given = _header(request, "Authorization").partition(" ")
    if word.lower() != "basic":
        raise SignatureMissing(
            "Authorization must be HTTP Basic. Give the webhook a user name and a password at the sender.",
            header="Authorization",
        )
    user = scheme.user.encode() + b":"
    return _first(
        (key.index for key in keys if same(given, base64.b64encode(user + key.value))),
        "Authorization",
    )


def _header(request: WebhookRequest, name: str) -> str:
    value = request.headers.get(name.lower(), "")
    if not value:
        raise SignatureMissing(
            f"there is no header {name}. The sender signs each webhook with it once the webhook has a secret; "
            "check that no proxy removes it, and that the scheme of the source is the sender's.",
            header=name,
        )
    return value


def _first(fitting: Iterable[int], header: str) -> int:
    """The index of the first secret that fits."""
    for index in fitting:
        return index
    raise SignatureWrong(
        f"{header} fits none of the secrets of the source. Compare them with the sender's, and check that the body "
        "arrives as it was sent: to the byte, in one header of this name.",
        header=header,
    )
