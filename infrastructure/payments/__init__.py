"""Where money is given back. A new provider: one file here, one line below."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import httpx2

from application.money.provider import PaymentProvider
from infrastructure.payments.local import LocalProvider
from infrastructure.payments.stripe import STRIPE, StripeProvider
from infrastructure.settings import PAYMENTS, STRIPE_KEY, Settings

_OF_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


class PaymentsUnusable(Exception):
    """The payment provider cannot be used."""


def _local(address: str, _: Settings) -> PaymentProvider:
    if not address:
        raise PaymentsUnusable(
            f"{PAYMENTS}=local: names no address; `casetrail provider` tells its"
        )
    return LocalProvider(address)


def _stripe(address: str, settings: Settings) -> PaymentProvider:
    key = settings.stripe_key or ""
    if not re.fullmatch(r"(sk|rk)_(test|live)_\w+", key, re.ASCII):
        raise PaymentsUnusable(f"{STRIPE_KEY} is not a secret key of Stripe's (sk_… or rk_…)")
    url = httpx2.URL(address or STRIPE)
    if url.scheme == "http" and url.host not in _OF_THIS_MACHINE:
        raise PaymentsUnusable(f"{PAYMENTS}: the secret key is not sent to {url.host} in the clear")
    return StripeProvider(address or STRIPE, key)


PROVIDERS: Mapping[str, Callable[[str, Settings], PaymentProvider]] = {
    "local": _local,
    "stripe": _stripe,
}


def provider_of(settings: Settings) -> PaymentProvider | None:
    """The provider that is set; None when none is. Raises PaymentsUnusable."""
    if settings.payments is None:
        return None
    kind, colon, address = settings.payments.partition(":")
    if not colon or kind not in PROVIDERS:
        ways = " or ".join(f"{known}:URL" for known in PROVIDERS)
        raise PaymentsUnusable(f"{PAYMENTS} is {ways}, not {settings.payments!r}")
    if address and not _is_address(address):
        raise PaymentsUnusable(f"{PAYMENTS}: {address!r} is no http:// or https:// address")
    return PROVIDERS[kind](address, settings)


def _is_address(address: str) -> bool:
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host) and not url.query
