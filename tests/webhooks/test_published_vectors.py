"""Signatures that senders and standards have published, or that their own libraries have made."""

from datetime import UTC, datetime

import pytest

from domain.sources import signature_schemes as s
from infrastructure.webhooks.errors import SignatureWrong
from infrastructure.webhooks.request import Verified, WebhookRequest
from infrastructure.webhooks.verification import verify

AT = datetime.fromtimestamp(1614265330, UTC)
STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_HEADERS = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
EASYPOST_BODY = (
    b'{"result":{"id":"batch_123...","object":"Batch","mode":"test","state":"created","num_shipments":0,'
    b'"reference":null,"created_at":"2022-07-26T17:22:32Z","updated_at":"2022-07-26T17:22:32Z",'
    b'"scan_form":null,"shipments":[],"status":{"created":0,"queued_for_purchase":0,"creation_failed":0,'
    b'"postage_purchased":0,"postage_purchase_failed":0},"pickup":null,"label_url":null},'
    b'"description":"batch.created","mode":"test","previous_attributes":null,"completed_urls":null,'
    b'"user_id":"user_123...","status":"pending","object":"Event","id":"evt_123..."}'
)
STRIPE_BODY = (
    b'{\n  "id": "evt_test_webhook",\n  "object": "event",\n'
    b'  "data": { "object": { "id": "rdr_123", "object": "terminal.reader" } }\n}'
)
ADYEN_BODY = b"""\
{
    "type": "merchant.created",
    "environment": "test",
    "createdAt": "01-01-2024",
    "data": {
        "capabilities": {
            "sendToTransferInstrument": {
                "requested": true,
                "requestedLevel": "notApplicable"
            }
        },
        "companyId": "YOUR_COMPANY_ID",
        "merchantId": "YOUR_MERCHANT_ACCOUNT",
        "status": "PreActive"
    }
}"""


def accepted(
    scheme: s.SignatureScheme, secret: str, body: bytes, headers: dict[str, str]
) -> Verified:
    return verify(scheme, WebhookRequest(body=body, headers=headers), [secret], AT)


def test_standard_webhooks_hmac() -> None:
    """The tests of its Python library."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    headers = {**STANDARD_HEADERS, "webhook-signature": signature}
    told = accepted(s.StandardWebhooks(), secret, STANDARD_BODY, headers)
    assert told == Verified(secret=0, delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at=AT)
    headers["webhook-signature"] = signature.replace("OE=", "OA=")
    with pytest.raises(SignatureWrong):
        accepted(s.StandardWebhooks(), secret, STANDARD_BODY, headers)


def test_standard_webhooks_ed25519() -> None:
    """The tests of its Go library; the public key of the private one that they name."""
    signature = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
    public = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="
    headers = {**STANDARD_HEADERS, "webhook-signature": signature}
    assert accepted(s.StandardWebhooks(), public, STANDARD_BODY, headers).sent_at == AT


def test_easypost() -> None:
    """The tests of its client libraries; the secret is not ASCII."""
    signature = "e93977c8ccb20363d51a62b3fe1fc402b7829be1152da9e88cf9e8d07115a46b"
    for secret in ("sécret", "se\N{COMBINING ACUTE ACCENT}cret"):
        headers = {"x-hmac-signature": f"hmac-sha256-hex={signature}"}
        told = accepted(s.EasyPost(), secret, EASYPOST_BODY, headers)
        assert (told.delivery_id, told.topic) == ("evt_123...", "batch.created")


def test_stripe() -> None:
    """The body and the secret of the tests of `stripe`; signed by its `generate_signature_header`."""
    signature = "117f2d4aa1697fc9f837f2feca4e5e23ec790ffa7b6b669073d3677ae48c4b5f"
    headers = {"stripe-signature": f"t=1614265330,v1={signature}"}
    told = accepted(s.Stripe(), "whsec_test_secret", STRIPE_BODY, headers)
    assert (told.delivery_id, told.sent_at) == ("evt_test_webhook", AT)


def test_adyen_webhook_with_a_signed_body() -> None:
    """The tests of its Python library."""
    key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    headers = {"hmacsignature": "NiqA5vsdV5etZMOaR27+GBSG4i6JeP6j1wkCM6t53vA="}
    told = accepted(s.Adyen(signed="body"), key, ADYEN_BODY, headers)
    assert told == Verified(secret=0, topic="merchant.created")


def test_shopify() -> None:
    """The example for Shopify in the tests of SQLPage."""
    body = b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}'
    headers = {"x-shopify-hmac-sha256": "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw="}
    assert accepted(s.Shopify(), "test-webhook-secret", body, headers) == Verified(secret=0)


def test_hmac_as_github_documents_it() -> None:
    """docs.github.com, "testing the webhook payload validation"."""
    signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    scheme = s.Hmac(header="X-Hub-Signature-256", prefix="sha256=")
    headers = {"x-hub-signature-256": f"sha256={signature}"}
    secret = "It's a Secret to Everybody"
    assert accepted(scheme, secret, b"Hello, World!", headers) == Verified(secret=0)


@pytest.mark.parametrize(
    ("user", "password", "credentials"),
    [
        ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123£", "dGVzdDoxMjPCow=="),
    ],
)
def test_http_basic(user: str, password: str, credentials: str) -> None:
    """RFC 7617, sections 2 and 2.1."""
    headers = {"authorization": f"Basic {credentials}"}
    assert accepted(s.HttpBasic(user=user), password, b"", headers) == Verified(secret=0)


def test_zendesk_signs_the_time_before_the_body() -> None:
    """An earlier page of Zendesk had an example of the other order; the present one says time and body."""
    headers = {
        "x-zendesk-webhook-signature": "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=",
        "x-zendesk-webhook-signature-timestamp": "2021-07-25T10:00:00Z",
    }
    secret = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA="
    request = WebhookRequest(body=b'{"say": "hello"}', headers=headers)
    with pytest.raises(SignatureWrong):
        verify(s.Zendesk(), request, [secret], datetime(2021, 7, 25, 10, tzinfo=UTC))
