"""Stripe's refund API over the same ledger (`Authorization: Bearer sk_test_…`).

Its units, keys and pages are written from Stripe's documentation and not shared with the client, so that
the client is not tested against its own reading of them. Like Stripe, it is stricter than the provider's
own API: a payment must be registered, and a 500 is repeated for the same key.
"""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from infrastructure.payments.provider.ledger import KeyedAnswer, Ledger, LedgerRefund, Payment
from infrastructure.payments.provider.messages import (
    ProviderRequest,
    ProviderResponse,
    json_response,
)
from infrastructure.payments.provider.switches import FaultSwitches

ZERO_DECIMAL_CURRENCIES = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
THREE_DECIMAL_CURRENCIES = "BHD JOD KWD OMR TND"
REFUND_REASONS = frozenset(["requested_by_customer", "duplicate", "fraudulent"])
_API_NAME = "stripe"
_PAYMENT_KINDS = {"pi_": "payment_intent", "ch_": "charge", "py_": "charge"}


class StripeApi:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def answer(self, request: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        if not request.headers.get("Authorization", "").startswith("Bearer sk_test"):
            return _error_response(401, "Invalid API key: use one that begins with sk_test.")
        match (request.method, request.path.removeprefix("/v1/").split("/")):
            case "POST", ["refunds"]:
                return self._refund(request, switches)
            case "GET", ["refunds"]:
                return self._list(request)
            case "GET", ["refunds", reference] if line := self._ledger.refund(reference):
                return json_response(200, _refund_document(line))
            case "GET", ["payment_intents" | "charges" as kind, name]:
                if payment := self._ledger.payment(name):
                    return json_response(200, _payment_document(kind, payment))
        return _error_response(404, f"No such resource: {request.path}", "resource_missing")

    def _refund(self, request: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        """Make a refund. Its answer is stored with its key, also an error, and repeated."""
        key = request.headers.get("Idempotency-Key")
        digest = hashlib.sha256(request.body).hexdigest()
        with self._ledger.transaction():
            if switches.forget_keys:
                self._ledger.forget_keys(_API_NAME)
            if key and (known := self._ledger.stored_answer(_API_NAME, key)):
                if known.asked != digest:
                    message = "Keys for idempotent requests can only be used with the same request."
                    return _error_response(400, message, kind="idempotency_error")
                return ProviderResponse(
                    known.status, known.answer, headers={"Idempotent-Replayed": "true"}
                )
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
            made = self._make_refund(form, key, switches)
            reference = made.reference if isinstance(made, LedgerRefund) else None
            if isinstance(made, LedgerRefund):
                answer = json_response(200, _refund_document(made))
            else:
                answer = made
            if key:
                stored = KeyedAnswer(digest, reference, answer.status, answer.body)
                self._ledger.store_answer(_API_NAME, key, stored)
            return answer

    def _make_refund(
        self, form: dict[str, str], key: str | None, switches: FaultSwitches
    ) -> LedgerRefund | ProviderResponse:
        """The refund, or the response that refuses it."""
        if switches.fail == "error":
            return _error_response(500, "An unknown error occurred", kind="api_error")
        if switches.fail == "refuse":
            return _error_response(402, "The bank refused.", "charge_not_refundable", "card_error")
        name = form.get("payment_intent") or form.get("charge") or ""
        payment = self._ledger.payment(name)
        if payment is None:
            return _error_response(404, f"No such payment: '{name}'", "resource_missing")
        left = int(to_units(payment.left, payment.currency))
        amount = form.get("amount", str(left))
        reason = form.get("reason", "")
        if not amount.isdecimal() or int(amount) < 1:
            return _error_response(400, "Invalid positive integer", "parameter_invalid_integer")
        if reason and reason not in REFUND_REASONS:
            return _error_response(400, f"Invalid reason: {reason}")
        if not left:
            message = f"{name} has already been refunded."
            return _error_response(400, message, "charge_already_refunded")
        if int(amount) > left:
            return _error_response(
                400, f"Refund amount ({amount}) is greater than the unrefunded amount ({left})"
            )
        return self._ledger.give(
            key=key,
            payment=name,
            currency=payment.currency,
            amount=from_units(int(amount), payment.currency),
            reason=reason,
            metadata={k[9:-1]: v for k, v in form.items() if k.startswith("metadata[")},
            status=switches.status,
        )

    def _list(self, request: ProviderRequest) -> ProviderResponse:
        """A page of refunds, newest first."""
        query = request.query
        limit = query.get("limit", "10")
        since = query.get("created[gte]", "0")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100 or not since.isdecimal():
            return _error_response(400, "Invalid integer", "parameter_invalid_integer")
        payment = query.get("payment_intent") or query.get("charge")
        if payment and not self._ledger.payment(payment):
            return _error_response(404, f"No such payment: '{payment}'", "resource_missing")
        lines = self._ledger.refunds(payment=payment)[::-1]
        if after := query.get("starting_after"):
            names = [line.reference for line in lines]
            if after not in names:
                return _error_response(404, f"No such refund: '{after}'", "resource_missing")
            lines = lines[names.index(after) + 1 :]
        lines = [line for line in lines if _created_at(line) >= int(since)]
        page = [_refund_document(line) for line in lines[: int(limit)]]
        more = len(lines) > len(page)
        listed = {"object": "list", "url": "/v1/refunds", "has_more": more, "data": page}
        return json_response(200, listed)


def _exponent(currency: str) -> int:
    if currency in ZERO_DECIMAL_CURRENCIES:
        return 0
    return 3 if currency in THREE_DECIMAL_CURRENCIES else 2


def to_units(value: str, currency: str) -> Decimal:
    return Decimal(value).scaleb(_exponent(currency))


def from_units(value: int, currency: str) -> str:
    return f"{Decimal(value).scaleb(-_exponent(currency)):f}"


def _created_at(line: LedgerRefund) -> int:
    return int(datetime.fromisoformat(line.created_at).timestamp())


def _refund_document(line: LedgerRefund) -> dict[str, Any]:
    kind = _PAYMENT_KINDS.get(line.payment[:3], "charge")
    document = {
        "id": line.reference,
        "object": "refund",
        "amount": int(to_units(line.amount, line.currency)),
        "balance_transaction": None,
        "charge": line.payment if kind == "charge" else None,
        "created": _created_at(line),
        "currency": line.currency.lower(),
        "metadata": line.metadata,
        "payment_intent": line.payment if kind == "payment_intent" else None,
        "reason": line.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": line.status,
        "transfer_reversal": None,
    }
    return document | ({"failure_reason": line.failure} if line.failure else {})


def _payment_document(kind: str, payment: Payment) -> dict[str, Any]:
    captured = int(to_units(payment.captured, payment.currency))
    return {
        "id": payment.payment,
        "object": kind.removesuffix("s"),
        "amount": captured,
        "amount_received" if kind == "payment_intents" else "amount_captured": captured,
        "currency": payment.currency.lower(),
        "status": "succeeded",
    }


def _error_response(
    status: int, message: str, code: str | None = None, kind: str = "invalid_request_error"
) -> ProviderResponse:
    error = {"type": kind, "message": message} | ({"code": code} if code else {})
    return json_response(status, {"error": error})
