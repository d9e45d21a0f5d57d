"""The provider's own API: JSON, a key for each refund that is never forgotten, and a statement."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from infrastructure.csv_cells import write_rows
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
from infrastructure.payments.statement_file import COLUMNS

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
    shop: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class Settlement(Struct, frozen=True, forbid_unknown_fields=True):
    status: Literal["succeeded", "failed"]
    failure: str = ""


class OwnApi:
    def __init__(self, ledger: Ledger, board: SwitchBoard) -> None:
        self._ledger = ledger
        self._board = board

    def answer(self, request: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        try:
            return self._answer(request, switches)
        except msgspec.MsgspecError as error:
            return _error_response(400, "malformed", str(error))

    def _answer(self, request: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        match (request.method, request.path.strip("/").split("/")):
            case "GET", [""]:
                return json_response(200, {"provider": "casetrail's local payment provider"})
            case "POST", ["payments"]:
                return self._register(msgspec.json.decode(request.body, type=NewPayment))
            case "POST", ["refunds"]:
                return self._refund(msgspec.json.decode(request.body, type=NewRefund), switches)
            case "GET", ["refunds"]:
                return self._refunds(request)
            case "POST", ["refunds", reference, "settle"]:
                settlement = msgspec.json.decode(request.body, type=Settlement)
                return self._settle(reference, settlement)
            case "GET", ["statement"]:
                return ProviderResponse(
                    200, write_statement(self._ledger.refunds()), "text/csv; charset=utf-8"
                )
            case "GET", ["switches"]:
                return json_response(200, msgspec.to_builtins(self._board.show()))
            case "POST", ["switches"]:
                self._board.set(msgspec.json.decode(request.body, type=FaultSwitches))
                return json_response(200, msgspec.to_builtins(self._board.show()))
            case _:
                detail = f"there is no {request.method} {request.path}"
                return _error_response(404, "not_found", detail)

    def _register(self, new: NewPayment) -> ProviderResponse:
        with self._ledger.transaction():
            if self._ledger.register(new.payment, new.captured.currency, new.captured.amount):
                return json_response(200, msgspec.to_builtins(new))
        message = f"{new.payment} is registered with another amount"
        return _error_response(409, "payment_known", message)

    def _refund(self, new: NewRefund, switches: FaultSwitches) -> ProviderResponse:
        digest = hashlib.sha256(msgspec.json.encode(new)).hexdigest()
        if switches.fail == "error":
            return _error_response(500, "broken", "something broke")
        with self._ledger.transaction():
            if known := self._ledger.stored_answer(_API_NAME, new.key):
                if known.asked != digest:
                    message = f"the key {new.key} was used with another body"
                    return _error_response(409, "key_reused", message)
                if known.reference is None:
                    return ProviderResponse(known.status, known.answer)
                line = self._ledger.refund(known.reference)
                assert line is not None, "a key is stored with its refund"
                return json_response(200, _refund_document(line))
            if switches.fail == "refuse":
                return self._refused(new.key, digest, "refused", "the bank refuses the refund")
            try:
                line = self._ledger.give(
                    key=new.key,
                    payment=new.payment,
                    currency=new.amount.currency,
                    amount=switches.gives or new.amount.amount,
                    reason=new.reason,
                    metadata={"order": new.order, **_shop_of(new)},
                    status=switches.status,
                )
            except RefundTooLarge as error:
                return self._refused(new.key, digest, "more_than_captured", str(error))
            answer = KeyedAnswer(digest, line.reference, 201, b"")
            self._ledger.store_answer(_API_NAME, new.key, answer)
        return json_response(201, _refund_document(line))

    def _refused(self, key: str, digest: str, code: str, message: str) -> ProviderResponse:
        """Refuse for good: a later request with the key gets the same answer."""
        answer = _error_response(422, code, message)
        stored = KeyedAnswer(digest, None, answer.status, answer.body)
        self._ledger.store_answer(_API_NAME, key, stored)
        return answer

    def _refunds(self, request: ProviderRequest) -> ProviderResponse:
        query = request.query
        try:
            limit = min(max(int(query.get("limit", MAX_PAGE_SIZE)), 1), MAX_PAGE_SIZE)
        except ValueError:
            return _error_response(400, "malformed", f"limit is not a number: {query['limit']!r}")
        found = self._ledger.refunds(key=query.get("key"), after=query.get("after"))
        page = found[:limit]
        following = page[-1].reference if len(found) > limit else None
        items = [_refund_document(line) for line in page]
        return json_response(200, {"items": items, "next": following})

    def _settle(self, reference: str, settlement: Settlement) -> ProviderResponse:
        with self._ledger.transaction():
            line = self._ledger.settle(reference, settlement.status, settlement.failure)
        if line is None:
            return _error_response(404, "not_found", f"there is no refund {reference}")
        return json_response(200, _refund_document(line))


def write_statement(lines: Iterable[LedgerRefund]) -> bytes:
    """A statement as CSV: a numbered line for each refund with the running total of its currency, which
    leaves out failed refunds; the last line states the number of lines."""
    out = io.StringIO(newline="")
    write_rows(out, COLUMNS, _statement_rows(lines))
    return out.getvalue().encode()


def _statement_rows(lines: Iterable[LedgerRefund]) -> Iterator[tuple[object, ...]]:
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    number = 0
    for number, line in enumerate(lines, 1):
        if line.status != "failed":
            totals[line.currency] += Decimal(line.amount)
        facts = (line.reference, line.key or "", line.payment, line.created_at, line.status)
        yield (number, *facts, line.currency, line.amount, totals[line.currency])
    yield ("end", number)


def _shop_of(new: NewRefund) -> dict[str, str]:
    return {} if isinstance(new.shop, UnsetType) else {"shop": new.shop}


def _refund_document(line: LedgerRefund) -> dict[str, object]:
    return {
        "reference": line.reference,
        "key": line.key,
        "payment": line.payment,
        "amount": {"amount": line.amount, "currency": line.currency},
        "reason": line.reason,
        "order": line.metadata.get("order", ""),
        **{name: line.metadata[name] for name in ("shop",) if name in line.metadata},
        "status": line.status,
        "failure": line.failure,
        "created_at": line.created_at,
    }


def _error_response(status: int, code: str, message: str) -> ProviderResponse:
    return json_response(status, {"error": {"code": code, "message": message}})
