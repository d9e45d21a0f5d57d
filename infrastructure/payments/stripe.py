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

from application.money.provider import RefundRequest, RefundResult
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.provider_statement import RefundStatus, StatementLine
from domain.money import Money
from infrastructure.payments.http_client import (
    TIMEOUT_SECONDS,
    describe_response,
    open_client,
    parse_response,
    send_request,
)
from infrastructure.payments.stripe_units import from_units, to_units

API_ADDRESS: Final = "https://api.stripe.com"
METADATA_KEY: Final = "casetrail_adjustment"
API_VERSION: Final = "2024-06-20"
"""Whose shapes these are, whatever the account's own version is."""
PAGE_SIZE: Final = 100
_DEFINITE_ERRORS: Final = ("card_error", "invalid_request_error")
_UNKNOWN_PAYMENT: Final = "resource_missing"
_UNAUTHORIZED_STATUSES: Final = (401, 403)
_TRANSIENT_STATUSES: Final = (409, 424, 429)
"""In use by another request, waiting for somebody else, too many: later the answer may differ."""
_PAYMENT_KINDS: Final = {"pi_": "payment_intent", "ch_": "charge", "py_": "charge"}
_STATUS_BY_STRIPE: Final[Mapping[str | None, RefundStatus]] = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
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
        return (self.metadata or {}).get(METADATA_KEY)

    @property
    def given(self) -> RefundResult:
        return RefundResult(
            reference=self.id,
            amount=from_units(self.amount, self.currency),
            status=_STATUS_BY_STRIPE.get(self.status, RefundStatus.PENDING),
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
        self, address: str, secret: str, patience_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        headers = {"Authorization": f"Bearer {secret}", "Stripe-Version": API_VERSION}
        self._connected = partial(open_client, address, patience_seconds, headers)

    def refund(self, refund: RefundRequest) -> RefundResult:
        kind = _payment_kind(refund.payment)
        if kind is None:
            said = (
                f"{refund.payment} is neither a payment intent (pi_…) nor a charge (ch_…) of Stripe"
            )
            raise RefundRefused(said, "not_a_payment")
        units = to_units(refund.amount)
        with self._connected() as client:
            if made := _find_refund(client, kind, refund):
                if not _is_same_amount(made.amount, refund.amount):
                    raise RefundKeyReused(f"{made.reference} has the key of refund {refund.key}")
                return made
            _require_currency(client, kind, refund)
            form = {
                kind: refund.payment,
                "amount": str(units),
                f"metadata[{METADATA_KEY}]": refund.key,
                "metadata[casetrail_order]": refund.order,
            } | ({"reason": refund.reason} if refund.reason else {})
            headers = {"Idempotency-Key": refund.key}
            answer = send_request(client, "POST", "/v1/refunds", data=form, headers=headers)
        if not answer.is_success:
            _to_refusal(refund, answer)
        told = parse_response(answer, StripeRefund)
        if told.key != refund.key:
            raise OutcomeUnknown(f"{describe_response(answer)} with another refund: {told.id}")
        return told.given

    def find(self, refund: RefundRequest) -> RefundResult | None:
        kind = _payment_kind(refund.payment)
        if kind is None:
            return None
        with self._connected() as client:
            return _find_refund(client, kind, refund)

    def statement(self, since: datetime | None = None) -> Iterator[StatementLine]:
        """To the second, which is all that Stripe tells."""
        narrowed = {"created[gte]": str(int(since.timestamp()))} if since else {}
        with self._connected() as client:
            newest_first = _list_refunds(client, narrowed)
        return iter([made.line for made in newest_first[::-1]])


def _find_refund(client: httpx2.Client, kind: str, refund: RefundRequest) -> RefundResult | None:
    """Of several, one that has not failed: the statement shows them all."""
    listed = _list_refunds(client, {kind: refund.payment})
    found = [made.given for made in listed if made.key == refund.key]
    standing = [given for given in found if given.status is not RefundStatus.FAILED]
    return next(iter(standing or found), None)


def _require_currency(client: httpx2.Client, kind: str, refund: RefundRequest) -> None:
    """A refund at Stripe is a number, in whatever currency the payment was made."""
    answer = send_request(client, "GET", f"/v1/{kind}s/{refund.payment}")
    if not answer.is_success:
        _to_refusal(refund, answer)
    currency = parse_response(answer, _Payment).currency.upper()
    if currency != refund.amount.currency:
        said = f"payment {refund.payment} was made in {currency}, not {refund.amount.currency}"
        raise RefundRefused(said, "currency_differs")


def _list_refunds(client: httpx2.Client, narrowed: Mapping[str, str]) -> list[StripeRefund]:
    """Every refund that Stripe lists, newest first; none for a payment that it does not know."""
    found: list[StripeRefund] = []
    while True:
        after = {"starting_after": found[-1].id} if found else {}
        query = {"limit": str(PAGE_SIZE), **narrowed, **after}
        answer = send_request(client, "GET", "/v1/refunds", params=query)
        if (
            answer.status_code == 404
            and not found
            and _parse_error(answer).code == _UNKNOWN_PAYMENT
        ):
            return []
        if not answer.is_success:
            raise OutcomeUnknown(_describe_error(answer))
        page = parse_response(answer, _Page)
        found += page.data
        if not page.has_more or not page.data:
            return found


def _payment_kind(payment: str) -> str | None:
    return (
        _PAYMENT_KINDS[payment[:3]] if re.fullmatch(r"(pi|ch|py)_\w+", payment, re.ASCII) else None
    )


def _is_same_amount(one: Money, other: Money) -> bool:
    return (one.value, one.currency) == (other.value, other.currency)


def _parse_error(answer: httpx2.Response) -> _Error:
    return parse_response(answer, _Refusal).error


def _describe_error(answer: httpx2.Response) -> str:
    if answer.status_code in _UNAUTHORIZED_STATUSES:
        return f"{describe_response(answer)}: CASETRAIL_STRIPE_KEY does not let us in"
    if answer.headers.get("Idempotent-Replayed") == "true":
        return (
            f"{describe_response(answer)} once, and says so again for as long as it knows the key"
        )
    return describe_response(answer)


def _to_refusal(refund: RefundRequest, answer: httpx2.Response) -> NoReturn:
    passing = answer.status_code in (*_UNAUTHORIZED_STATUSES, *_TRANSIENT_STATUSES)
    if passing or not 400 <= answer.status_code < 500:
        raise OutcomeUnknown(_describe_error(answer))
    error = _parse_error(answer)
    said = error.message or error.code or error.type
    if error.type == "idempotency_error":
        raise RefundKeyReused(f"refund {refund.key}: {said}")
    if error.type in _DEFINITE_ERRORS:
        raise RefundRefused(said, error.code or error.type)
    raise OutcomeUnknown(f"{describe_response(answer)}: {said}")
