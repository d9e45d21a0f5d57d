"""Receiving signals: one, an array, or NDJSON; each has its own result."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import RawBody
from msgspec import UNSET, Struct, UnsetType, structs

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import post
from api.http.problems import STATUS, problem_of
from api.http.query import IdempotencyKey
from api.http.responses import CommandResponse, keyed_request_of
from api.http.service import ServiceDependency
from api.http.signal_bodies import Item, parse_items
from api.routes.held import HeldView, held_view
from application.log.recorder import CommandRow
from application.orders.batches import Arrival
from application.orders.receipts import Receipt, SignalNotice, SignalOutcome
from domain.errors import CasetrailError
from domain.orders.order_names import OrderName, order_names
from domain.permissions import Permission


class AffectedCaseView(Struct, frozen=True):
    """A case that the signal opened, joined or reopened; `event` is its newest event."""

    case: UUID
    kind: str
    event: str


class JoinedSignal(Struct, frozen=True):
    """A signal that was held and has joined its orders."""

    signal: str
    """Its source and id."""
    orders: Sequence[OrderName]


class SignalResult(Struct, frozen=True):
    """The result for one signal; `problem` (RFC 9457) says why it was refused."""

    outcome: SignalOutcome
    order: str | UnsetType = UNSET
    shop: str | UnsetType = UNSET
    signal: str | UnsetType = UNSET
    orders: Sequence[OrderName] | UnsetType = UNSET
    """The orders of a signal that several orders share; `order` is the first of them."""
    held: HeldView | UnsetType = UNSET
    cases: Sequence[AffectedCaseView] | UnsetType = UNSET
    notices: Sequence[SignalNotice] | UnsetType = UNSET
    """What is odd about the signal; it was recorded nevertheless."""
    joined: Sequence[JoinedSignal] | UnsetType = UNSET
    """The held signals that joined their orders because of this one. Left out with an `Idempotency-Key`:
    that answer is stored before they join."""
    problem: dict[str, Any] | UnsetType = UNSET


class SignalResults(Struct, frozen=True):
    """One result for each signal, in the order of the request."""

    recorded: int
    duplicate: int
    refused: int
    held: int
    items: Sequence[SignalResult]


@post("/signals", needs=Permission.SEND_SIGNALS, summary="Send signals")
def send_signals(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[SignalResults]:
    """One signal, or a batch of up to 1,000 as an array or NDJSON, in UTF-8, or in UTF-16 with a byte order
    mark. With `Content-Encoding: gzip`, the body is packed; its limit of 1 MiB applies unpacked, too.

    A signal is recorded once, however often it is sent. A signal that is refused does not stop the
    others of its batch. A single signal is answered with its result or its problem.
    """
    keyed = keyed_request_of(request, body, key)

    def work() -> Response[Any]:
        items, single = parse_items(body, request.headers.get("content-type", "application/json"))
        if single and isinstance(items[0], CasetrailError):
            raise items[0]
        now = service.desks.clock()
        arrivals = [Arrival(i, now) for i in items if not isinstance(i, CasetrailError)]

        def row(receipts: Sequence[Receipt]) -> CommandRow | None:
            # A refusal is not stored: the sender corrects the signal and sends it again.
            if single and receipts[0].problem is not None:
                return None
            return keyed.row(_command_response(items, receipts, single))

        batch = service.desks.intake.take(arrivals, keyed.who.actor, row if key else None)
        refused = batch.receipts[0].problem if single else None
        if refused is not None:
            raise refused
        # A batch of duplicates appends nothing: its signals are in the log. Still append: that checks
        # the log, so that a restored database does not confirm signals that it has lost.
        position = batch.position or service.desks.log.append([]).position
        receipts = batch.receipts
        if key is not None:  # as it is stored
            receipts = [structs.replace(receipt, joins=()) for receipt in receipts]
        return _command_response(items, receipts, single).response(position)

    return service.answers.run_once(keyed, work)


def _command_response(
    items: Sequence[Item], receipts: Sequence[Receipt], single: bool
) -> CommandResponse:
    waiting = iter(receipts)
    results = [
        _refused_result(item)
        if isinstance(item, CasetrailError)
        else _signal_result(item, next(waiting))
        for item in items
    ]
    if single:
        return CommandResponse(results[0])
    counts = dict.fromkeys(SignalOutcome, 0)
    for result in results:
        counts[result.outcome] += 1
    return CommandResponse(
        SignalResults(
            recorded=counts[SignalOutcome.RECORDED],
            duplicate=counts[SignalOutcome.DUPLICATE],
            refused=counts[SignalOutcome.REFUSED],
            held=counts[SignalOutcome.HELD],
            items=results,
        )
    )


def _signal_result(signal: Item, receipt: Receipt) -> SignalResult:
    assert not isinstance(signal, CasetrailError)
    if receipt.problem is not None:
        return _refused_result(receipt.problem, signal.order or UNSET, signal.key)
    named = order_names(receipt.orders)
    if not named and signal.order:
        named = [OrderName(signal.order, signal.shop_name)]
    held = receipt.held if receipt.outcome is SignalOutcome.HELD else None
    return SignalResult(
        outcome=receipt.outcome,
        order=named[0].order if named else UNSET,
        shop=named[0].shop if named else UNSET,
        signal=signal.key,
        orders=named if len(named) > 1 else UNSET,
        held=held_view(held) if held is not None else UNSET,
        cases=[AffectedCaseView(case.case, case.kind, case.event) for case in receipt.cases],
        notices=receipt.notices or UNSET,
        joined=[JoinedSignal(one.held.signal.key, order_names(one.orders)) for one in receipt.joins]
        or UNSET,
    )


def _refused_result(
    error: CasetrailError, order: str | UnsetType = UNSET, signal: str | UnsetType = UNSET
) -> SignalResult:
    if type(error) not in STATUS:
        raise error
    return SignalResult(
        outcome=SignalOutcome.REFUSED, order=order, signal=signal, problem=problem_of(error)
    )
