"""Finds payments, lines and charges of which more was given back than was taken, by any system.

The amounts come from the one computation that facts, the guard of adjustments and reconciliation read too.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import LogScan
from application.cases.history import facts_before
from application.policy.reperformance import Period
from domain.adjustments.events import AdjustmentExecuted, AdjustmentProposed
from domain.adjustments.kinds import GIVEN_BACK_KINDS
from domain.adjustments.told_refunds import own_signal_id
from domain.money import ZERO
from domain.orders.events import ProblemDetected, SignalRecorded
from domain.orders.facts import OrderFacts
from domain.orders.order_names import order_name
from domain.orders.parts import PartKind, part_key
from domain.orders.signal_body import OWN_SOURCE
from domain.recorded_event import RecordedEvent

BATCH_SIZE = 500
CASE_KIND = "refunded_too_much"
_MONEY_BACK = ("refund.", "dispute.", "return.")


class GivenTooMuch(Struct, frozen=True, kw_only=True):
    """A part of an order of which more was given back than was taken. Amounts are in `currency`."""

    order: str
    shop: str
    part: str
    """`payment:ID`, `line:ID` or `charge:ID`."""
    currency: str | None
    taken: str
    """What was captured of the payment, or what the line or charge costs."""
    given_back: str
    """Refunds that were issued and did not fail, and what disputes took back."""
    too_much: str
    why: str
    stated_at: datetime
    """When the last statement about money that went back was recorded."""
    position: int
    case: UUID | None
    """The case about it."""


class GivenBack(Struct, frozen=True, kw_only=True):
    orders: int
    """Orders about which money that went back was stated in the period."""
    too_much: Sequence[GivenTooMuch]
    """This must be empty. Each is as the whole log has it."""
    without_case: int
    """Of these, how many have no case."""
    paid_and_not_stated: int = 0
    """Refunds that this service paid in the period and of which its order has no statement. They are not
    part of the amounts."""


def check_given_back(scan: LogScan, period: Period) -> GivenBack:
    """Check the orders about which a refund, a dispute or a return was stated in the period."""
    orders = 0
    found: list[GivenTooMuch] = []
    stated: set[str] = set()
    for page in scan.log.pages("order.signal_recorded", scan.upto, BATCH_SIZE):
        for lines in scan.trails(page).values():
            stated |= {
                line.event.signal.id
                for line in lines
                if isinstance(line.event, SignalRecorded) and line.event.signal.source == OWN_SOURCE
            }
            last = _last_statement(lines, period)
            if last is not None:
                orders += 1
                found += _parts_above(lines, last, scan.upto)
    found.sort(key=lambda one: (one.stated_at, one.order, one.shop, one.part))
    return GivenBack(
        orders=orders,
        too_much=found,
        without_case=sum(one.case is None for one in found),
        paid_and_not_stated=sum(
            own_signal_id(one) not in stated for one in _refunds_paid(scan, period)
        ),
    )


def _refunds_paid(scan: LogScan, period: Period) -> Iterator[UUID]:
    """The adjustments that give money back and that this service paid in the period."""
    for lines in scan.money_trails():
        kinds = {
            line.event.adjustment: line.event.kind
            for line in lines
            if isinstance(line.event, AdjustmentProposed)
        }
        for line in lines:
            if (
                isinstance(line.event, AdjustmentExecuted)
                and period.holds(line.recorded_at)
                and kinds.get(line.event.adjustment) in GIVEN_BACK_KINDS
            ):
                yield line.event.adjustment


def _last_statement(lines: Sequence[RecordedEvent], period: Period) -> RecordedEvent | None:
    """The last one about money that went back, if one was recorded in the period."""
    stated = [
        line
        for line in lines
        if isinstance(line.event, SignalRecorded) and line.event.signal.type.startswith(_MONEY_BACK)
    ]
    return stated[-1] if any(period.holds(line.recorded_at) for line in stated) else None


def _parts_above(
    lines: Sequence[RecordedEvent], last: RecordedEvent, upto: int
) -> Iterator[GivenTooMuch]:
    facts = facts_before(lines, upto + 1)
    cases = {
        line.event.part or "": line.event.case
        for line in lines
        if isinstance(line.event, ProblemDetected) and line.event.kind == CASE_KIND
    }
    named = order_name(last.order or "")
    for key, currency, taken, given, why in _exceeded(facts):
        yield GivenTooMuch(
            order=named.order,
            shop=named.shop,
            part=key,
            currency=currency,
            taken=f"{taken:f}",
            given_back=f"{given:f}",
            too_much=f"{max(given - taken, ZERO):f}",
            why=why,
            stated_at=last.recorded_at,
            position=last.position,
            case=cases.get(key, next(iter(cases.values()), None)),
        )


def _exceeded(facts: OrderFacts) -> Iterator[tuple[str, str | None, Decimal, Decimal, str]]:
    """The key of each part, its currency, what was taken and given back, and why it is too much."""
    for payment in facts.parts.payment:
        if payment.too_much:
            taken = payment.captured or ZERO
            given = (payment.refunded or ZERO) + (payment.disputed or ZERO)
            twice = payment.too_much_reason == "twice"
            why = "the same refund again" if twice else "more than was captured of the payment"
            yield part_key(PartKind.PAYMENT, payment.id), payment.currency, taken, given, why
    for line in facts.parts.line:
        if line.refunded_too_much:
            value, given = line.value or ZERO, line.refunded or ZERO
            why = "more than the line costs, or than was paid for it"
            yield part_key(PartKind.LINE, line.id), line.currency, value, given, why
    for charge in facts.parts.charge:
        if charge.too_much:
            value, given = charge.charged or ZERO, charge.refunded or ZERO
            why = "more than the charge costs"
            yield part_key(PartKind.CHARGE, charge.id), charge.currency, value, given, why
