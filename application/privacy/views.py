"""What is shown of a privacy record: as it is recorded, with the orders by id and shop."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.orders.order_names import OrderName, order_names
from domain.privacy import Erasure, ErasureBasis, LegalHold, PrivacyRecord
from domain.struct_fields import fill


class ErasureView(Struct, frozen=True, kw_only=True):
    erasure: int
    basis: ErasureBasis
    reference: str
    orders: Sequence[OrderName]
    cases: Sequence[UUID]
    files: Sequence[str]
    ordered_by: str
    ordered_at: datetime
    completed_at: datetime | None
    keys: int


class RecordView(Struct, frozen=True, kw_only=True):
    """The legal holds and erasures of a customer, or of an order without a known customer."""

    id: UUID
    version: int
    holds: Sequence[LegalHold]
    erasures: Sequence[ErasureView]


def erasure_views(erasures: Sequence[Erasure]) -> list[ErasureView]:
    return [fill(ErasureView, one, orders=order_names(one.orders)) for one in erasures]


def record_view(record: PrivacyRecord) -> RecordView:
    return fill(RecordView, record, erasures=erasure_views(record.erasures))


def erasures_of(record: PrivacyRecord, orders: Collection[str]) -> list[Erasure]:
    return [one for one in record.erasures if not {*orders}.isdisjoint(one.orders)]


def describe_later(record: PrivacyRecord, orders: Collection[str], texts: int) -> str | None:
    """What arrived after the last erasure of these orders; None if there was none."""
    erasures = erasures_of(record, orders)
    if not erasures:
        return None
    when = f"after the erasure at {erasures[-1].ordered_at:%Y-%m-%dT%H:%M:%SZ}"
    if not texts:
        return f"No text arrived {when}."
    arrived = "1 text" if texts == 1 else f"{texts} texts"
    return f"{arrived} arrived {when}. Order a second erasure to erase what arrived."


def describe_last_erasure(erasures: Sequence[Erasure]) -> str:
    if not erasures:
        return ""
    return f"; the customer's data was erased on {erasures[-1].ordered_at.date()}"
