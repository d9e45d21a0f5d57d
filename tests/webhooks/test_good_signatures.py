"""What is known of a webhook whose signature fits."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from domain.sources import signature_schemes as s
from infrastructure.webhooks.request import WebhookRequest
from infrastructure.webhooks.verification import accepted_answer, is_unsigned_ping, verify
from tests.webhooks.signed_requests import (
    BY_NAME,
    NOW,
    OTHER_PUBLIC,
    PUBLIC,
    SENDERS,
    SIGNING,
    TIMED,
    WHSEC,
    Sender,
    b64,
    sha256,
    standard,
    with_headers,
)

SHOPIFY = {
    "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    "x-shopify-topic": "orders/create",
    "x-shopify-shop-domain": "lamps.myshopify.com",
}


@pytest.mark.parametrize("sender", SENDERS, ids=str)
def test_a_request_of_the_sender_is_accepted(sender: Sender) -> None:
    told = sender.verify(sender.request())
    assert told.secret == 0
    assert (told.sent_at == NOW) is (sender.time is not None)


@pytest.mark.parametrize("sender", SENDERS, ids=str)
def test_while_a_secret_is_rotated_both_are_valid_and_the_answer_says_which_fitted(
    sender: Sender,
) -> None:
    both = (sender.other, sender.secret)
    assert sender.verify(sender.request(secret=sender.other), both).secret == 0
    assert sender.verify(sender.request(secret=sender.secret), both).secret == 1


@pytest.mark.parametrize("sender", SIGNING, ids=str)
def test_any_bytes_can_be_signed(sender: Sender) -> None:
    for body in (b"", b"\x00\xff{", b"[" * 100_000, b'{"id": "\xff"}', b'{"id": "\\ud800"}', b"[]"):
        told = sender.verify(sender.request(body))
        assert told.topic is None


@pytest.mark.parametrize(
    ("name", "more", "delivery", "topic", "shop"),
    [
        (
            "shopify",
            SHOPIFY,
            SHOPIFY["x-shopify-webhook-id"],
            "orders/create",
            "lamps.myshopify.com",
        ),
        ("stripe", {}, "evt_1", "paid", None),
        ("easypost", {}, "evt_1", "tracker.updated", None),
        ("aftership", {}, "e-1", None, None),
        ("zendesk", {}, "8350205582", "paid", "123456"),
        ("standard", {}, "msg_1", "paid", None),
        ("hmac_with_time", {}, "d-1", None, None),
        ("shared_secret", {}, "d-1", None, None),
        ("hmac", {}, None, None, None),
        ("http_basic", {}, None, None, None),
        ("adyen_body", {}, None, "paid", None),
    ],
)
def test_the_names_that_the_sender_uses(
    name: str, more: dict[str, str], delivery: str | None, topic: str | None, shop: str | None
) -> None:
    sender = BY_NAME[name]
    told = sender.verify(sender.request(more=more))
    assert (told.delivery_id, told.topic, told.shop) == (delivery, topic, shop)


def test_two_orders_of_one_second_are_two_deliveries_of_woocommerce() -> None:
    """Its delivery id is a hash of the webhook and the second."""
    sender = BY_NAME["woocommerce"]
    more = {"x-wc-webhook-delivery-id": "5f1e", "x-wc-webhook-topic": "order.created"}
    told = sender.verify(sender.request(more=more))
    assert (told.delivery_id, told.topic) == (None, "order.created")


@pytest.mark.parametrize("given", ["x" * 201, "a\nb", "", "7\x00"])
def test_a_name_that_cannot_be_kept_is_no_name(given: str) -> None:
    sender = BY_NAME["shopify"]
    more = {"x-shopify-webhook-id": given, "x-shopify-topic": given}
    told = sender.verify(sender.request(more=more))
    assert (told.delivery_id, told.topic) == (None, None)
    body = b'{"id": 7, "type": ["paid"]}'
    assert BY_NAME["stripe"].verify(BY_NAME["stripe"].request(body)).delivery_id is None


@pytest.mark.parametrize("sender", TIMED, ids=str)
def test_a_signed_time_may_differ_by_the_tolerance(sender: Sender) -> None:
    tolerance = timedelta(seconds=60 if sender.name == "hmac_with_time" else 300)
    for at in (NOW - tolerance, NOW + tolerance):
        assert sender.verify(sender.request(at=at)).sent_at == at


def test_a_tolerance_can_be_wider() -> None:
    sender, late = BY_NAME["stripe"], NOW + timedelta(hours=2)
    request = sender.request()
    assert verify(s.Stripe(tolerance=7_200), request, [sender.secret], late).sent_at == NOW


def test_an_iso_time_has_any_zone() -> None:
    scheme = s.Hmac(header="X-Sig", timestamp=s.SignedTime(header="X-Time", unit="iso8601"))
    text = "2026-11-30T11:00:00.123456789+01:00"
    signature = sha256(b"a secret", f"{text}.body".encode()).hex()
    request = WebhookRequest(body=b"body", headers={"x-sig": signature, "x-time": text})
    told = verify(scheme, request, ["a secret"], NOW)
    assert told.sent_at == datetime(2026, 11, 30, 10, 0, 0, 123456, UTC)


def test_the_time_may_be_signed_after_the_body() -> None:
    time = s.SignedTime(header="X-Time", signed_text="{body}|{timestamp}", unit="seconds")
    text = str(int(NOW.timestamp()))
    body = b"with {timestamp} and {body}"
    signature = sha256(b"a secret", body + b"|" + text.encode()).hex()
    request = WebhookRequest(body=body, headers={"x-sig": signature, "x-time": text})
    scheme = s.Hmac(header="X-Sig", timestamp=time)
    assert verify(scheme, request, ["a secret"], NOW).sent_at == NOW


@pytest.mark.parametrize("key", ["base64", "hex"])
def test_a_secret_may_be_an_encoded_key(key: Literal["base64", "hex"]) -> None:
    value = b"\x00\xff a key"
    secret = {"base64": b64(value), "hex": value.hex()}[key]
    request = WebhookRequest(body=b"body", headers={"x-sig": sha256(value, b"body").hex()})
    assert verify(s.Hmac(header="X-Sig", key=key), request, [secret], NOW).secret == 0


def test_one_of_several_signatures_has_to_fit() -> None:
    stripe = BY_NAME["stripe"]
    good = stripe.request()
    time, signature = good.headers["stripe-signature"].split(",")
    wrong = f"v1={'0' * 64}"
    for value in (
        f"{time},{wrong},{signature}",
        f"{time},{signature},{wrong}",
        f"{signature},{time}",
        f"{time}, {signature}, v0={'1' * 64}",
    ):
        assert stripe.verify(with_headers(good, stripe_signature=value)).secret == 0
    name = BY_NAME["standard"]
    good = name.request()
    signature = good.headers["webhook-signature"]
    for value in (f"v1,AAAA {signature}", f"{signature} v1a,AAAA", f"v2,x v9 {signature} v1,"):
        assert name.verify(with_headers(good, webhook_signature=value)).secret == 0


@pytest.mark.parametrize(
    ("secrets", "fits"),
    [([PUBLIC, WHSEC], 0), ([OTHER_PUBLIC, WHSEC], 1), ([WHSEC], 0), ([PUBLIC], 0)],
)
def test_a_sender_moves_from_a_secret_to_a_key_pair(secrets: list[str], fits: int) -> None:
    headers = standard(b"{}", WHSEC, NOW)
    headers["webhook-signature"] += " " + standard(b"{}", PUBLIC, NOW)["webhook-signature"]
    request = WebhookRequest(body=b"{}", headers=headers)
    assert verify(s.StandardWebhooks(), request, secrets, NOW).secret == fits


def test_an_id_may_have_full_stops() -> None:
    headers = standard(b"{}", WHSEC, NOW, delivery="shop.order.a7")
    request = WebhookRequest(body=b"{}", headers=headers)
    assert verify(s.StandardWebhooks(), request, [WHSEC], NOW).delivery_id == "shop.order.a7"


def test_the_word_basic_may_be_in_any_case() -> None:
    sender = BY_NAME["http_basic"]
    request = sender.request()
    changed = request.headers["authorization"].replace("Basic", "bASIC")
    assert sender.verify(with_headers(request, authorization=changed)).secret == 0


def test_raw_headers_are_read_by_lower_case_names_as_latin_1() -> None:
    raw = [(b"X-Sig", b"caf\xc3\xa9"), (b"x-SIG", b"two"), (b"Host", b"shop")]
    request = WebhookRequest.received(b"{}", raw, {"a": "1"})
    assert request.headers == {"x-sig": "caf\xc3\xa9, two", "host": "shop"}
    assert (request.body, request.query) == (b"{}", {"a": "1"})


def test_a_secret_that_is_not_ascii_is_sent_in_utf_8() -> None:
    raw = [(b"Authorization", "Bearer sécret ключ".encode())]
    request = WebhookRequest.received(b"{}", raw, {})
    assert verify(s.SharedSecret(prefix="Bearer "), request, ["sécret ключ"], NOW).secret == 0


def test_adyen_waits_for_a_word() -> None:
    assert accepted_answer(s.Adyen()) == ("text/plain; charset=utf-8", b"[accepted]")
    for sender in SENDERS:
        assert (accepted_answer(sender.scheme) is None) is (sender.name != "adyen_body")


def test_the_ping_of_a_new_webhook_of_woocommerce_is_not_signed() -> None:
    ping = WebhookRequest(body=b"webhook_id=7", headers={})
    assert is_unsigned_ping(s.WooCommerce(), ping)
    assert not is_unsigned_ping(s.Shopify(), ping)
    signed = with_headers(ping, x_wc_webhook_signature="x")
    assert not is_unsigned_ping(s.WooCommerce(), signed)
    for body in (b'{"id": 7}', b"webhook_id=7&order=1", b"webhook_id=7\n", b"", b"webhook_id="):
        assert not is_unsigned_ping(s.WooCommerce(), WebhookRequest(body=body, headers={}))
