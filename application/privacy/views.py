"""What is shown of a privacy record: as it is recorded, with the orders by id and shop."""

from collections.abc import Sequence
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
