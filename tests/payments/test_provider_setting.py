"""CASETRAIL_PAYMENTS chooses the payment provider; an invalid value gets a plain error at once."""

import re
from pathlib import Path

import pytest

from domain.adjustments.provider_statement import RefundStatus
from infrastructure.payments import PaymentsUnusable, provider_of
from infrastructure.settings import Settings, load_settings
from tests.payments.conftest import KEY, Running, refund

HOME = Path("/nowhere")


def settings_with(payments: str, key: str = "") -> Settings:
    return load_settings({"CASETRAIL_PAYMENTS": payments, "CASETRAIL_STRIPE_KEY": key}, HOME)


def test_without_the_setting_there_is_no_provider() -> None:
    assert provider_of(load_settings({}, HOME)) is None
    assert provider_of(settings_with("")) is None


def test_the_printed_setting_connects_the_local_provider(running: Running) -> None:
    found = re.search(r"CASETRAIL_PAYMENTS=(\S+)\)", running.told)
    assert found
    provider = provider_of(settings_with(found[1]))
    assert provider is not None
    assert provider.name == "local"
    assert provider.refund(refund()).status is RefundStatus.SUCCEEDED


def test_stripe_is_connected_with_its_key(running: Running) -> None:
    provider = provider_of(settings_with(f"stripe:{running.url}", KEY))
    assert provider is not None
    assert provider.name == "stripe"
    asked = refund()
    running.register(asked.payment, "20.00", "EUR")
    assert provider.refund(asked).status is RefundStatus.SUCCEEDED


@pytest.mark.parametrize("address", ["", "https://api.stripe.com", "http://[::1]:8331"])
def test_stripe_has_a_default_address(address: str) -> None:
    assert provider_of(settings_with(f"stripe:{address}", "rk_live_0")) is not None


@pytest.mark.parametrize(
    ("payments", "key", "why"),
    [
        ("local", "", "local:URL or stripe:URL"),
        ("http://127.0.0.1:8331", "", "local:URL or stripe:URL"),
        ("paypal:https://x.example", "", "local:URL or stripe:URL"),
        ("local:", "", "has no address"),
        ("local:127.0.0.1:8331", "", "not an http:// or https:// address"),
        ("local:http://", "", "not an http:// or https:// address"),
        ("local:ftp://x.example", "", "not an http:// or https:// address"),
        ("stripe:", "", "CASETRAIL_STRIPE_KEY"),
        ("stripe:", "pk_test_0", "CASETRAIL_STRIPE_KEY"),
        ("stripe:", "sk_test_0\n", "CASETRAIL_STRIPE_KEY"),
        ("stripe:http://x.example", "sk_live_0", "unencrypted"),
    ],
)
def test_an_invalid_setting_gets_a_plain_error(payments: str, key: str, why: str) -> None:
    with pytest.raises(PaymentsUnusable, match=re.escape(why)):
        provider_of(settings_with(payments, key))


def test_the_key_is_not_shown_with_the_settings() -> None:
    found = settings_with("stripe:", "sk_live_secret")
    assert found.stripe_key == "sk_live_secret"
    assert "sk_live" not in f"{found!r} {found}"
    with pytest.raises(PaymentsUnusable) as told:
        provider_of(settings_with("stripe:", "sk_secret"))
    assert "sk_secret" not in str(told.value)
