"""The provider's own API: plain JSON, a key for each refund that it never forgets, a statement."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from infrastructure.payments.provider.ledger import (
    KeyedAnswer,
    Ledger,
    LedgerRefund,
    RefundTooLarge,
)
from infrastructure.payments.provider.messages import (
    ProviderRequest,
    ProviderResponse,
    json_response,
)
from infrastructure.payments.provider.switches import FaultSwitches, SwitchBoard

COLUMNS = (
    *("line", "reference", "key", "payment", "created_at", "status"),
    *("currency", "amount", "running_total"),
)
MAX_PAGE_SIZE = 100
_API_NAME = "own"
_Id = Annotated[str, Meta(min_length=1, max_length=255)]
_Decimal = Annotated[str, Meta(pattern=r"^(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,4})?\Z")]


class Amount(Struct, frozen=True, forbid_unknown_fields=True):
    amount: _Decimal
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class NewPayment(Struct, frozen=True, forbid_unknown_fields=True):
    payment: _Id
    captured: Amount


class NewRefund(Struct, frozen=True, forbid_unknown_fields=True):
    key: _Id
    payment: _Id
    amount: Amount
    reason: Literal["", "requested_by_customer", "duplicate", "fraudulent"] = ""
    order: Annotated[str, Meta(max_length=255)] = ""


class Settlement(Struct, frozen=True, forbid_unknown_fields=True):
    status: Literal["succeeded", "failed"]
    failure: str = ""


class OwnApi:
    def __init__(self, ledger: Ledger, board: SwitchBoard) -> None:
        self._ledger = ledger
        self._board = board

    def answer(self, asked: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        try:
            return self._answer(asked, switches)
        except msgspec.MsgspecError as error:
            return _error_response(400, "malformed", str(error))

    def _answer(self, asked: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        match (asked.method, asked.path.strip("/").split("/")):
            case "GET", [""]:
                return json_response(200, {"provider": "casetrail's local payment provider"})
            case "POST", ["payments"]:
                return self._register(msgspec.json.decode(asked.body, type=NewPayment))
            case "POST", ["refunds"]:
                return self._refund(msgspec.json.decode(asked.body, type=NewRefund), switches)
            case "GET", ["refunds"]:
                return self._refunds(asked)
            case "POST", ["refunds", reference, "settle"]:
                settlement = msgspec.json.decode(asked.body, type=Settlement)
                return self._settle(reference, settlement)
            case "GET", ["statement"]:
                return ProviderResponse(
                    200, write_statement(self._ledger.refunds()), "text/csv; charset=utf-8"
                )
            case "GET", ["switches"]:
                return json_response(200, msgspec.to_builtins(self._board.show()))
            case "POST", ["switches"]:
                self._board.set(msgspec.json.decode(asked.body, type=FaultSwitches))
                return json_response(200, msgspec.to_builtins(self._board.show()))
            case _:
                return _error_response(404, "not_found", f"there is no {asked.method} {asked.path}")

    def _register(self, new: NewPayment) -> ProviderResponse:
        with self._ledger.transaction():
            if self._ledger.register(new.payment, new.captured.currency, new.captured.amount):
                return json_response(200, msgspec.to_builtins(new))
        return _error_response(
            409, "payment_known", f"{new.payment} is registered with another amount"
        )

    def _refund(self, new: NewRefund, switches: FaultSwitches) -> ProviderResponse:
        digest = hashlib.sha256(msgspec.json.encode(new)).hexdigest()
        if switches.fail == "error":
            return _error_response(500, "broken", "something broke")
        with self._ledger.transaction():
            if kept := self._ledger.kept(_API_NAME, new.key):
                if kept.asked != digest:
                    return _error_response(
                        409, "key_reused", f"{new.key} came with another body before"
                    )
                if kept.reference is None:
                    return ProviderResponse(kept.status, kept.answer)
                line = self._ledger.refund(kept.reference)
                assert line is not None, "a key is kept with its refund"
                return json_response(200, _refund_document(line))
            if switches.fail == "refuse":
                said = "the bank does not take the money back"
                return self._refused(new.key, digest, "refused", said)
            try:
                line = self._ledger.give(
                    key=new.key,
                    payment=new.payment,
                    currency=new.amount.currency,
                    amount=switches.gives or new.amount.amount,
                    reason=new.reason,
                    metadata={"order": new.order},
                    status=switches.status,
                )
            except RefundTooLarge as error:
                return self._refused(new.key, digest, "more_than_captured", str(error))
            self._ledger.keep(_API_NAME, new.key, KeyedAnswer(digest, line.reference, 201, b""))
        return json_response(201, _refund_document(line))

    def _refused(self, key: str, digest: str, code: str, message: str) -> ProviderResponse:
        """A no is for good: another request with the key may be on its way still."""
        answer = _error_response(422, code, message)
        self._ledger.keep(_API_NAME, key, KeyedAnswer(digest, None, answer.status, answer.body))
        return answer

    def _refunds(self, asked: ProviderRequest) -> ProviderResponse:
        try:
            limit = min(max(int(asked.query.get("limit", MAX_PAGE_SIZE)), 1), MAX_PAGE_SIZE)
        except ValueError:
            return _error_response(400, "malformed", "limit is not a number")
        found = self._ledger.refunds(key=asked.query.get("key"), after=asked.query.get("after"))
        page = found[:limit]
        following = page[-1].reference if len(found) > limit else None
        return json_response(
            200, {"items": [_refund_document(line) for line in page], "next": following}
        )

    def _settle(self, reference: str, settlement: Settlement) -> ProviderResponse:
        with self._ledger.transaction():
            line = self._ledger.settle(reference, settlement.status, settlement.failure)
        if line is None:
            return _error_response(404, "not_found", f"there is no refund {reference}")
        return json_response(200, _refund_document(line))


def write_statement(lines: Iterable[LedgerRefund]) -> bytes:
    """The file: a numbered line for each refund, the total of its currency so far without what has
    failed, and how many lines there are at the end."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    number = 0
    for number, line in enumerate(lines, 1):
        if line.status != "failed":
            totals[line.currency] += Decimal(line.amount)
        what = (line.reference, line.key or "", line.payment, line.created_at, line.status)
        writer.writerow((number, *what, line.currency, line.amount, totals[line.currency]))
    writer.writerow(("end", number))
    return out.getvalue().encode()


def _refund_document(line: LedgerRefund) -> dict[str, object]:
    return {
        "reference": line.reference,
        "key": line.key,
        "payment": line.payment,
        "amount": {"amount": line.amount, "currency": line.currency},
        "reason": line.reason,
        "order": line.metadata.get("order", ""),
        "status": line.status,
        "failure": line.failure,
        "created_at": line.created_at,
    }


def _error_response(status: int, code: str, message: str) -> ProviderResponse:
    return json_response(status, {"error": {"code": code, "message": message}})
