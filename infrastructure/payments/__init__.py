"""Payment providers that refund money. A new provider is one module here and one line below."""

import re
from collections.abc import Callable, Mapping

import httpx2

from application.money.provider import PaymentProvider
from infrastructure.payments.local import LocalProvider
from infrastructure.payments.stripe import API_ADDRESS, StripeProvider
from infrastructure.settings import PAYMENTS, STRIPE_KEY, Settings

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class PaymentsUnusable(Exception):
    """The payment provider cannot be used."""


def _make_local(address: str, _: Settings) -> PaymentProvider:
    if not address:
        raise PaymentsUnusable(
            f"{PAYMENTS}=local: has no address; `casetrail provider` prints the one to use"
        )
    return LocalProvider(address)


def _make_stripe(address: str, settings: Settings) -> PaymentProvider:
    key = settings.stripe_key or ""
    if not re.fullmatch(r"(sk|rk)_(test|live)_\w+", key, re.ASCII):
        raise PaymentsUnusable(f"{STRIPE_KEY} is not a secret key of Stripe (sk_… or rk_…)")
    url = httpx2.URL(address or API_ADDRESS)
    if url.scheme == "http" and url.host not in _LOOPBACK_HOSTS:
        raise PaymentsUnusable(
            f"{PAYMENTS}: the secret key must not go to {url.host} unencrypted: use https://"
        )
    return StripeProvider(address or API_ADDRESS, key)


PROVIDERS: Mapping[str, Callable[[str, Settings], PaymentProvider]] = {
    "local": _make_local,
    "stripe": _make_stripe,
}


def provider_of(settings: Settings) -> PaymentProvider | None:
    """The configured provider; None if none is. Raises PaymentsUnusable."""
    if settings.payments is None:
        return None
    kind, colon, address = settings.payments.partition(":")
    if not colon or kind not in PROVIDERS:
        ways = " or ".join(f"{known}:URL" for known in PROVIDERS)
        raise PaymentsUnusable(f"{PAYMENTS} must be {ways}, not {settings.payments!r}")
    if address and not _is_address(address):
        raise PaymentsUnusable(f"{PAYMENTS}: {address!r} is not an http:// or https:// address")
    return PROVIDERS[kind](address, settings)


def _is_address(address: str) -> bool:
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host) and not url.query
