"""The promises of every payment provider, tested for each over a real connection."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from application.money.provider import PaymentProvider, RefundRequest
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.provider_statement import RefundStatus
from domain.money import Money
from tests.payments.conftest import Kind, Running, adapter, eventually, refund

PLENTY = "100000"


@pytest.fixture
def asked(running: Running) -> RefundRequest:
    """A refund of a payment that the provider knows and that is large enough."""
    return known(running, refund())


def known(running: Running, refund: RefundRequest, captured: str = PLENTY) -> RefundRequest:
    running.register(refund.payment, captured, refund.amount.currency)
    return refund


def once(running: Running, asked: RefundRequest) -> bool:
    """Whether the ledger has the refund exactly once."""
    written = running.written(asked.payment)
    return [key for key, *_ in written] == [asked.key]


def test_a_refund_is_made(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    given = provider.refund(asked)
    assert (given.amount, given.status) == (Money("12.30", "EUR"), RefundStatus.SUCCEEDED)
    assert running.written(asked.payment) == [(asked.key, "12.30", "succeeded")]


def test_a_repeated_key_returns_the_same_refund(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    assert provider.refund(asked) == provider.refund(asked) == provider.find(asked)
    assert once(running, asked)


def test_concurrent_requests_with_one_key_make_one_refund(
    kind: Kind, provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    with ThreadPoolExecutor(8) as pool:
        each = [pool.submit(provider.refund, asked) for _ in range(16)]
    assert len({one.result().reference for one in each}) == 1
    assert once(running, asked)


def test_a_key_cannot_be_reused_for_another_refund(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    provider.refund(asked)
    with pytest.raises(RefundKeyReused, match=asked.key):
        provider.refund(refund("12.31", key=asked.key, payment=asked.payment))
    assert once(running, asked)


def test_a_refund_with_a_lost_response_is_found_and_not_repeated(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    running.switch(drop_answer=True, times=1)
    with pytest.raises(OutcomeUnknown):
        provider.refund(asked)
    found = provider.find(asked)
    assert found is not None
    assert (found.amount, found.status) == (asked.amount, RefundStatus.SUCCEEDED)
    assert provider.refund(asked) == found
    assert once(running, asked)


def test_a_slow_refund_is_unknown_until_it_is_made(
    kind: Kind, provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    running.switch(delay_seconds=3, times=1)
    with pytest.raises(OutcomeUnknown):
        adapter(kind, running.url, patience_seconds=1).refund(asked)
    assert provider.find(asked) is None  # still in progress
    eventually(lambda: provider.find(asked))
    provider.refund(asked)
    assert once(running, asked)


def test_a_failing_provider_leaves_the_outcome_unknown_and_makes_no_refund(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    running.switch(fail="error", times=1)
    with pytest.raises(OutcomeUnknown, match="500"):
        provider.refund(asked)
    assert provider.find(asked) is None
    assert running.written(asked.payment) == []


def test_a_refusal_has_the_words_of_the_provider(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    running.switch(fail="refuse", times=1)
    with pytest.raises(RefundRefused) as refused:
        provider.refund(asked)
    assert "bank" in refused.value.detail
    assert refused.value.code in ("refused", "charge_not_refundable")
    assert provider.find(asked) is None


def test_a_refund_above_the_captured_amount_is_refused(
    provider: PaymentProvider, running: Running
) -> None:
    first = known(running, refund("60.00"), captured="100.00")
    provider.refund(first)
    with pytest.raises(RefundRefused):
        provider.refund(refund("40.01", payment=first.payment))
    provider.refund(refund("40.00", payment=first.payment))
    with pytest.raises(RefundRefused):
        provider.refund(refund("0.01", payment=first.payment))
    assert [amount for _, amount, _ in running.written(first.payment)] == ["60.00", "40.00"]


def test_concurrent_refunds_never_exceed_their_payment(
    provider: PaymentProvider, running: Running
) -> None:
    payment = known(running, refund("30.00"), captured="100.00").payment
    asked = [refund("30.00", payment=payment) for _ in range(8)]

    def succeeds(one: RefundRequest) -> bool:
        try:
            return provider.refund(one).status is RefundStatus.SUCCEEDED
        except RefundRefused:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(succeeds, asked)) == 3
    assert len(running.written(payment)) == 3


def test_a_refund_in_another_currency_than_the_payment_is_refused(
    provider: PaymentProvider, running: Running
) -> None:
    paid = known(running, refund("10.00", "USD"))
    with pytest.raises(RefundRefused, match="USD"):
        provider.refund(refund("10.00", "EUR", payment=paid.payment))
    assert running.written(paid.payment) == []


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("500", "JPY"), ("500", "ISK"), ("5.120", "KWD"), ("7", "MGA"), ("0.01", "BRL"), ("9", "VND")],
)
def test_amounts_are_sent_in_the_unit_of_their_currency(
    provider: PaymentProvider, running: Running, amount: str, currency: str
) -> None:
    asked = known(running, refund(amount, currency))
    given = provider.refund(asked)
    assert (given.amount.value, given.amount.currency) == (asked.amount.value, currency)
    ((_, written, _),) = running.written(asked.payment)
    assert Money(written, currency).value == asked.amount.value


@pytest.mark.parametrize("amount", ["0", "0.00", "-1"])
def test_zero_and_negative_amounts_are_refused(
    provider: PaymentProvider, running: Running, amount: str
) -> None:
    asked = known(running, refund(amount))
    with pytest.raises(RefundRefused):
        provider.refund(asked)
    assert running.written(asked.payment) == []


def test_a_pending_refund_is_settled_later(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    running.switch(status="pending", times=1)
    given = provider.refund(asked)
    assert given.status is RefundStatus.PENDING
    running.post(f"/refunds/{given.reference}/settle", status="failed", failure="account_closed")
    found = provider.find(asked)
    assert found is not None
    assert (found.reference, found.status) == (given.reference, RefundStatus.FAILED)
    assert found.failure == "account_closed"


def test_a_refund_that_nobody_requested_is_not_found(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    assert provider.find(asked) is None
    provider.refund(asked)
    assert provider.find(refund(payment=asked.payment)) is None


def test_the_statement_has_each_refund_once_and_in_order(
    provider: PaymentProvider, running: Running, asked: RefundRequest
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    more = [refund("1.00", payment=asked.payment) for _ in range(104)]
    made = [provider.refund(one).reference for one in (asked, *more)]
    lines = [line for line in provider.statement(before) if line.payment == asked.payment]
    assert [line.reference for line in lines] == made
    assert [line.key for line in lines] == [one.key for one in (asked, *more)]
    assert sum(line.amount.value for line in lines) == asked.amount.value + 104
    assert [line.created_at for line in lines] == sorted(line.created_at for line in lines)
    assert all(before <= line.created_at <= datetime.now(UTC) for line in lines)
    assert set(made) <= {line.reference for line in provider.statement()}
    assert list(provider.statement(datetime.now(UTC) + timedelta(days=1))) == []


def test_an_unreachable_provider_leaves_the_outcome_unknown(kind: Kind) -> None:
    nowhere = adapter(kind, "http://127.0.0.1:1")
    with pytest.raises(OutcomeUnknown):
        nowhere.refund(refund())
    with pytest.raises(OutcomeUnknown):
        nowhere.find(refund())
    with pytest.raises(OutcomeUnknown):
        nowhere.statement()
