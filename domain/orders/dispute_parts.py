"""The facts of each dispute."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Struct

from domain.orders.fact_metadata import derived_from
from domain.orders.money_parts import ALL_FEEDS
from domain.orders.money_structs import DisputeMoney, OrderMoney

_all = derived_from(*ALL_FEEDS)
_all_amount = derived_from(*ALL_FEEDS, currency="part.currency")


class DisputePart(Struct, frozen=True, gc=False):
    """A dispute, by every statement about it."""

    id: Annotated[str, _all]
    """The provider's id."""
    payment: Annotated[str | None, _all] = None
    """The disputed payment."""
    stage: Annotated[str | None, _all] = None
    """`inquiry`, `chargeback` or `second_chargeback`."""
    currency: Annotated[str | None, _all] = None
    """The currency of its amount."""
    amount: Annotated[Decimal | None, _all_amount] = None
    """How much is disputed."""
    is_open: Annotated[bool | None, _all] = None
    """It was opened, and not closed since."""
    outcome: Annotated[str | None, _all] = None
    """`won`, `lost`, `withdrawn` or `prevented`; unknown while it is open."""
    opened_at: Annotated[datetime | None, _all] = None
    """When it was opened."""
    respond_by: Annotated[datetime | None, _all] = None
    """By when evidence is to be sent."""
    sent_at: Annotated[datetime | None, _all] = None
    """When evidence was last sent, since it was opened."""
    closed_at: Annotated[datetime | None, _all] = None
    """When it was closed."""
    counts: Annotated[bool | None, _all] = None
    """It counts as given back: open or lost, and no inquiry."""


def dispute_parts(money: OrderMoney) -> tuple[DisputePart, ...]:
    return tuple(_dispute_part(one) for one in money.disputes)


def _dispute_part(one: DisputeMoney) -> DisputePart:
    return DisputePart(
        id=one.id,
        payment=one.payment,
        stage=one.stage,
        currency=one.currency,
        amount=one.amount,
        is_open=one.is_open,
        outcome=one.outcome,
        opened_at=one.opened_at,
        respond_by=one.respond_by,
        sent_at=one.evidence_sent_at,
        closed_at=one.closed_at,
        counts=one.counts,
    )
