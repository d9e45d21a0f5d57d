"""Client of Stripe's refunds.

Stripe forgets an idempotency key after a day, and until then repeats a 500 for it. So the outcome of a
refund is never read through its key: the refunds of the payment are listed, and ours has our key in its
metadata. The list is also read before a refund is sent. Within the day, the key guards against two
concurrent requests.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, NoReturn

import httpx2
import msgspec
from msgspec import Struct

from application.money.provider import RefundRequest, RefundResult
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.provider_statement import (
    RefundStatus,
    StatementEntry,
    StatementLine,
    UnreadableLine,
)
from domain.orders.signal_body import DEFAULT_SHOP
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
"""The version of these structures. The request names it, since an account may have another default."""
PAGE_SIZE: Final = 100
_DEFINITE_ERRORS: Final = ("card_error", "invalid_request_error")
_UNKNOWN_PAYMENT: Final = "resource_missing"
_UNAUTHORIZED_STATUSES: Final = (401, 403)
_TRANSIENT_STATUSES: Final = (409, 424, 429)
"""Key in use, failed dependency, too many requests: a later attempt may get another answer."""
_PAYMENT_KINDS: Final = {"pi_": "payment_intent", "ch_": "charge", "py_": "charge"}
_STATUS_BY_STRIPE: Final[Mapping[str | None, RefundStatus]] = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
"""Any other status counts as pending: `requires_action`, and any that Stripe may add."""


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
    def result(self) -> RefundResult:
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
            amount=self.result.amount,
            status=self.result.status,
            created_at=datetime.fromtimestamp(self.created, UTC),
        )


class _Listed(Struct, frozen=True):
    """What of a refund is needed to go on after it."""

    id: str


class _Page(Struct, frozen=True):
    data: list[msgspec.Raw]
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
            what = "neither a payment intent (pi_…) nor a charge (ch_…) of Stripe"
            raise RefundRefused(f"{refund.payment} is {what}", "not_a_payment")
        units = to_units(refund.amount)
        with self._connected() as client:
            if found := _find_refund(client, kind, refund):
                amount = refund.amount
                if (found.amount.value, found.amount.currency) != (amount.value, amount.currency):
                    raise RefundKeyReused(
                        f"{found.reference} has the key of refund {refund.key}, but another amount"
                    )
                return found
            _require_currency(client, kind, refund)
            about = {"metadata[casetrail_order]": refund.order}
            if refund.shop != DEFAULT_SHOP:
                about["metadata[casetrail_shop]"] = refund.shop
            form = {
                kind: refund.payment,
                "amount": str(units),
                f"metadata[{METADATA_KEY}]": refund.key,
                **about,
            } | ({"reason": refund.reason} if refund.reason else {})
            headers = {"Idempotency-Key": refund.key}
            answer = send_request(client, "POST", "/v1/refunds", data=form, headers=headers)
        if not answer.is_success:
            _raise_refusal(refund, answer)
        made = parse_response(answer, StripeRefund)
        if made.key != refund.key:
            raise OutcomeUnknown(f"{describe_response(answer)} with another refund: {made.id}")
        return made.result

    def find(self, refund: RefundRequest) -> RefundResult | None:
        kind = _payment_kind(refund.payment)
        if kind is None:
            return None
        with self._connected() as client:
            return _find_refund(client, kind, refund)

    def statement(self, since: datetime | None = None) -> Iterator[StatementEntry]:
        """The refunds, oldest first. `since` is precise to the second, as Stripe's times are."""
        query = {"created[gte]": str(int(since.timestamp()))} if since else {}
        with self._connected() as client:
            newest_first = _list_raw_refunds(client, query)
        oldest_first = enumerate(newest_first[::-1], start=1)
        return iter([_statement_entry(number, raw) for number, raw in oldest_first])


def _find_refund(client: httpx2.Client, kind: str, refund: RefundRequest) -> RefundResult | None:
    """The refund with our key; of several, one that has not failed."""
    listed = _list_refunds(client, {kind: refund.payment})
    found = [made.result for made in listed if made.key == refund.key]
    successful = [result for result in found if result.status is not RefundStatus.FAILED]
    return next(iter(successful or found), None)


def _require_currency(client: httpx2.Client, kind: str, refund: RefundRequest) -> None:
    """Require the payment's currency: a refund at Stripe is a number without a currency."""
    answer = send_request(client, "GET", f"/v1/{kind}s/{refund.payment}")
    if not answer.is_success:
        _raise_refusal(refund, answer)
    currency = parse_response(answer, _Payment).currency.upper()
    if currency != refund.amount.currency:
        detail = f"payment {refund.payment} was made in {currency}, not {refund.amount.currency}"
        raise RefundRefused(detail, "currency_differs")


def _list_refunds(client: httpx2.Client, filters: Mapping[str, str]) -> list[StripeRefund]:
    """All refunds that Stripe lists, newest first; none for an unknown payment. Raises OutcomeUnknown if
    one cannot be read: it could be the one that is looked for."""
    try:
        return [
            msgspec.json.decode(raw, type=StripeRefund)
            for raw in _list_raw_refunds(client, filters)
        ]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OutcomeUnknown(f"a refund in Stripe's list cannot be read: {error}") from None


def _statement_entry(number: int, raw: msgspec.Raw) -> StatementEntry:
    try:
        return msgspec.json.decode(raw, type=StripeRefund).line
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError, OutcomeUnknown) as error:
        told = msgspec.json.decode(raw)
        ids = {name: told.get(name) for name in ("id", "payment_intent")}
        metadata = told.get("metadata")
        key = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
        return UnreadableLine(
            number=number,
            detail=" ".join(str(error).split()),
            reference=str(ids["id"]),
            key=key if isinstance(key, str) else None,
            payment=str(ids["payment_intent"] or ""),
            created_at=_time_of(told.get("created")),
        )


def _time_of(created: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _list_raw_refunds(client: httpx2.Client, filters: Mapping[str, str]) -> list[msgspec.Raw]:
    found: list[msgspec.Raw] = []
    last = ""
    while True:
        after = {"starting_after": last} if last else {}
        query = {"limit": str(PAGE_SIZE), **filters, **after}
        answer = send_request(client, "GET", "/v1/refunds", params=query)
        if not answer.is_success:
            is_unknown = answer.status_code == 404 and not found
            if is_unknown and _parse_error(answer).code == _UNKNOWN_PAYMENT:
                return []
            raise OutcomeUnknown(_describe_error(answer))
        page = parse_response(answer, _Page)
        found += page.data
        if not page.has_more or not page.data:
            return found
        last = _id_of(page.data[-1])


def _id_of(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Listed).id
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OutcomeUnknown(
            f"Stripe's list goes on after a refund without an id: {error}"
        ) from None


def _payment_kind(payment: str) -> str | None:
    return (
        _PAYMENT_KINDS[payment[:3]] if re.fullmatch(r"(pi|ch|py)_\w+", payment, re.ASCII) else None
    )


def _parse_error(answer: httpx2.Response) -> _Error:
    return parse_response(answer, _Refusal).error


def _describe_error(answer: httpx2.Response) -> str:
    if answer.status_code in _UNAUTHORIZED_STATUSES:
        return f"{describe_response(answer)}: Stripe does not accept CASETRAIL_STRIPE_KEY"
    if answer.headers.get("Idempotent-Replayed") == "true":
        return f"{describe_response(answer)} again: it repeats its answer while it keeps the key"
    return describe_response(answer)


def _raise_refusal(refund: RefundRequest, answer: httpx2.Response) -> NoReturn:
    may_change = answer.status_code in (*_UNAUTHORIZED_STATUSES, *_TRANSIENT_STATUSES)
    if may_change or not 400 <= answer.status_code < 500:
        raise OutcomeUnknown(_describe_error(answer))
    error = _parse_error(answer)
    message = error.message or error.code or error.type
    if error.type == "idempotency_error":
        raise RefundKeyReused(f"refund {refund.key}: {message}")
    if error.type in _DEFINITE_ERRORS:
        raise RefundRefused(message, error.code or error.type)
    raise OutcomeUnknown(f"{describe_response(answer)}: {message}")
