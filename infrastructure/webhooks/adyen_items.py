"""Verifies the items of Adyen's standard notifications.

Adyen signs no body. Each item carries in `additionalData.hmacSignature` the base64 of the HMAC-SHA256 of eight
of its values with `:` between them: pspReference, originalReference, merchantAccountCode, merchantReference,
amount.value, amount.currency, eventCode and success, an absent one as empty text. The key is the hexadecimal
HMAC key of the webhook. Every other field (eventDate, reason, the rest of additionalData) is unsigned.
Source: docs.adyen.com/development-resources/webhooks/verify-hmac-signatures; no value is escaped, as in Adyen's
own libraries.

Beyond that page: every item must be signed, since what an unsigned one says would be believed. Of the eight,
only merchantReference may contain `:`, or a part of one value could be moved into its neighbour under the same
signature. A key that occurs twice in an object is refused: another reader could take the other one.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from infrastructure.webhooks.errors import SignatureMissing, SignatureWrong
from infrastructure.webhooks.keys import Key, hmac_of, same

HEADER: Final = "additionalData.hmacSignature"
_SIGNED: Final = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "value",
    "currency",
    "eventCode",
    "success",
)
_OF_AMOUNT: Final = ("value", "currency")
_LONGEST_ACCOUNT: Final = 80


def read_items(body: bytes) -> list[dict[str, Any]]:
    """The items of a notification. Raises SignatureMissing if it has none, or is no notification."""
    try:
        document = json.loads(body.decode(), object_pairs_hook=_without_repeats)
        wrapped = document["notificationItems"]
        items = [entry["NotificationRequestItem"] for entry in wrapped]
    except (ValueError, KeyError, TypeError, RecursionError):
        items = []
    if not items or not all(isinstance(item, dict) for item in items):
        raise SignatureMissing(
            "the body is not a standard notification of Adyen: it has no list `notificationItems` with a "
            "`NotificationRequestItem` in each entry. For another webhook of Adyen, set `signed` of the scheme "
            "to `body`.",
            header=HEADER,
        )
    return items


def verify_items(items: Sequence[dict[str, Any]], keys: Sequence[Key]) -> int:
    """The index of the last key that an item needed. Raises SignatureMissing or SignatureWrong."""
    return max(_verify_item(number, item, keys) for number, item in enumerate(items, start=1))


def merchant_accounts(items: Sequence[dict[str, Any]]) -> str:
    """The merchant account of the items. Of several, two in quotes: they are never the one of a source."""
    found = [*dict.fromkeys(str(item.get("merchantAccountCode") or "") for item in items)]
    if len(found) == 1:
        return found[0]
    return ", ".join(ascii(name)[:_LONGEST_ACCOUNT] for name in found[:2])


def _verify_item(number: int, item: dict[str, Any], keys: Sequence[Key]) -> int:
    more = item.get("additionalData")
    given = more.get("hmacSignature") if isinstance(more, dict) else None
    if not isinstance(given, str) or not given:
        raise SignatureMissing(
            f"item {number} has no {HEADER}. Generate an HMAC key for the webhook in Adyen's Customer Area.",
            header=HEADER,
        )
    message = _signed_text(number, item).encode("utf-8", "surrogatepass")
    fitting = [
        key.index for key in keys if same(given, base64.b64encode(hmac_of(key.value, [message])))
    ]
    if not fitting:
        raise SignatureWrong(
            f"{HEADER} of item {number} fits none of the secrets of the source. Compare them with the HMAC key "
            "of the webhook in Adyen's Customer Area.",
            header=HEADER,
        )
    return fitting[0]


def _signed_text(number: int, item: dict[str, Any]) -> str:
    amount = item.get("amount")
    money = amount if isinstance(amount, dict) else {}
    values = {name: (money if name in _OF_AMOUNT else item).get(name) for name in _SIGNED}
    for name, value in values.items():
        if value is not None and not _is_as_signed(name, value):
            wanted = "a whole number" if name == "value" else "a text without a colon"
            raise SignatureWrong(
                f"`{name}` of item {number} is not what Adyen signs, {wanted}.", header=HEADER
            )
    return ":".join("" if value is None else str(value) for value in values.values())


def _is_as_signed(name: str, value: object) -> bool:
    """Strictly by type: `true` and "true" have one signature, and a mapping reads them as two things."""
    if name == "value":
        return type(value) is int
    return isinstance(value, str) and (":" not in value or name == "merchantReference")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
