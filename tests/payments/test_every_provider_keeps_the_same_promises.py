"""What every payment provider promises, asked of each in the same words over a real connection."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from application.money.provider import PaymentProvider, Refund
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.statement import GivenStatus
from domain.money import Money
from tests.payments.conftest import Kind, Running, adapter, eventually, refund

PLENTY = "100000"


@pytest.fixture
def asked(running: Running) -> Refund:
    """A refund of a payment that the provider knows and that was large enough."""
    return known(running, refund())


def known(running: Running, refund: Refund, captured: str = PLENTY) -> Refund:
    running.register(refund.payment, captured, refund.amount.currency)
    return refund


def once(running: Running, asked: Refund) -> bool:
    """Whether the ledger has the refund exactly once."""
    written = running.written(asked.payment)
    return [key for key, *_ in written] == [asked.key]


def test_money_goes_back(provider: PaymentProvider, running: Running, asked: Refund) -> None:
    given = provider.refund(asked)
    assert (given.amount, given.status) == (Money("12.30", "EUR"), GivenStatus.SUCCEEDED)
    assert running.written(asked.payment) == [(asked.key, "12.30", "succeeded")]


def test_asked_again_with_its_key_it_is_the_same_refund(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    assert provider.refund(asked) == provider.refund(asked) == provider.find(asked)
    assert once(running, asked)


def test_asked_by_many_at_once_it_is_made_once(
    kind: Kind, provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    with ThreadPoolExecutor(8) as pool:
        each = [pool.submit(provider.refund, asked) for _ in range(16)]
    assert len({one.result().reference for one in each}) == 1
    assert once(running, asked)


def test_the_key_does_not_stand_for_another_refund(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    provider.refund(asked)
    with pytest.raises(RefundKeyReused, match=asked.key):
        provider.refund(refund("12.31", key=asked.key, payment=asked.payment))
    assert once(running, asked)


def test_a_lost_answer_is_found_again_and_nothing_is_doubled(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    running.switch(drop_answer=True, times=1)
    with pytest.raises(OutcomeUnknown):
        provider.refund(asked)
    found = provider.find(asked)
    assert found is not None
    assert (found.amount, found.status) == (asked.amount, GivenStatus.SUCCEEDED)
    assert provider.refund(asked) == found
    assert once(running, asked)


def test_a_provider_that_is_too_slow_leaves_it_unknown_until_it_is_done(
    kind: Kind, provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    running.switch(delay_seconds=3, times=1)
    with pytest.raises(OutcomeUnknown):
        adapter(kind, running.url, patience_seconds=1).refund(asked)
    assert provider.find(asked) is None  # it is on its way yet
    eventually(lambda: provider.find(asked))
    provider.refund(asked)
    assert once(running, asked)


def test_a_provider_that_breaks_leaves_it_unknown_and_has_done_nothing(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    running.switch(fail="error", times=1)
    with pytest.raises(OutcomeUnknown, match="500"):
        provider.refund(asked)
    assert provider.find(asked) is None
    assert running.written(asked.payment) == []


def test_a_definite_no_is_told_in_the_providers_words(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    running.switch(fail="refuse", times=1)
    with pytest.raises(RefundRefused) as refused:
        provider.refund(asked)
    assert "bank" in refused.value.detail
    assert refused.value.code in ("refused", "charge_not_refundable")
    assert provider.find(asked) is None


def test_more_than_was_captured_does_not_go_back(
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


def test_refunds_of_one_payment_at_once_never_exceed_it(
    provider: PaymentProvider, running: Running
) -> None:
    payment = known(running, refund("30.00"), captured="100.00").payment
    asked = [refund("30.00", payment=payment) for _ in range(8)]

    def succeeds(one: Refund) -> bool:
        try:
            return provider.refund(one).status is GivenStatus.SUCCEEDED
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
def test_amounts_arrive_in_the_unit_of_their_currency(
    provider: PaymentProvider, running: Running, amount: str, currency: str
) -> None:
    asked = known(running, refund(amount, currency))
    given = provider.refund(asked)
    assert (given.amount.value, given.amount.currency) == (asked.amount.value, currency)
    ((_, written, _),) = running.written(asked.payment)
    assert Money(written, currency).value == asked.amount.value


@pytest.mark.parametrize("amount", ["0", "0.00", "-1"])
def test_nothing_and_less_are_refused(
    provider: PaymentProvider, running: Running, amount: str
) -> None:
    asked = known(running, refund(amount))
    with pytest.raises(RefundRefused):
        provider.refund(asked)
    assert running.written(asked.payment) == []


def test_a_refund_that_is_pending_comes_to_its_end(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    running.switch(status="pending", times=1)
    given = provider.refund(asked)
    assert given.status is GivenStatus.PENDING
    running.post(f"/refunds/{given.reference}/settle", status="failed", failure="account_closed")
    found = provider.find(asked)
    assert found is not None
    assert (found.reference, found.status) == (given.reference, GivenStatus.FAILED)
    assert found.failure == "account_closed"


def test_what_nobody_asked_for_is_not_found(
    provider: PaymentProvider, running: Running, asked: Refund
) -> None:
    assert provider.find(asked) is None
    provider.refund(asked)
    assert provider.find(refund(payment=asked.payment)) is None


def test_the_statement_has_each_refund_once_and_in_order(
    provider: PaymentProvider, running: Running, asked: Refund
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


def test_a_provider_that_is_not_there_leaves_everything_unknown(kind: Kind) -> None:
    nowhere = adapter(kind, "http://127.0.0.1:1")
    with pytest.raises(OutcomeUnknown):
        nowhere.refund(refund())
    with pytest.raises(OutcomeUnknown):
        nowhere.find(refund())
    with pytest.raises(OutcomeUnknown):
        nowhere.statement()
