"""Client of the payment provider that comes with casetrail (`casetrail provider`)."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import NoReturn

import httpx2
import msgspec
from msgspec import Struct

from application.money.provider import RefundRequest, RefundResult
from domain.adjustments.errors import (
    OutcomeUnknown,
    RefundKeyReused,
    RefundRefused,
    StatementNotWhole,
)
from domain.adjustments.provider_statement import StatementEntry, entries_since
from domain.orders.signal_body import DEFAULT_SHOP
from infrastructure.encoded_text import UnreadableText
from infrastructure.payments import http_client
from infrastructure.payments.statement_file import read_statement

_REFUSED_STATUSES = (400, 422)
_KEY_REUSED_STATUS = 409


class _RefundDocument(RefundResult, frozen=True, kw_only=True):
    key: str
    failure: str


class _RefundList(Struct, frozen=True):
    items: list[_RefundDocument]


class _Error(Struct, frozen=True):
    code: str
    message: str


class _ErrorDocument(Struct, frozen=True):
    error: _Error


class LocalProvider:
    """The local provider. It never forgets a refund's key, so a retry is always safe."""

    name = "local"

    def __init__(self, address: str, patience_seconds: float = http_client.TIMEOUT_SECONDS) -> None:
        self._connected = partial(http_client.open_client, address, patience_seconds)

    def refund(self, refund: RefundRequest) -> RefundResult:
        body = {
            "key": refund.key,
            "payment": refund.payment,
            "amount": {"amount": refund.amount.amount, "currency": refund.amount.currency},
            "reason": refund.reason,
            "order": refund.order,
            **({} if refund.shop == DEFAULT_SHOP else {"shop": refund.shop}),
        }
        with self._connected() as client:
            answer = http_client.send_request(client, "POST", "/refunds", json=body)
        if not answer.is_success:
            _raise_refusal(refund, answer)
        made = http_client.parse_response(answer, _RefundDocument)
        if made.key != refund.key:
            raise OutcomeUnknown(
                f"{http_client.describe_response(answer)} with another refund: {made.reference}"
            )
        return _to_result(made)

    def find(self, refund: RefundRequest) -> RefundResult | None:
        with self._connected() as client:
            answer = http_client.send_request(client, "GET", "/refunds", params={"key": refund.key})
        if not answer.is_success:
            raise OutcomeUnknown(http_client.describe_response(answer))
        made = http_client.parse_response(answer, _RefundList).items
        return next((_to_result(one) for one in made if one.key == refund.key), None)

    def statement(self, since: datetime | None = None) -> Iterator[StatementEntry]:
        with self._connected() as client:
            answer = http_client.send_request(client, "GET", "/statement")
        if not answer.is_success:
            raise OutcomeUnknown(http_client.describe_response(answer))
        try:
            lines = read_statement(answer.content)
        except (StatementNotWhole, UnreadableText) as error:
            raise OutcomeUnknown(f"the statement is incomplete: {error}") from None
        return iter(entries_since(lines, since))


def _to_result(made: _RefundDocument) -> RefundResult:
    return msgspec.convert(made, RefundResult, from_attributes=True)


def _raise_refusal(refund: RefundRequest, answer: httpx2.Response) -> NoReturn:
    if answer.status_code not in (*_REFUSED_STATUSES, _KEY_REUSED_STATUS):
        raise OutcomeUnknown(http_client.describe_response(answer))
    error = http_client.parse_response(answer, _ErrorDocument).error
    if answer.status_code == _KEY_REUSED_STATUS:
        raise RefundKeyReused(f"refund {refund.key}: {error.message}")
    raise RefundRefused(error.message, error.code)
