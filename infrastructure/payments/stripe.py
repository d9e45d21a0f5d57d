"""Stripe's refunds.

Stripe forgets a key once it is a day old, and then takes it for a new one; and a 500 is given again
for as long as the key is known. So what became of a refund is never read from its key: the refunds
of its payment are listed, and ours is the one whose metadata name it. That is looked at before
anything is sent, too; within the day the key guards against two that are sent at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, NoReturn

import httpx2
from msgspec import Struct

from application.money.provider import Given, Refund
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.statement import GivenStatus, StatementLine
from domain.money import Money
from infrastructure.payments.http_client import PATIENCE_SECONDS, ask, connected, read, told_by
from infrastructure.payments.stripe_units import money_of, units_of

STRIPE: Final = "https://api.stripe.com"
OURS: Final = "casetrail_adjustment"
VERSION: Final = "2024-06-20"
"""Whose shapes these are, whatever the account's own version is."""
PAGE: Final = 100
_DEFINITE: Final = ("card_error", "invalid_request_error")
_UNKNOWN: Final = "resource_missing"
_NOT_LET_IN: Final = (401, 403)
_PASSING: Final = (409, 424, 429)
"""In use by another request, waiting for somebody else, too many: later the answer may differ."""
_KINDS: Final = {"pi_": "payment_intent", "ch_": "charge", "py_": "charge"}
_STATUS: Final[Mapping[str | None, GivenStatus]] = {
    "succeeded": GivenStatus.SUCCEEDED,
    "failed": GivenStatus.FAILED,
    "canceled": GivenStatus.FAILED,
}
"""All else is pending: `requires_action`, and what Stripe may come to say one day."""


class StripeRefund(Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    currency: str
    created: int
    status: str | None = None
    charge: str | None = None
    payment_intent: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def key(self) -> str | None:
        return (self.metadata or {}).get(OURS)

    @property
    def given(self) -> Given:
        return Given(
            reference=self.id,
            amount=money_of(self.amount, self.currency),
            status=_STATUS.get(self.status, GivenStatus.PENDING),
            failure=self.failure_reason or ("canceled" if self.status == "canceled" else ""),
        )

    @property
    def line(self) -> StatementLine:
        return StatementLine(
            reference=self.id,
            key=self.key,
            payment=self.payment_intent or self.charge or "",
            amount=self.given.amount,
            status=self.given.status,
            created_at=datetime.fromtimestamp(self.created, UTC),
        )


class _Page(Struct, frozen=True):
    data: list[StripeRefund]
    has_more: bool


class _Payment(Struct, frozen=True):
    currency: str


class _Error(Struct, frozen=True):
    type: str
    code: str | None = None
    message: str | None = None


class _Refusal(Struct, frozen=True):
    error: _Error


class StripeProvider:
    name = "stripe"

    def __init__(
        self, address: str, secret: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        headers = {"Authorization": f"Bearer {secret}", "Stripe-Version": VERSION}
        self._connected = partial(connected, address, patience_seconds, headers)

    def refund(self, refund: Refund) -> Given:
        kind = _kind(refund.payment)
        if kind is None:
            said = (
                f"{refund.payment} is neither a payment intent (pi_…) nor a charge (ch_…) of Stripe"
            )
            raise RefundRefused(said, "not_a_payment")
        units = units_of(refund.amount)
        with self._connected() as client:
            if made := _found(client, kind, refund):
                if not _same(made.amount, refund.amount):
                    raise RefundKeyReused(f"{made.reference} has the key of refund {refund.key}")
                return made
            _see_its_currency(client, kind, refund)
            form = {
                kind: refund.payment,
                "amount": str(units),
                f"metadata[{OURS}]": refund.key,
                "metadata[casetrail_order]": refund.order,
            } | ({"reason": refund.reason} if refund.reason else {})
            headers = {"Idempotency-Key": refund.key}
            answer = ask(client, "POST", "/v1/refunds", data=form, headers=headers)
        if not answer.is_success:
            _refused(refund, answer)
        told = read(answer, StripeRefund)
        if told.key != refund.key:
            raise OutcomeUnknown(f"{told_by(answer)} with another refund: {told.id}")
        return told.given

    def find(self, refund: Refund) -> Given | None:
        kind = _kind(refund.payment)
        if kind is None:
            return None
        with self._connected() as client:
            return _found(client, kind, refund)

    def statement(self, since: datetime | None = None) -> Iterator[StatementLine]:
        """To the second, which is all that Stripe tells."""
        narrowed = {"created[gte]": str(int(since.timestamp()))} if since else {}
        with self._connected() as client:
            newest_first = _all(client, narrowed)
        return iter([made.line for made in newest_first[::-1]])


def _found(client: httpx2.Client, kind: str, refund: Refund) -> Given | None:
    """Of several, one that has not failed: the statement shows them all."""
    listed = _all(client, {kind: refund.payment})
    found = [made.given for made in listed if made.key == refund.key]
    standing = [given for given in found if given.status is not GivenStatus.FAILED]
    return next(iter(standing or found), None)


def _see_its_currency(client: httpx2.Client, kind: str, refund: Refund) -> None:
    """A refund at Stripe is a number, in whatever currency the payment was made."""
    answer = ask(client, "GET", f"/v1/{kind}s/{refund.payment}")
    if not answer.is_success:
        _refused(refund, answer)
    currency = read(answer, _Payment).currency.upper()
    if currency != refund.amount.currency:
        said = f"payment {refund.payment} was made in {currency}, not {refund.amount.currency}"
        raise RefundRefused(said, "currency_differs")


def _all(client: httpx2.Client, narrowed: Mapping[str, str]) -> list[StripeRefund]:
    """Every refund that Stripe lists, newest first; none for a payment that it does not know."""
    found: list[StripeRefund] = []
    while True:
        after = {"starting_after": found[-1].id} if found else {}
        query = {"limit": str(PAGE), **narrowed, **after}
        answer = ask(client, "GET", "/v1/refunds", params=query)
        if answer.status_code == 404 and not found and _error(answer).code == _UNKNOWN:
            return []
        if not answer.is_success:
            raise OutcomeUnknown(_said(answer))
        page = read(answer, _Page)
        found += page.data
        if not page.has_more or not page.data:
            return found


def _kind(payment: str) -> str | None:
    return _KINDS[payment[:3]] if re.fullmatch(r"(pi|ch|py)_\w+", payment, re.ASCII) else None


def _same(one: Money, other: Money) -> bool:
    return (one.value, one.currency) == (other.value, other.currency)


def _error(answer: httpx2.Response) -> _Error:
    return read(answer, _Refusal).error


def _said(answer: httpx2.Response) -> str:
    if answer.status_code in _NOT_LET_IN:
        return f"{told_by(answer)}: CASETRAIL_STRIPE_KEY does not let us in"
    if answer.headers.get("Idempotent-Replayed") == "true":
        return f"{told_by(answer)} once, and says so again for as long as it knows the key"
    return told_by(answer)


def _refused(refund: Refund, answer: httpx2.Response) -> NoReturn:
    passing = answer.status_code in (*_NOT_LET_IN, *_PASSING)
    if passing or not 400 <= answer.status_code < 500:
        raise OutcomeUnknown(_said(answer))
    error = _error(answer)
    said = error.message or error.code or error.type
    if error.type == "idempotency_error":
        raise RefundKeyReused(f"refund {refund.key}: {said}")
    if error.type in _DEFINITE:
        raise RefundRefused(said, error.code or error.type)
    raise OutcomeUnknown(f"{told_by(answer)}: {said}")
