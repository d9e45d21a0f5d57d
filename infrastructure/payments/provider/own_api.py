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

from infrastructure.payments.provider.exchange import Answer, Asked, told
from infrastructure.payments.provider.ledger import Kept, Ledger, Line, TooMuch
from infrastructure.payments.provider.switches import Board, Switches

COLUMNS = (
    *("line", "reference", "key", "payment", "created_at", "status"),
    *("currency", "amount", "running_total"),
)
LARGEST_PAGE = 100
_FACE = "own"
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


class OwnFace:
    def __init__(self, ledger: Ledger, board: Board) -> None:
        self._ledger = ledger
        self._board = board

    def answer(self, asked: Asked, switches: Switches) -> Answer:
        try:
            return self._answer(asked, switches)
        except msgspec.MsgspecError as error:
            return _refusal(400, "malformed", str(error))

    def _answer(self, asked: Asked, switches: Switches) -> Answer:
        match (asked.method, asked.path.strip("/").split("/")):
            case "GET", [""]:
                return told(200, {"provider": "casetrail's local payment provider"})
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
                return Answer(200, statement(self._ledger.refunds()), "text/csv; charset=utf-8")
            case "GET", ["switches"]:
                return told(200, msgspec.to_builtins(self._board.show()))
            case "POST", ["switches"]:
                self._board.set(msgspec.json.decode(asked.body, type=Switches))
                return told(200, msgspec.to_builtins(self._board.show()))
            case _:
                return _refusal(404, "not_found", f"there is no {asked.method} {asked.path}")

    def _register(self, new: NewPayment) -> Answer:
        with self._ledger.transaction():
            if self._ledger.register(new.payment, new.captured.currency, new.captured.amount):
                return told(200, msgspec.to_builtins(new))
        return _refusal(409, "payment_known", f"{new.payment} is registered with another amount")

    def _refund(self, new: NewRefund, switches: Switches) -> Answer:
        digest = hashlib.sha256(msgspec.json.encode(new)).hexdigest()
        if switches.fail == "error":
            return _refusal(500, "broken", "something broke")
        with self._ledger.transaction():
            if kept := self._ledger.kept(_FACE, new.key):
                if kept.asked != digest:
                    return _refusal(409, "key_reused", f"{new.key} came with another body before")
                if kept.reference is None:
                    return Answer(kept.status, kept.answer)
                line = self._ledger.refund(kept.reference)
                assert line is not None, "a key is kept with its refund"
                return told(200, _shown(line))
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
            except TooMuch as error:
                return self._refused(new.key, digest, "more_than_captured", str(error))
            self._ledger.keep(_FACE, new.key, Kept(digest, line.reference, 201, b""))
        return told(201, _shown(line))

    def _refused(self, key: str, digest: str, code: str, message: str) -> Answer:
        """A no is for good: another request with the key may be on its way still."""
        answer = _refusal(422, code, message)
        self._ledger.keep(_FACE, key, Kept(digest, None, answer.status, answer.body))
        return answer

    def _refunds(self, asked: Asked) -> Answer:
        try:
            limit = min(max(int(asked.query.get("limit", LARGEST_PAGE)), 1), LARGEST_PAGE)
        except ValueError:
            return _refusal(400, "malformed", "limit is not a number")
        found = self._ledger.refunds(key=asked.query.get("key"), after=asked.query.get("after"))
        page = found[:limit]
        following = page[-1].reference if len(found) > limit else None
        return told(200, {"items": [_shown(line) for line in page], "next": following})

    def _settle(self, reference: str, settlement: Settlement) -> Answer:
        with self._ledger.transaction():
            line = self._ledger.settle(reference, settlement.status, settlement.failure)
        if line is None:
            return _refusal(404, "not_found", f"there is no refund {reference}")
        return told(200, _shown(line))


def statement(lines: Iterable[Line]) -> bytes:
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


def _shown(line: Line) -> dict[str, object]:
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


def _refusal(status: int, code: str, message: str) -> Answer:
    return told(status, {"error": {"code": code, "message": message}})
