"""Counts the personal data held of an order's customer, and what was erased of it, without reading it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.event_codec import from_state
from application.log.event_log import EventLog
from application.log.sealing import DataKeys
from application.privacy.privacy_desk import PrivacyDesk
from application.privacy.views import ErasureView, erasure_views
from domain.orders.order_names import OrderName, order_names
from domain.orders.signal_body import DEFAULT_SHOP
from domain.personal_data import personal_texts
from domain.privacy import LegalHold
from domain.struct_fields import fill


class PersonalTextCounts(Struct, frozen=True, kw_only=True):
    """The numbers of personal texts in one type of event."""

    type: str
    held: int
    """Sealed with a key that exists."""
    erased: int
    """Sealed with a destroyed key: nobody can read them."""
    in_the_clear: int
    """Stored unsealed, before personal data was sealed."""


class PersonalDataHeld(Struct, frozen=True, kw_only=True):
    """The personal data of the customer of an order, in all of the customer's orders and cases."""

    record: UUID | None
    """The stream of the customer's own record."""
    orders: Sequence[OrderName]
    cases: Sequence[UUID]
    texts: Sequence[PersonalTextCounts]
    keys_held: int
    keys_destroyed: int
    last_erased_position: int | None
    """The newest line with erased texts; its proofs stay valid."""
    files: Sequence[str]
    holds: Sequence[LegalHold]
    erasures: Sequence[ErasureView]


class PersonalDataReads(Struct, frozen=True, kw_only=True):
    """Who read the personal data of these orders; `readers` counts the reads by name."""

    orders: Sequence[OrderName]
    readers: Mapping[str, int]
    reads: Sequence[PersonalDataRead]


class PersonalDataRead(Struct, frozen=True, kw_only=True):
    at: datetime
    who: str
    what: str
    order: str
    shop: str = DEFAULT_SHOP


def find_personal_data_held(
    log: EventLog, desk: PrivacyDesk, keys: DataKeys, order: str
) -> PersonalDataHeld:
    """Count the data of the customer of this order. Raises OrderNotFound, KeyStoreUnavailable."""
    customer = desk.customer_of_order(order)
    states = log.recorder.select_streams([*customer.streams, *customer.cases])
    lines = [from_state(position, state) for position, state in states]
    lines = [line for line in lines if personal_texts(line.event)]
    named = {line.sealed.key for line in lines if line.sealed is not None}
    existing = keys.find(named)
    counts: dict[str, Counter[str]] = defaultdict(lambda: Counter(held=0, erased=0, in_the_clear=0))
    last = 0
    for line in lines:
        if line.sealed is None:
            state = "in_the_clear"
        elif line.sealed.key in existing:
            state = "held"
        else:
            state, last = "erased", max(last, line.position)
        counts[line.type][state] += len(personal_texts(line.event))
    return fill(
        PersonalDataHeld,
        customer,
        orders=order_names(customer.orders),
        record=customer.record.id if customer.record is not None else None,
        texts=[PersonalTextCounts(type=name, **counts[name]) for name in sorted(counts)],
        keys_held=len(existing),
        keys_destroyed=len(named) - len(existing),
        last_erased_position=last or None,
        holds=customer.record.holds if customer.record is not None else (),
        erasures=erasure_views(customer.record.erasures) if customer.record is not None else (),
    )
