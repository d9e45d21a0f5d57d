"""Every order that a signal has named: its milestones and its number of cases. An order without a case
is standard flow. Behind GET /v1/orders."""

from datetime import date, datetime

from msgspec import UNSET, Struct
from msgspec.structs import replace

from domain.cases.events import Detected
from domain.cases.work_events import Opened
from domain.orders.events import PassedIntake, SignalRecorded, StagesNamed
from domain.orders.payment_signals import PaymentAuthorized
from domain.orders.purchase_signals import OrderCancelled, OrderPlaced
from domain.orders.shipment_signals import Delivered, HandedOver
from domain.orders.signals import Signal
from domain.orders.stage import StageChanges
from domain.orders.stock_signals import StockUnavailable
from domain.recorded_event import RecordedEvent
from domain.regions import region_of
from projections.projection import Projection, order_columns


class OrderRow(Struct, frozen=True):
    name: str
    """The text that names the order in the log."""
    order_id: str
    first_signal_at: datetime
    last_signal_at: datetime
    signals: int = 0
    cases: int = 0
    tier: str | None = None
    promised_date: date | None = None
    placed_at: datetime | None = None
    placed_by: str | None = None
    """The signal (`source/id`) that gave the purchase time, tier and promise."""
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


def key(line: RecordedEvent) -> str | None:
    counts = isinstance(line.event, SignalRecorded | Detected | Opened | PassedIntake | StagesNamed)
    return line.order if counts else None


def fold(row: OrderRow | None, line: RecordedEvent) -> OrderRow | None:
    at = line.recorded_at
    row = row or OrderRow(
        name=line.order or "", **order_columns(line), first_signal_at=at, last_signal_at=at
    )
    row = replace(row, position=line.position)
    match line.event:
        case Detected() | Opened():
            return replace(row, cases=row.cases + 1)
        case PassedIntake():
            return replace(row, passed_at=at)
        case StagesNamed(stages=changes):
            return _apply_stages(row, changes)
        case SignalRecorded(signal=signal, stages=changes):
            row = row if changes is UNSET else _apply_stages(row, changes)
            return _apply_signal(replace(row, signals=row.signals + 1, last_signal_at=at), signal)
        case _:
            return row


def _apply_signal(row: OrderRow, signal: Signal) -> OrderRow:
    at = signal.event_time
    match signal:
        case OrderPlaced(customer=customer, promise=promise, ship_to=to):
            # The same rank as in the facts: by event time, then by identity.
            if row.placed_at is not None and (row.placed_at, row.placed_by or "") <= (
                at,
                signal.key,
            ):
                return row
            return replace(
                row,
                placed_at=at,
                placed_by=signal.key,
                tier=customer.tier if customer is not None else None,
                promised_date=promise.delivery_date if promise else None,
                region=region_of(to.country_code, to.country_area) if to is not None else None,
            )
        case PaymentAuthorized():
            return replace(row, approved_at=_earliest(row.approved_at, at))
        case HandedOver():
            return replace(row, handed_over_at=_earliest(row.handed_over_at, at))
        case Delivered():
            return replace(row, delivered_at=_earliest(row.delivered_at, at))
        case OrderCancelled():
            return replace(row, cancelled_at=_earliest(row.cancelled_at, at))
        case StockUnavailable():
            return replace(row, unavailable_at=_earliest(row.unavailable_at, at))
        case _:
            return row


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


def _earliest(known: datetime | None, new: datetime) -> datetime:
    return new if known is None else min(known, new)


ORDERS = Projection(
    name="orders",
    version=5,
    row=OrderRow,
    key=key,
    fold=fold,
    indexes=(
        "(last_signal_at DESC, name)",
        "(position)",
        "(order_id)",
        "(owner_team, last_signal_at DESC, name) WHERE owner_team IS NOT NULL",
    ),
)
