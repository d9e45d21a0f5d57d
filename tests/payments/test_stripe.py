"""What is special about Stripe: keys expire, responses are replayed, currencies have their own units."""

import json
from typing import Any

import httpx2
import msgspec
import pytest

from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.provider_statement import RefundStatus
from domain.currencies import EXPONENTS
from domain.money import Money
from infrastructure.payments.provider import stripe_api
from infrastructure.payments.stripe import PAGE_SIZE, StripeProvider, StripeRefund
from infrastructure.payments.stripe_units import from_units, to_units
from tests.payments.conftest import KEY, ROOT, Running, adapter, refund

PUBLISHED = ROOT.parent / "shared" / "data" / "payloads" / "stripe" / "fixtures3.json"
published = pytest.mark.skipif(
    not PUBLISHED.is_file(), reason="../shared/data/payloads/stripe is not here"
)


def listed(running: Running, **query: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx2.get(f"{running.url}/v1/refunds", params=query, headers=headers)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_a_refund_with_an_expired_key_is_found_and_not_repeated(running: Running) -> None:
    asked, stripe = refund(), adapter("stripe", running.url)
    running.register(asked.payment, "100.00", "EUR")
    running.switch(drop_answer=True, times=1)
    with pytest.raises(OutcomeUnknown):
        stripe.refund(asked)
    running.switch(forget_keys=True)
    stripe.refund(
        refund("1.00", payment=asked.payment)
    )  # after which all earlier keys are forgotten
    found = stripe.find(asked)
    assert found is not None
    assert stripe.refund(asked) == found
    assert [key for key, *_ in running.written(asked.payment)].count(asked.key) == 1
    with pytest.raises(RefundKeyReused):
        stripe.refund(refund("12.00", payment=asked.payment, key=asked.key))


def test_a_500_is_replayed_until_its_key_expires(running: Running) -> None:
    asked, stripe = refund(), adapter("stripe", running.url)
    running.register(asked.payment, "100.00", "EUR")
    running.switch(fail="error", times=1)
    with pytest.raises(OutcomeUnknown):
        stripe.refund(asked)
    with pytest.raises(OutcomeUnknown, match="answered 500 again"):
        stripe.refund(asked)
    assert stripe.find(asked) is None
    running.switch(forget_keys=True, times=1)
    assert stripe.refund(asked).status is RefundStatus.SUCCEEDED
    assert len(running.written(asked.payment)) == 1


def test_our_refund_is_found_among_all_of_a_payment(running: Running) -> None:
    asked, stripe = refund("1.00"), adapter("stripe", running.url)
    running.register(asked.payment, "1000.00", "EUR")
    made = stripe.refund(asked)
    for _ in range(PAGE_SIZE):
        stripe.refund(refund("1.00", payment=asked.payment))
    assert listed(running, payment_intent=asked.payment, limit="100")["has_more"] is True
    assert stripe.find(asked) == made
    assert len(running.written(asked.payment)) == PAGE_SIZE + 1


def test_stripe_gets_the_reason_of_the_refund(running: Running) -> None:
    asked = refund(payment="ch_of_a_duplicate", reason="duplicate")
    running.register(asked.payment, "100.00", "EUR")
    given = adapter("stripe", running.url).refund(asked)
    (made,) = listed(running, charge=asked.payment)["data"]
    ours = {"casetrail_adjustment": asked.key, "casetrail_order": "A-1001"}
    assert (made["id"], made["metadata"], made["reason"]) == (given.reference, ours, "duplicate")
    assert (made["charge"], made["payment_intent"]) == ("ch_of_a_duplicate", None)
    assert (made["amount"], made["currency"]) == (1230, "eur")


def test_stripe_gets_the_shop_of_the_order(running: Running) -> None:
    asked = msgspec.structs.replace(refund(payment="ch_of_the_uk"), shop="uk")
    running.register(asked.payment, "100.00", "EUR")
    adapter("stripe", running.url).refund(asked)
    (made,) = listed(running, charge=asked.payment)["data"]
    told = made["metadata"]
    assert (told["casetrail_order"], told["casetrail_shop"]) == ("A-1001", "uk")


@pytest.mark.parametrize("payment", ["", "P-1", "pi_", "pi_../refunds", "pi_1?x", "src_1", "pi_é"])
def test_an_id_that_is_not_a_stripe_payment_is_refused_without_a_request(payment: str) -> None:
    nowhere = adapter("stripe", "http://127.0.0.1:1")
    asked = msgspec.structs.replace(refund(), payment=payment)
    with pytest.raises(RefundRefused):
        nowhere.refund(asked)
    assert nowhere.find(asked) is None


def test_a_payment_unknown_to_stripe_is_refused(running: Running) -> None:
    asked, stripe = refund(), adapter("stripe", running.url)
    assert stripe.find(asked) is None
    with pytest.raises(RefundRefused) as refused:
        stripe.refund(asked)
    assert refused.value.code == "resource_missing"


def test_a_refused_api_key_names_the_setting(running: Running) -> None:
    with pytest.raises(OutcomeUnknown, match="CASETRAIL_STRIPE_KEY"):
        StripeProvider(running.url, "sk_live_0").refund(refund())


def documented() -> list[str]:
    """Every currency in which Stripe accepts payments, and some others of two decimals."""
    special = (
        f"ISK {stripe_api.ZERO_DECIMAL_CURRENCIES} {stripe_api.THREE_DECIMAL_CURRENCIES}".split()
    )
    return sorted({*special, *(name for name, digits in EXPONENTS.items() if digits == 2)})


@pytest.mark.parametrize("currency", [name for name in documented() if name != "UGX"])
def test_currency_units_match_the_documentation_of_stripe(currency: str) -> None:
    """Compared with the list in the local provider's Stripe API."""
    for amount in ("1", "12", "99999"):
        units = to_units(Money(amount, currency))
        assert units == stripe_api.to_units(amount, currency)
        assert from_units(units, currency.lower()).value == Money(amount, currency).value


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("5", "UGX"), ("5.121", "KWD"), ("0.5", "MGA"), ("0", "EUR"), ("-1", "EUR")],
)
def test_amounts_that_stripe_cannot_represent_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(RefundRefused):
        to_units(Money(amount, currency))


@pytest.mark.parametrize(("units", "currency"), [(500, "ugx"), (4010, "isk"), (1, "xyz")])
def test_an_ambiguous_amount_from_stripe_leaves_the_outcome_unknown(
    units: int, currency: str
) -> None:
    with pytest.raises(OutcomeUnknown):
        from_units(units, currency)


@pytest.mark.parametrize(
    ("told", "status", "failure"),
    [
        ({"status": "succeeded"}, RefundStatus.SUCCEEDED, ""),
        ({"status": "pending"}, RefundStatus.PENDING, ""),
        ({"status": "requires_action"}, RefundStatus.PENDING, ""),
        ({"status": None}, RefundStatus.PENDING, ""),
        ({"status": "canceled"}, RefundStatus.FAILED, "canceled"),
        (
            {"status": "failed", "failure_reason": "lost_or_stolen_card"},
            RefundStatus.FAILED,
            "lost_or_stolen_card",
        ),
    ],
)
def test_every_state_of_stripe_is_read(
    told: dict[str, Any], status: RefundStatus, failure: str
) -> None:
    made = {"id": "re_1", "amount": 1, "currency": "eur", "created": 1, **told}
    given = msgspec.convert(made, StripeRefund).result
    assert (given.status, given.failure) == (status, failure)


@published
def test_a_published_refund_is_read() -> None:
    made = json.loads(PUBLISHED.read_text())["resources"]["refund"]
    line = msgspec.convert(made, StripeRefund).line
    assert (line.reference, line.key, line.payment) == (made["id"], None, made["charge"])
    assert line.amount == Money("1.00", "USD")
    assert line.created_at.timestamp() == made["created"]
    assert line.status is RefundStatus.SUCCEEDED


@published
def test_the_stripe_api_of_the_local_provider_has_the_published_fields(running: Running) -> None:
    """Each field exists in the published example, with the same type where both are set."""
    made = json.loads(PUBLISHED.read_text())["resources"]["refund"]
    asked = refund()
    running.register(asked.payment, "100.00", "EUR")
    adapter("stripe", running.url).refund(asked)
    (told,) = listed(running, payment_intent=asked.payment)["data"]
    assert set(told) <= set(made)
    both = [name for name in told if told[name] is not None and made[name] is not None]
    assert {"id", "amount", "currency", "created", "metadata", "status"} <= set(both)
    assert [name for name in both if type(told[name]) is not type(made[name])] == []
