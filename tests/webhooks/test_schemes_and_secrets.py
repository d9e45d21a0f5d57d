"""A scheme is written in a document: each fault is named in its place, and so is a secret that cannot be one."""

import json

import msgspec
import pytest

from domain.errors import Invalid
from domain.sources import signature_schemes as s
from domain.validation import faults_of
from tests.webhooks.signed_requests import PUBLIC, SENDERS, Sender

KIND = s.SignatureScheme


def faults(document: object) -> dict[str, str]:
    return {fault.pointer: fault.detail for fault in faults_of(document, KIND)}


@pytest.mark.parametrize("sender", SENDERS, ids=str)
def test_a_scheme_is_read_as_it_was_written(sender: Sender) -> None:
    written = msgspec.json.encode(sender.scheme)
    assert msgspec.json.decode(written, type=KIND) == sender.scheme
    assert faults(json.loads(written)) == {}
    s.check_secret(sender.scheme, sender.secret)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("shopify", s.Shopify()),
        ("stripe", s.Stripe(tolerance=300)),
        ("adyen", s.Adyen(signed="items")),
        ("woocommerce", s.WooCommerce()),
        ("easypost", s.EasyPost()),
        ("aftership", s.AfterShip()),
        ("standard_webhooks", s.StandardWebhooks(tolerance=300)),
        ("zendesk", s.Zendesk(tolerance=300)),
        ("shared_secret", s.SharedSecret(header="Authorization", prefix="")),
    ],
)
def test_the_name_is_enough(name: str, kind: s.SignatureScheme) -> None:
    assert msgspec.convert({"scheme": name}, KIND) == kind


@pytest.mark.parametrize(
    ("document", "pointer", "detail"),
    [
        ({}, "/scheme", "missing"),
        ({"scheme": "paypal"}, "/scheme", "paypal"),
        ({"scheme": "shopify", "tolerance": 3}, "/tolerance", "unknown field"),
        ({"scheme": "stripe", "tolerance": 0}, "/tolerance", "at least 1"),
        ({"scheme": "zendesk", "tolerance": 90_000}, "/tolerance", "at most 86400"),
        ({"scheme": "stripe", "tolerance": "5m"}, "/tolerance", "whole number"),
        ({"scheme": "adyen", "signed": "item"}, "/signed", "items"),
        ({"scheme": "hmac"}, "/header", "missing"),
        ({"scheme": "hmac", "header": "X Sig"}, "/header", "the name of a header"),
        ({"scheme": "hmac", "header": "X-Sig:"}, "/header", "the name of a header"),
        ({"scheme": "hmac", "header": "X-Sig\n"}, "/header", "the name of a header"),
        ({"scheme": "hmac", "header": "X-Sig", "algorithm": "md5"}, "/algorithm", "sha256"),
        ({"scheme": "hmac", "header": "X-Sig", "encoding": "base32"}, "/encoding", "base64"),
        (
            {"scheme": "hmac", "header": "X-Sig", "prefix": "sha256"},
            "/prefix",
            "neither a letter nor",
        ),
        ({"scheme": "hmac", "header": "X-Sig", "prefix": "é="}, "/prefix", "ASCII"),
        ({"scheme": "hmac", "header": "X-Sig", "secret": "abc"}, "/secret", "unknown field"),
        ({"scheme": "shared_secret", "prefix": "Bearer"}, "/prefix", "with its space"),
        ({"scheme": "http_basic"}, "/user", "missing"),
        ({"scheme": "http_basic", "user": "a:b"}, "/user", "without a colon"),
    ],
    ids=str,
)
def test_a_fault_of_a_scheme_stands_at_its_place(
    document: object, pointer: str, detail: str
) -> None:
    told = faults(document)
    assert list(told) == [pointer]
    assert detail in told[pointer]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document, KIND)


@pytest.mark.parametrize(
    "text",
    [
        "{body}",
        "{timestamp}",
        "",
        "{timestamp}{timestamp}{body}",
        "{timestamp}.{Body}",
        "{timestamp}.{body}{id}",
        "{timestamp}\n{body}",
        "{{timestamp}}{body}",
        "é{timestamp}{body}",
    ],
)
def test_the_signed_text_has_time_and_body_once(text: str) -> None:
    document = {
        "scheme": "hmac",
        "header": "X-Sig",
        "timestamp": {"header": "X-T", "signed_text": text},
    }
    told = faults(document)
    assert list(told) == ["/timestamp/signed_text"]
    assert "{timestamp} and {body} once each" in told["/timestamp/signed_text"]


@pytest.mark.parametrize(
    "text", ["{timestamp}.{body}", "{body}{timestamp}", "v0:{timestamp}:{body}|end"]
)
def test_signed_texts(text: str) -> None:
    document = {
        "scheme": "hmac",
        "header": "X-Sig",
        "timestamp": {"header": "X-T", "signed_text": text},
    }
    assert faults(document) == {}


@pytest.mark.parametrize(
    ("scheme", "secret", "detail"),
    [
        (s.Shopify(), "", "is empty"),
        (s.Shopify(), "  ", "is empty"),
        (s.Shopify(), "a secret of it ", "begins or ends with a space"),
        (s.Shopify(), "a secret of it\n", "begins or ends with a space or a line break"),
        (s.Shopify(), "a secret\x00of it", "control character"),
        (s.Shopify(), "a sec\ud800ret", "control character"),
        (s.Shopify(), "short", "at least 8 bytes"),
        (s.Shopify(), "x" * 1_001, "at most 1000 characters"),
        (s.Stripe(), "sk_live_0123456789", "begins with whsec_; it is not an API key"),
        (s.Adyen(), "not hexadecimal", "must be hexadecimal"),
        (s.Adyen(), "0123456789abcdef0", "an even number"),
        (s.Adyen(signed="body"), "0123 4567 89ab cdef 01", "must be hexadecimal"),
        (s.Adyen(), "abcdef", "at least 8 bytes"),
        (s.Zendesk(), s.ZENDESK_TEST_SECRET, "publishes for tests"),
        (s.StandardWebhooks(), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begin with whsec_"),
        (
            s.StandardWebhooks(),
            "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "which nobody else may have",
        ),
        (s.StandardWebhooks(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "must be base64"),
        (s.StandardWebhooks(), "whsec_", "is empty"),
        (s.StandardWebhooks(), "whsec_AAAA", "at least 8 bytes"),
        (s.StandardWebhooks(), "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "32 bytes in base64"),
        (s.Hmac(header="X", key="base64"), "not base64!", "must be base64"),
        (s.Hmac(header="X", key="hex"), "xyz", "must be hexadecimal"),
    ],
    ids=str,
)
def test_a_secret_that_cannot_be_one_of_the_scheme(
    scheme: s.SignatureScheme, secret: str, detail: str
) -> None:
    with pytest.raises(Invalid) as refused:
        s.check_secret(scheme, secret, "/secrets/0")
    (fault,) = refused.value.faults
    assert fault.pointer == "/secrets/0"
    assert detail in fault.detail
    for told in (str(refused.value), fault.detail):
        assert not secret.strip() or secret.strip() not in told


def test_secrets_that_senders_make() -> None:
    for scheme, secret in (
        (s.Shopify(), "shpss_0123456789abcdef0123456789abcdef"),
        (s.WooCommerce(), "8t1ZR2=xJ$ &<k'L\"0"),
        (s.EasyPost(), "ein längeres Geheimnis"),
        (s.Adyen(), "44782def547aaa06c910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"),
        (s.HttpBasic(user="shop"), "with:colons"),
        (s.StandardWebhooks(), PUBLIC),
    ):
        s.check_secret(scheme, secret)
