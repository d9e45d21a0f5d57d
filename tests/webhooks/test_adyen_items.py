"""Adyen signs eight values of each item: all items must be signed, and nothing of the eight can be changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.sources import signature_schemes as s
from infrastructure.webhooks.errors import SignatureMissing, SignatureRefused, SignatureWrong
from infrastructure.webhooks.request import Verified, WebhookRequest
from infrastructure.webhooks.verification import verify
from tests.mappings.payloads import HERE, PAYLOADS
from tests.webhooks.signed_requests import NOW, b64, sha256

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
OTHER = "74F490DD33F7327BAECC88B2947C011FC02D014A473AAA33A8EC93E4DC069174"
Item = dict[str, Any]
# The example of docs.adyen.com and of the tests of all its libraries.
PUBLISHED: Item = {
    "pspReference": "7914073381342284",
    "merchantReference": "TestPayment-1407325143704",
    "merchantAccountCode": "TestMerchant",
    "amount": {"currency": "EUR", "value": 1130},
    "eventCode": "AUTHORISATION",
    "success": "true",
    "eventDate": "2019-05-06T17:15:34.121+02:00",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}


def signed(key: str = KEY, **changed: Any) -> Item:
    """An item with other values, signed as Adyen's page says."""
    item = {**copy.deepcopy(PUBLISHED), **changed}
    values = (
        item["pspReference"],
        item.get("originalReference", ""),
        item["merchantAccountCode"],
        item["merchantReference"],
        item["amount"]["value"],
        item["amount"]["currency"],
        item["eventCode"],
        item["success"],
    )
    message = ":".join(map(str, values)).encode()
    item["additionalData"] = {"hmacSignature": b64(sha256(bytes.fromhex(key), message))}
    return item


def notification(*items: Item) -> bytes:
    wrapped = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": "false", "notificationItems": wrapped}).encode()


def check(body: bytes, *secrets: str) -> Verified:
    return verify(s.Adyen(), WebhookRequest(body=body, headers={}), secrets or (KEY,), NOW)


SECOND = signed(pspReference="8515131751004933", eventCode="REFUND", originalReference="79140733")


def test_the_published_example() -> None:
    assert check(notification(PUBLISHED)) == Verified(secret=0, shop="TestMerchant")
    assert signed() == PUBLISHED


@HERE
def test_a_real_notification_with_colons_and_backslashes_in_the_reference() -> None:
    item = json.loads((PAYLOADS / "adyen" / "hmac-validation-webhook.json").read_text())
    assert check(notification(item), OTHER) == Verified(secret=0, shop="AntoniStroinski")


def test_the_values_are_signed_and_not_how_they_are_written() -> None:
    escaped = json.dumps(json.loads(notification(PUBLISHED)), indent=3, sort_keys=True)
    assert check(escaped.replace("TestMerchant", "\\u0054estMerchant").encode()).secret == 0
    umlauts = signed(merchantReference="Bestellung Ä/7 🛒")
    assert check(notification(umlauts)).secret == 0
    for none in (None, ""):
        assert check(notification({**PUBLISHED, "originalReference": none})).secret == 0


def test_items_of_one_notification_may_be_signed_by_both_secrets() -> None:
    """Adyen signs an item when it makes it: one that waits keeps its signature while the key is rotated."""
    old = signed(OTHER, merchantReference="before")
    assert check(notification(PUBLISHED, old), KEY, OTHER).secret == 1
    assert check(notification(old), KEY, OTHER).secret == 1
    assert check(notification(PUBLISHED, SECOND), KEY, OTHER).secret == 0
    with pytest.raises(SignatureWrong, match="item 2"):
        check(notification(PUBLISHED, old))


def test_the_shop_is_that_of_all_items_or_no_single_one() -> None:
    assert check(notification(PUBLISHED, SECOND)).shop == "TestMerchant"
    other, none, long = (signed(merchantAccountCode=name) for name in ("Other", "", "ä" * 300))
    assert check(notification(PUBLISHED, other)).shop == "'TestMerchant', 'Other'"
    assert check(notification(other, PUBLISHED, other)).shop == "'Other', 'TestMerchant'"
    assert check(notification(PUBLISHED, none)).shop == "'TestMerchant', ''"
    assert (check(notification(PUBLISHED, long)).shop or "").startswith("'TestMerchant', '")
    many = [signed(merchantAccountCode=f"Account{n:0100}") for n in range(9)]
    assert len(check(notification(*many)).shop or "") > 100


def test_every_item_must_be_signed() -> None:
    bare = {key: value for key, value in SECOND.items() if key != "additionalData"}
    for more in (
        {},
        {"hmacSignature": ""},
        {"hmacSignature": None},
        [],
        "x",
        {"hmacsignature": "a"},
    ):
        unsigned = {**bare, "additionalData": more}
        with pytest.raises(SignatureMissing, match=r"item 2 has no additionalData\.hmacSignature"):
            check(notification(PUBLISHED, unsigned))
        with pytest.raises(SignatureMissing, match="item 1"):
            check(notification(unsigned, PUBLISHED))
    with pytest.raises(SignatureMissing):
        check(notification(PUBLISHED, bare))
    with pytest.raises(SignatureWrong, match="item 2"):
        check(notification(PUBLISHED, {**SECOND, "additionalData": PUBLISHED["additionalData"]}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'{"notificationItems": []}',
        b'{"notificationItems": {}}',
        b'{"notificationItems": null}',
        b'{"notificationItems": [{}]}',
        b'{"notificationItems": ["NotificationRequestItem"]}',
        b'{"notificationItems": [{"NotificationRequestItem": null}]}',
        b'{"notificationItems": "NotificationRequestItem"}',
        notification(PUBLISHED)[:-1],
        notification(PUBLISHED).decode().encode("utf-16"),
        b"\xef\xbb\xbf" + notification(PUBLISHED),
        b"[" * 100_000,
        b'{"notificationItems": [' + b"9" * 5_000 + b"]}",
        b'{"notificationItems": [], ' + notification(PUBLISHED)[1:],
    ],
    ids=range(17),
)
def test_a_body_without_items_is_no_notification(body: bytes) -> None:
    with pytest.raises(SignatureMissing, match="is not a standard notification of Adyen"):
        check(body)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"currency": "EUR", "value": 1131}},
        {"amount": {"currency": "USD", "value": 1130}},
        {"amount": {"currency": "EUR"}},
        {"amount": None},
        {"amount": 1130},
        {"amount": {"currency": "EUR", "value": -1130}},
        {"success": "false"},
        {"success": False},
        {"success": "TRUE"},
        {"eventCode": "REFUND"},
        {"pspReference": "7914073381342285"},
        {"merchantReference": "TestPayment-1407325143705"},
        {"merchantAccountCode": "TestMerchant2"},
        {"originalReference": "7914073381342284"},
    ],
    ids=str,
)
def test_a_changed_value(change: Item) -> None:
    for items in ([{**PUBLISHED, **change}], [SECOND, {**PUBLISHED, **change}]):
        with pytest.raises(SignatureWrong, match=r"hmacSignature of item|is not what Adyen signs"):
            check(notification(*items))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"amount": {"currency": "EUR", "value": 1130.0}}, "value"),
        ({"amount": {"currency": "EUR", "value": "1130"}}, "value"),
        ({"amount": {"currency": "EUR", "value": [1130]}}, "value"),
        ({"success": True}, "success"),
        ({"pspReference": 7914073381342284}, "pspReference"),
        ({"merchantReference": ["TestPayment-1407325143704"]}, "merchantReference"),
    ],
    ids=str,
)
def test_a_value_of_another_type_with_the_same_text(change: Item, name: str) -> None:
    with pytest.raises(SignatureWrong, match=f"`{name}` of item 1 is not what Adyen signs"):
        check(notification({**PUBLISHED, **change}))


def test_no_value_is_taken_from_elsewhere() -> None:
    """A value of the same name beside the signed one would hide a change."""
    for change in (
        {"success": "false", "amount": {**PUBLISHED["amount"], "success": "true"}},
        {"amount": {"currency": "EUR", "value": 9}, "value": 1130},
        {
            "eventCode": "CAPTURE",
            "additionalData": {**PUBLISHED["additionalData"], "eventCode": "AUTHORISATION"},
        },
    ):
        with pytest.raises(SignatureWrong):
            check(notification({**PUBLISHED, **change}))


def test_a_key_that_occurs_twice() -> None:
    body = notification(PUBLISHED)
    for twice in (
        body.replace(b'"value": 1130', b'"value": 99, "value": 1130'),
        body.replace(b'"success"', b'"success": "false", "success"'),
        body.replace(
            b'{"NotificationRequestItem"',
            b'{"NotificationRequestItem": {}, "NotificationRequestItem"',
        ),
    ):
        assert twice != body
        with pytest.raises(SignatureMissing):
            check(twice)


@pytest.mark.parametrize(
    ("reference", "moved"),
    [
        ("A:7", {"merchantAccountCode": "TestMerchant:A", "merchantReference": "7"}),
        ("A:7", {"merchantReference": "A", "amount": {"value": "7:1130", "currency": "EUR"}}),
        (
            "A:7",
            {
                "originalReference": ":TestMerchant",
                "merchantAccountCode": "A",
                "merchantReference": "7",
            },
        ),
    ],
    ids=range(3),
)
def test_no_part_of_a_value_can_be_moved_into_its_neighbour(reference: str, moved: Item) -> None:
    """Nothing in the signed text is escaped."""
    genuine = signed(merchantReference=reference)
    assert check(notification(genuine)).secret == 0
    with pytest.raises(SignatureWrong):
        check(notification({**genuine, **moved}))


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        lambda x: x[:-1],
        lambda x: x + "=",
        lambda x: " " + x,
        lambda x: x[1:],
        lambda x: x + "é\ud800",
    ],
)
def test_a_signature_that_is_written_otherwise(change: Callable[[str], str]) -> None:
    signature = change(PUBLISHED["additionalData"]["hmacSignature"])
    with pytest.raises(SignatureWrong) as refused:
        check(notification({**PUBLISHED, "additionalData": {"hmacSignature": signature}}))
    assert "coqCmt" not in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("secrets", [[OTHER], [""], [], ["zz"], [KEY[:-1]], [KEY + " "]])
def test_another_secret(secrets: list[str]) -> None:
    request = WebhookRequest(body=notification(PUBLISHED), headers={})
    with pytest.raises(SignatureWrong):
        verify(s.Adyen(), request, secrets, NOW)


def test_an_item_that_is_signed_with_an_empty_key() -> None:
    with pytest.raises(SignatureWrong):
        check(notification(signed("")), "", " ")


def told(body: bytes) -> list[Any]:
    names = ("pspReference", "merchantAccountCode", "merchantReference", "eventCode", "success")
    items = [one["NotificationRequestItem"] for one in json.loads(body)["notificationItems"]]
    return [
        [
            *map(item.get, names),
            item.get("originalReference") or "",
            item["amount"]["value"],
            item["amount"]["currency"],
        ]
        for item in items
    ]


WHOLE = notification(PUBLISHED, SECOND)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
@settings(max_examples=400, deadline=None)
def test_any_other_byte_changes_nothing_that_is_signed_or_is_refused(place: int, byte: int) -> None:
    body = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    try:
        check(body)
    except SignatureRefused:
        return
    assert told(body) == told(WHOLE)
