"""Signals in: one, an array, or NDJSON; each is answered by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import RawBody
from msgspec import UNSET, Struct, UnsetType

from api.http.authentication import Who
from api.http.concurrency import post
from api.http.problems import STATUS, problem_of
from api.http.query import IdempotencyKey
from api.http.responses import Answer, ask_of
from api.http.service import Service
from api.http.signal_bodies import Item, items_of
from application.log.recorder import CommandRow
from application.orders.batches import Arrival
from application.orders.intake import Outcome, Receipt
from domain.errors import CasetrailError
from domain.permissions import Permission


class TouchedCase(Struct, frozen=True):
    """A case that the order's signals opened, joined or reopened; `event` is its newest event."""

    case: UUID
    kind: str
    event: str


class SignalResult(Struct, frozen=True):
    """What became of one signal; `problem` (RFC 9457) says why it was refused."""

    outcome: Outcome
    order: str | UnsetType = UNSET
    signal: str | UnsetType = UNSET
    cases: Sequence[TouchedCase] | UnsetType = UNSET
    problem: dict[str, Any] | UnsetType = UNSET


class SignalResults(Struct, frozen=True):
    """One result for each signal, in the order of the request."""

    recorded: int
    duplicate: int
    refused: int
    items: Sequence[SignalResult]


@post("/signals", needs=Permission.SEND_SIGNALS, status_code=200, summary="Send signals")
def send_signals(
    request: Request[Who, str, Any],
    service: NamedDependency[Service],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[SignalResults]:
    """One signal (its result, or its problem), or a batch of up to 1,000 as an array or NDJSON.

    A signal is taken once however often it comes; one that cannot be taken is refused by itself,
    and the rest of the batch is taken.
    """
    ask = ask_of(request, body, key)

    def work() -> Response[Any]:
        items, single = items_of(body, request.headers.get("content-type", "application/json"))
        if single and isinstance(items[0], CasetrailError):
            raise items[0]
        now = service.desks.clock()
        arrivals = [Arrival(i, now) for i in items if not isinstance(i, CasetrailError)]

        def row(receipts: Sequence[Receipt]) -> CommandRow | None:
            # A refusal is no answer to keep: the sender mends the signal, and sends it again.
            if single and receipts[0].problem is not None:
                return None
            return ask.row(_told(items, receipts, single))

        taken = service.desks.intake.take(arrivals, ask.who.actor, row if key else None)
        refused = taken.receipts[0].problem if single else None
        if refused is not None:
            raise refused
        # A batch of duplicates appends nothing: what it spoke of is in the log by now. The log is asked
        # through its door, so that one that was restored meanwhile does not vouch for what it lost.
        position = taken.position or service.desks.log.append([]).position
        return _told(items, taken.receipts, single).response(position)

    return service.answers.carry_out(ask, work)


def _told(items: Sequence[Item], receipts: Sequence[Receipt], single: bool) -> Answer:
    waiting = iter(receipts)
    results = [
        _refused(item) if isinstance(item, CasetrailError) else _result(item, next(waiting))
        for item in items
    ]
    if single:
        return Answer(results[0])
    counts = dict.fromkeys(Outcome, 0)
    for result in results:
        counts[result.outcome] += 1
    return Answer(
        SignalResults(
            recorded=counts[Outcome.RECORDED],
            duplicate=counts[Outcome.DUPLICATE],
            refused=counts[Outcome.REFUSED],
            items=results,
        )
    )


def _result(signal: Item, receipt: Receipt) -> SignalResult:
    assert not isinstance(signal, CasetrailError)
    if receipt.problem is not None:
        return _refused(receipt.problem, signal.order, signal.key)
    return SignalResult(
        outcome=receipt.outcome,
        order=signal.order,
        signal=signal.key,
        cases=[TouchedCase(t.case, t.kind, t.event) for t in receipt.cases],
    )


def _refused(
    error: CasetrailError, order: str | UnsetType = UNSET, signal: str | UnsetType = UNSET
) -> SignalResult:
    if type(error) not in STATUS:
        raise error
    return SignalResult(
        outcome=Outcome.REFUSED, order=order, signal=signal, problem=problem_of(error)
    )
