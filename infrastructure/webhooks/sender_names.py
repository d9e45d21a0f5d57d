"""Where each sender names the delivery, its topic and its shop: in a header, or in a field of its JSON body."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from domain.sources.signature_schemes import (
    Adyen,
    AfterShip,
    EasyPost,
    Hmac,
    HttpBasic,
    SharedSecret,
    Shopify,
    SignatureScheme,
    StandardWebhooks,
    Stripe,
    WooCommerce,
    Zendesk,
)
from infrastructure.webhooks.request import WebhookRequest

LONGEST_NAME: Final = 200
_FIELD: Final = "body."


class Places(Struct, frozen=True, kw_only=True):
    """Names of headers, and of fields of the body as `body.NAME`; empty where there is none."""

    delivery: str = ""
    topic: str = ""
    shop: str = ""


class SenderNames(Struct, frozen=True, kw_only=True):
    delivery_id: str | None
    topic: str | None
    shop: str | None


# Invalid UTF-8 in a text is the ValueError.
_UNREADABLE: Final = (msgspec.DecodeError, ValueError, RecursionError)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PLACES: Final[Mapping[type[SignatureScheme], Places]] = {
    Shopify: Places(
        delivery="X-Shopify-Webhook-Id", topic="X-Shopify-Topic", shop="X-Shopify-Shop-Domain"
    ),
    # X-WC-Webhook-Delivery-ID is a hash of the second: two orders of one second have the same.
    WooCommerce: Places(topic="X-WC-Webhook-Topic", shop="X-WC-Webhook-Source"),
    EasyPost: Places(delivery="body.id", topic="body.description"),
    AfterShip: Places(delivery="body.event_id", topic="body.event"),
    Stripe: Places(delivery="body.id", topic="body.type", shop="body.account"),
    Zendesk: Places(
        delivery="X-Zendesk-Webhook-Invocation-Id", topic="body.type", shop="X-Zendesk-Account-Id"
    ),
    Adyen: Places(topic="body.type"),
    StandardWebhooks: Places(delivery="webhook-id", topic="body.type"),
}


def places_of(scheme: SignatureScheme) -> Places:
    """Where the sender names things; of Adyen, in a body that is signed as a whole."""
    if isinstance(scheme, Hmac | SharedSecret | HttpBasic):
        return Places(delivery=scheme.delivery_header or "")
    return _PLACES.get(type(scheme), Places())


def sender_names(scheme: SignatureScheme, request: WebhookRequest) -> SenderNames:
    """The names in a request. A body that is not a JSON object has none."""
    places = places_of(scheme)
    wanted = (places.delivery, places.topic, places.shop)
    fields = _top_fields(request.body) if any(p.startswith(_FIELD) for p in wanted) else {}

    def read(place: str) -> str | None:
        if place.startswith(_FIELD):
            return usable_name(_text(fields.get(place.removeprefix(_FIELD))))
        return usable_name(request.headers.get(place.lower()))

    return SenderNames(
        delivery_id=read(places.delivery), topic=read(places.topic), shop=read(places.shop)
    )


def usable_name(value: object) -> str | None:
    """The name, if it is one line of 1 to 200 characters; a longer one is no name that can be kept."""
    is_name = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
    return value if is_name and isinstance(value, str) else None


def _top_fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _FIELDS.decode(body)
    except _UNREADABLE:
        return {}


def _text(raw: msgspec.Raw | None) -> object:
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except _UNREADABLE:
        return None
