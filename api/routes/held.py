"""Held signals: what their references wait for."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Response
from msgspec import Struct

from api.http.concurrency import get
from api.http.query import ListQuery, Page, Sort
from api.http.service import ServiceDependency
from domain.orders.held_signals import HeldSignal
from domain.orders.order_names import OrderName, order_names
from domain.orders.references import HeldReason, references_of
from domain.permissions import Permission
from infrastructure.reports.pages import ALL_ROWS, NO_ROWS
from projections.held import HeldReference, HeldRow

BY_HELD: Sort = {"held_at": datetime, "held": UUID}


class HeldView(Struct, frozen=True):
    """Why a signal is held: its references lead to no order yet, or fit several orders."""

    why: HeldReason
    references: Sequence[HeldReference]
    orders: Sequence[OrderName] = ()
    """The orders that the references fit."""


class HeldSignalView(HeldView, frozen=True, kw_only=True):
    """A held signal. It joins its order as soon as a signal ties one of the references to it."""

    held: UUID
    signal: str
    """The signal's source and id."""
    type: str
    shop: str | None
    event_time: datetime
    held_at: datetime
    reported_at: datetime | None


def held_view(held: HeldSignal) -> HeldView:
    references = [HeldReference(*one) for one in references_of(held.signal)]
    return HeldView(held.why, references, order_names(held.orders))


@get("/held", needs=Permission.READ_ORDERS, summary="List held signals")
def list_held(listing: ListQuery, service: ServiceDependency) -> Response[Page[HeldSignalView]]:
    """Signals whose references lead to no order yet, or to several; the one held for longest first.

    They belong to no region yet, so that only a permission for all orders shows them.
    """
    listing.wait_for("held")
    everywhere = Permission.READ_ORDERS in listing.authority.everywhere
    reach = ALL_ROWS if everywhere else NO_ROWS
    return listing.page(
        BY_HELD, lambda after, limit: service.reports.held(after, limit, reach), signal_view
    )


def signal_view(row: HeldRow) -> HeldSignalView:
    """A row of the report, with the orders by id and shop."""
    return HeldSignalView(
        why=row.why,
        # The report reads them as plain JSON.
        references=msgspec.convert(row.references, list[HeldReference]),
        orders=order_names(row.orders),
        held=row.held,
        signal=row.signal,
        type=row.type,
        shop=row.shop,
        event_time=row.event_time,
        held_at=row.held_at,
        reported_at=row.reported_at,
    )
