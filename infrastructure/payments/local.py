"""The provider that comes with casetrail (`casetrail provider`), over its own API."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import NoReturn

import httpx2
from msgspec import Struct

from application.money.provider import Given, Refund
from domain.adjustments.errors import (
    OutcomeUnknown,
    RefundKeyReused,
    RefundRefused,
    StatementNotWhole,
)
from domain.adjustments.statement import GivenStatus, StatementLine
from domain.money import Money
from infrastructure.payments.http_client import PATIENCE_SECONDS, ask, connected, read, told_by

_REFUSED = (400, 422)
_KEY_REUSED = 409


class _Made(Struct, frozen=True):
    reference: str
    key: str
    amount: Money
    status: GivenStatus
    failure: str


class _Found(Struct, frozen=True):
    items: list[_Made]


class _Error(Struct, frozen=True):
    code: str
    message: str


class _Refusal(Struct, frozen=True):
    error: _Error


class LocalProvider:
    """It keeps a key for ever, so that asking again is always safe."""

    name = "local"

    def __init__(self, address: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._connected = partial(connected, address, patience_seconds)

    def refund(self, refund: Refund) -> Given:
        body = {
            "key": refund.key,
            "payment": refund.payment,
            "amount": {"amount": refund.amount.amount, "currency": refund.amount.currency},
            "reason": refund.reason,
            "order": refund.order,
        }
        with self._connected() as client:
            answer = ask(client, "POST", "/refunds", json=body)
        if not answer.is_success:
            _refused(refund, answer)
        made = read(answer, _Made)
        if made.key != refund.key:
            raise OutcomeUnknown(f"{told_by(answer)} with another refund: {made.reference}")
        return _given(made)

    def find(self, refund: Refund) -> Given | None:
        with self._connected() as client:
            answer = ask(client, "GET", "/refunds", params={"key": refund.key})
        if not answer.is_success:
            raise OutcomeUnknown(told_by(answer))
        found = [made for made in read(answer, _Found).items if made.key == refund.key]
        return _given(found[0]) if found else None

    def statement(self, since: datetime | None = None) -> Iterator[StatementLine]:
        with self._connected() as client:
            answer = ask(client, "GET", "/statement")
        if not answer.is_success:
            raise OutcomeUnknown(told_by(answer))
        try:
            lines = read_statement(answer.text)
        except StatementNotWhole as error:
            raise OutcomeUnknown(f"the statement is not whole: {error.detail}") from None
        return iter([line for line in lines if since is None or line.created_at >= since])


def _given(made: _Made) -> Given:
    return Given(
        reference=made.reference, amount=made.amount, status=made.status, failure=made.failure
    )


def _refused(refund: Refund, answer: httpx2.Response) -> NoReturn:
    if answer.status_code not in (*_REFUSED, _KEY_REUSED):
        raise OutcomeUnknown(told_by(answer))
    said = read(answer, _Refusal).error
    if answer.status_code == _KEY_REUSED:
        raise RefundKeyReused(f"refund {refund.key}: {said.message}")
    raise RefundRefused(said.message, said.code)


def read_statement(text: str) -> list[StatementLine]:
    """The file's lines, if it adds up: a file that is cut or altered is no statement. Raises
    StatementNotWhole."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    try:
        rows = list(csv.reader(text.splitlines()))
        if len(rows) < 2 or rows[-1] != ["end", str(len(rows) - 2)]:
            raise ValueError("its last line does not count the others")
        return [_line(number, row, totals) for number, row in enumerate(rows[1:-1], 1)]
    except (csv.Error, ValueError, InvalidOperation) as error:
        raise StatementNotWhole(str(error)) from None


def _line(number: int, row: Sequence[str], totals: defaultdict[str, Decimal]) -> StatementLine:
    numbered, reference, key, payment, created_at, status, currency, amount, total = row
    line = StatementLine(
        reference=reference,
        key=key or None,
        payment=payment,
        amount=Money(amount, currency),
        status=GivenStatus(status),
        created_at=datetime.fromisoformat(created_at),
    )
    if line.status is not GivenStatus.FAILED:
        totals[currency] += line.amount.value
    if line.created_at.tzinfo is None:
        raise ValueError(f"line {number} has a time of nowhere")
    if numbered != str(number) or totals[currency] != Decimal(total):
        raise ValueError(f"line {number} does not add up")
    return line
