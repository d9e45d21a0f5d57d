"""The outcomes of signals: what intake answers for each."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, structs

from application.log.event_log import Write
from application.log.recorder import CommandRow
from application.orders.batches import Arrival
from application.orders.held import Holding
from application.orders.order_finder import Assigned
from application.orders.placements import Join
from domain.errors import CasetrailError
from domain.orders.held_signals import HeldSignal
from domain.orders.notices import Notice
from domain.orders.order import Order
from domain.orders.references import references_of


class SignalOutcome(StrEnum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    HELD = "held"
    REFUSED = "refused"


class AffectedCase(Struct, frozen=True):
    """A case that the signals changed; `event` is the tag of its last new event."""

    case: UUID
    kind: str
    event: str


class SignalNotice(Struct, frozen=True):
    """Something odd about a signal that was recorded nevertheless: where (JSON Pointer) and what."""

    pointer: str
    detail: str


class Receipt(Struct, frozen=True):
    """The outcome of one signal.

    `cases` are those of its order that it opened, joined or reopened, and those that changed at the same
    time without a signal that was sent, such as by a deadline.
    """

    outcome: SignalOutcome
    cases: tuple[AffectedCase, ...] = ()
    problem: CasetrailError | None = None
    orders: tuple[str, ...] = ()
    """The orders of a signal that named them by references only."""
    held: HeldSignal | None = None
    notices: Sequence[SignalNotice] = ()
    joins: Sequence[Join] = ()
    """The held signals that joined their orders since this one was recorded."""


class IntakeResult(Struct, frozen=True):
    position: int
    receipts: Sequence[Receipt]


MakeRow = Callable[[Sequence[Receipt]], CommandRow | None]
MakeWrites = Callable[[Sequence[Receipt]], Sequence[Write]]


class BesideTaken(Exception):
    """A stream of the writes beside the signals has another version by now; nothing was stored."""


def notices_of(order: Order, key: str) -> Sequence[SignalNotice]:
    """What is odd about a recorded signal of the order: it is kept, and the sender should look at it."""
    return [SignalNotice(one.pointer, one.detail) for one in order.notices_about(key)]


def add_notices(receipts: list[Receipt], notices: Mapping[int, Sequence[Notice]]) -> None:
    """Add these notices to the receipts of recorded signals, by their places."""
    for n, found in notices.items():
        if found and receipts[n].outcome is SignalOutcome.RECORDED:
            added = [SignalNotice(one.pointer, one.detail) for one in found]
            receipts[n] = structs.replace(receipts[n], notices=[*receipts[n].notices, *added])


def place_receipts(
    arrivals: Sequence[Arrival], assigned: Assigned, holding: Holding, receipts: Sequence[Receipt]
) -> list[Receipt]:
    """One receipt for each arrival of the batch, from those of its signals with their orders."""
    placed = [Receipt(SignalOutcome.HELD)] * len(arrivals)
    found: dict[int, list[Receipt]] = {}
    orders: dict[int, list[str]] = {}
    for place, arrival, receipt in zip(assigned.places, assigned.arrivals, receipts, strict=True):
        found.setdefault(place, []).append(receipt)
        orders.setdefault(place, []).append(arrival.signal.order_key)
    for place, own in found.items():
        is_named = bool(arrivals[place].signal.order)
        placed[place] = own[0] if is_named else _merged(own, tuple(orders[place]))
    for place, problem in holding.refused.items():
        placed[place] = Receipt(SignalOutcome.REFUSED, problem=problem)
    for place, held in holding.held.items():
        outcome = SignalOutcome.DUPLICATE if held.joined else SignalOutcome.HELD
        placed[place] = Receipt(outcome, orders=held.joined, held=held)
    return placed


def _merged(receipts: Sequence[Receipt], orders: tuple[str, ...]) -> Receipt:
    """The receipt of a signal about several orders: recorded if it was recorded in one of them."""
    for outcome in (SignalOutcome.RECORDED, SignalOutcome.REFUSED):
        if any(receipt.outcome is outcome for receipt in receipts):
            break
    else:
        outcome = SignalOutcome.DUPLICATE
    return Receipt(
        outcome,
        tuple(case for receipt in receipts for case in receipt.cases),
        next((r.problem for r in receipts if r.problem), None)
        if outcome is SignalOutcome.REFUSED
        else None,
        orders,
        None,
        tuple(notice for receipt in receipts for notice in receipt.notices),
        tuple(join for receipt in receipts for join in receipt.joins),
    )


def with_joins(
    arrivals: Sequence[Arrival], receipts: Sequence[Receipt], joins: Sequence[Join]
) -> list[Receipt]:
    """The receipts, each with the held signals that joined because of its signal: one that names the same
    reference, else the first one of the order."""
    found = [*receipts]
    recorded = [n for n, one in enumerate(receipts) if one.outcome is SignalOutcome.RECORDED]
    for join in joins:
        references = {*references_of(join.held.signal)}
        of_order = [n for n in recorded if arrivals[n].signal.order_key in join.orders]
        naming = [n for n in of_order if references.intersection(references_of(arrivals[n].signal))]
        place = [*naming, *of_order, *recorded][0]
        found[place] = structs.replace(found[place], joins=(*found[place].joins, join))
    return found
