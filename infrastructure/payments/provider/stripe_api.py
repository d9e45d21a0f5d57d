"""The same ledger in Stripe's shapes, as far as refunds go: `Authorization: Bearer sk_test_…`.

Its units, keys and pages are written down here anew from Stripe's documentation, so that the adapter
is not tested against its own idea of them. Where it is stricter than the provider's own face, so is
Stripe: a payment must be known, and an answer that broke is given again for the same key.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from infrastructure.payments.provider.exchange import Answer, Asked, told
from infrastructure.payments.provider.ledger import Kept, Ledger, Line, Payment
from infrastructure.payments.provider.switches import Switches

WHOLE = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD JOD KWD OMR TND"
REASONS = frozenset(["requested_by_customer", "duplicate", "fraudulent"])
_FACE = "stripe"
_KINDS = {"pi_": "payment_intent", "ch_": "charge", "py_": "charge"}


class StripeFace:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def answer(self, asked: Asked, switches: Switches) -> Answer:
        if not asked.headers.get("Authorization", "").startswith("Bearer sk_test"):
            return _error(401, "Invalid API key: give one that begins with sk_test.")
        match (asked.method, asked.path.removeprefix("/v1/").split("/")):
            case "POST", ["refunds"]:
                return self._keyed(asked, switches)
            case "GET", ["refunds"]:
                return self._list(asked)
            case "GET", ["refunds", reference] if line := self._ledger.refund(reference):
                return told(200, _refund(line))
            case "GET", ["payment_intents" | "charges" as kind, name]:
                if payment := self._ledger.payment(name):
                    return told(200, _payment(kind, payment))
        return _error(404, f"No such resource: {asked.path}", "resource_missing")

    def _keyed(self, asked: Asked, switches: Switches) -> Answer:
        """What has begun is kept with its key, however it ended, and given again."""
        key = asked.headers.get("Idempotency-Key")
        digest = hashlib.sha256(asked.body).hexdigest()
        with self._ledger.transaction():
            if switches.forget_keys:
                self._ledger.forget_keys(_FACE)
            if key and (kept := self._ledger.kept(_FACE, key)):
                if kept.asked != digest:
                    message = "Keys for idempotent requests can only be used with the same request."
                    return _error(400, message, kind="idempotency_error")
                return Answer(kept.status, kept.answer, headers={"Idempotent-Replayed": "true"})
            form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
            answer, reference = self._carried_out(form, key, switches)
            if key:
                self._ledger.keep(_FACE, key, Kept(digest, reference, answer.status, answer.body))
            return answer

    def _carried_out(
        self, form: dict[str, str], key: str | None, switches: Switches
    ) -> tuple[Answer, str | None]:
        if switches.fail == "error":
            return _error(500, "An unknown error occurred", kind="api_error"), None
        if switches.fail == "refuse":
            return _error(402, "The bank refused.", "charge_not_refundable", "card_error"), None
        name = form.get("payment_intent") or form.get("charge") or ""
        payment = self._ledger.payment(name)
        if payment is None:
            return _error(404, f"No such payment: '{name}'", "resource_missing"), None
        left = int(units(payment.left, payment.currency))
        asked = form.get("amount", str(left))
        reason = form.get("reason", "")
        if not asked.isdecimal() or int(asked) < 1:
            return _error(400, "Invalid positive integer", "parameter_invalid_integer"), None
        if reason and reason not in REASONS:
            return _error(400, f"Invalid reason: {reason}"), None
        if not left:
            return _error(
                400, f"{name} has already been refunded.", "charge_already_refunded"
            ), None
        if int(asked) > left:
            return _error(
                400, f"Refund amount ({asked}) is greater than what is left ({left})"
            ), None
        line = self._ledger.give(
            key=key,
            payment=name,
            currency=payment.currency,
            amount=amount(int(asked), payment.currency),
            reason=reason,
            metadata={k[9:-1]: v for k, v in form.items() if k.startswith("metadata[")},
            status=switches.status,
        )
        return told(200, _refund(line)), line.reference

    def _list(self, asked: Asked) -> Answer:
        """Newest first, in pages."""
        query = asked.query
        limit = query.get("limit", "10")
        since = query.get("created[gte]", "0")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100 or not since.isdecimal():
            return _error(400, "Invalid integer", "parameter_invalid_integer")
        payment = query.get("payment_intent") or query.get("charge")
        if payment and not self._ledger.payment(payment):
            return _error(404, f"No such payment: '{payment}'", "resource_missing")
        lines = self._ledger.refunds(payment=payment)[::-1]
        if after := query.get("starting_after"):
            names = [line.reference for line in lines]
            if after not in names:
                return _error(404, f"No such refund: '{after}'", "resource_missing")
            lines = lines[names.index(after) + 1 :]
        lines = [line for line in lines if _created(line) >= int(since)]
        page = [_refund(line) for line in lines[: int(limit)]]
        more = len(lines) > len(page)
        return told(200, {"object": "list", "url": "/v1/refunds", "has_more": more, "data": page})


def _exponent(currency: str) -> int:
    return 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2


def units(value: str, currency: str) -> Decimal:
    return Decimal(value).scaleb(_exponent(currency))


def amount(value: int, currency: str) -> str:
    return f"{Decimal(value).scaleb(-_exponent(currency)):f}"


def _created(line: Line) -> int:
    return int(datetime.fromisoformat(line.created_at).timestamp())


def _refund(line: Line) -> dict[str, Any]:
    kind = _KINDS.get(line.payment[:3], "charge")
    told = {
        "id": line.reference,
        "object": "refund",
        "amount": int(units(line.amount, line.currency)),
        "balance_transaction": None,
        "charge": line.payment if kind == "charge" else None,
        "created": _created(line),
        "currency": line.currency.lower(),
        "metadata": line.metadata,
        "payment_intent": line.payment if kind == "payment_intent" else None,
        "reason": line.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": line.status,
        "transfer_reversal": None,
    }
    return told | ({"failure_reason": line.failure} if line.failure else {})


def _payment(kind: str, payment: Payment) -> dict[str, Any]:
    captured = int(units(payment.captured, payment.currency))
    return {
        "id": payment.payment,
        "object": kind.removesuffix("s"),
        "amount": captured,
        "amount_received" if kind == "payment_intents" else "amount_captured": captured,
        "currency": payment.currency.lower(),
        "status": "succeeded",
    }


def _error(
    status: int, message: str, code: str | None = None, kind: str = "invalid_request_error"
) -> Answer:
    error = {"type": kind, "message": message} | ({"code": code} if code else {})
    return Answer(status, json.dumps({"error": error}).encode())
