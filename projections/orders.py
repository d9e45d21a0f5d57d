"""Every order that a signal has named: its milestones and its number of cases. An order without a case
is standard flow. Behind GET /v1/orders."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from domain.cases.events import Detected
from domain.cases.work_events import Opened
from domain.orders.content import content_of
from domain.orders.events import PassedIntake, SignalRecorded, SignalTimeCame, StagesNamed
from domain.orders.goods import goods_of
from domain.orders.goods_parts import GOODS_FEEDS
from domain.orders.milestone_facts import milestones
from domain.orders.payment_signals import PaymentAuthorized, PaymentCaptured
from domain.orders.shipment_signals import CustomerClaimed
from domain.orders.signals import Signal, event_time_key
from domain.orders.stage import StageChanges
from domain.orders.standing import named_statement, standing
from domain.personal_data import erase_personal
from domain.recorded_event import RecordedEvent
from domain.regions import region_of
from projections.projection import Projection, order_columns


class OrderRow(Struct, frozen=True):
    name: str
    """The text that names the order in the log."""
    order_id: str
    first_signal_at: datetime
    last_signal_at: datetime
    updated_at: datetime
    """When its last event was recorded."""
    signals: int = 0
    cases: int = 0
    tier: str | None = None
    promised_date: date | None = None
    placed_at: datetime | None = None
    placed_by: str | None = None
    """The signal (`source/id`) that first said that it was placed."""
    approved_at: datetime | None = None
    handed_over_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    unavailable_at: datetime | None = None
    passed_at: datetime | None = None
    """When it passed intake as standard flow."""
    region: str | None = None
    """Where the order ships to."""
    shop: str = "default"
    position: int = 0
    """The position of the last change."""
    stage: str | None = None
    """Where it is in standard work; None if it is closed, or if policy names no stages."""
    owner_team: str | None = None
    stage_since: datetime | None = None
    stage_due_at: datetime | None = None
    statements: bytes = b"[]"
    """The statements that the milestones are read from. A later one may replace or retract one of them,
    and the order of arrival must not matter, so the row keeps them all; without personal data."""


class Statement(Struct, frozen=True, array_like=True):
    signal: Signal
    ahead: bool = False
    """Its event time is still to come: it does not count yet."""


_READ: Final = (*GOODS_FEEDS, CustomerClaimed, PaymentAuthorized, PaymentCaptured)
"""The signals that the milestones are read from, beside those that name another statement."""
_COUNTED: Final = (*(SignalRecorded, SignalTimeCame, Detected, Opened, PassedIntake, StagesNamed),)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[Statement]).decode


def key(line: RecordedEvent) -> str | None:
    return line.order if isinstance(line.event, _COUNTED) else None


def fold(row: OrderRow | None, line: RecordedEvent) -> OrderRow | None:
    at = line.recorded_at
    row = row or OrderRow(
        name=line.order or "",
        **order_columns(line),
        first_signal_at=at,
        last_signal_at=at,
        updated_at=at,
    )
    row = replace(row, position=line.position, updated_at=at)
    match line.event:
        case Detected() | Opened():
            return replace(row, cases=row.cases + 1)
        case PassedIntake():
            return replace(row, passed_at=at)
        case StagesNamed(stages=changes):
            return _apply_stages(row, changes)
        case SignalRecorded(signal=signal, stages=changes):
            row = row if changes is UNSET else _apply_stages(row, changes)
            row = replace(row, signals=row.signals + 1, last_signal_at=at)
            return _apply_signal(row, signal, line.event.ahead is True)
        case SignalTimeCame(signal=signal_key, stages=changes):
            row = row if changes is UNSET else _apply_stages(row, changes)
            return _count_from_now(row, signal_key)
        case _:
            return row


def _apply_signal(row: OrderRow, signal: Signal, ahead: bool) -> OrderRow:
    if not isinstance(signal, _READ) and named_statement(signal) is None:
        return row
    # Nothing that is read is personal, so the report need not hold what is.
    kept = Statement(erase_personal(signal), ahead)
    return _with_statements(
        row, sorted([*_decode(row.statements), kept], key=lambda one: event_time_key(one.signal))
    )


def _count_from_now(row: OrderRow, key: str) -> OrderRow:
    """The row after the event time of a signal came that was recorded ahead of it."""
    known = _decode(row.statements)
    found = [replace(one, ahead=False) if one.signal.key == key else one for one in known]
    return row if found == known else _with_statements(row, found)


def _with_statements(row: OrderRow, statements: Sequence[Statement]) -> OrderRow:
    """The row with what these statements say together, as in the facts of the order."""
    by_type: dict[type[Any], list[Any]] = {}
    for signal in standing(one.signal for one in statements if not one.ahead):
        by_type.setdefault(type(signal), []).append(signal)
    goods = goods_of(by_type, content_of(by_type))
    placed, current = goods.content.placed, goods.content.current
    times = milestones(by_type, goods)
    customer, promise, to = (
        (current.customer, current.promise, current.ship_to) if current else (None, None, None)
    )
    return replace(
        row,
        statements=_encode(statements),
        placed_at=times.placed_at,
        placed_by=placed.key if placed is not None else None,
        tier=customer.tier if customer is not None else None,
        promised_date=promise.delivery_date if promise is not None else None,
        region=region_of(to.country_code, to.country_area) if to is not None else None,
        approved_at=times.approved_at,
        handed_over_at=times.handed_over_at,
        delivered_at=times.delivered_at,
        cancelled_at=times.cancelled_at,
        unavailable_at=times.unavailable_at,
    )


def _apply_stages(row: OrderRow, changes: StageChanges) -> OrderRow:
    """The row with the stage that is open now: a new one, or the one before if nothing ended it."""
    for stage, passage in changes.items():
        if passage is not None and passage.until is None:
            return replace(
                row,
                stage=stage,
                owner_team=passage.team,
                stage_since=passage.since,
                stage_due_at=passage.due_at,
            )
    if row.stage not in changes:
        return row
    return replace(row, stage=None, owner_team=None, stage_since=None, stage_due_at=None)


ORDERS = Projection(
    name="orders",
    version=7,
    row=OrderRow,
    key=key,
    fold=fold,
    indexes=(
        "(last_signal_at DESC, name)",
        "(position)",
        "(updated_at)",
        "(order_id)",
        "(owner_team, last_signal_at DESC, name) WHERE owner_team IS NOT NULL",
    ),
)
