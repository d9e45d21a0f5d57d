"""What sources sent, as the API shows it."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from application.sources.delivery_details import DeliveryDetails, DeliverySignal, SignalState
from application.sources.delivery_events import place_of
from application.sources.settled_deliveries import SettlementReply
from domain.orders.order_names import OrderName, order_names
from domain.sources.deliveries import DeliveryState, KeptDelivery, NotUnderstood, Settlement
from domain.struct_fields import fill
from projections.deliveries import DeliveryRow


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A delivery, and why it was not understood, if so. `reasons` are empty, and the file is null, once it was
    erased."""

    delivery: UUID
    sender_id: str
    received_at: datetime
    topic: str | None
    state: DeliveryState
    understood: bool
    signals: int
    size: int
    digest: str
    mapping: str
    reasons: Sequence[NotUnderstood]
    read_again_at: datetime | None
    file: str | None
    """The file that it was read from; null for a webhook and a pull."""
    line: int | None
    """Its line or row in the file, from 1; null for a file that is one delivery."""
    pulled: bool
    """A pull read it from a list of the source."""


class BodyState(StrEnum):
    SHOWN = "shown"
    ERASED = "erased"
    """An erasure of an order that it speaks of has destroyed it."""
    NOT_PERMITTED = "not_permitted"
    """It speaks of orders: whoever may not read all of them is not shown it."""


class DeliveryReadingView(Struct, frozen=True, kw_only=True):
    """A reading of a delivery; the first is that of its arrival."""

    at: datetime
    position: int
    by: str
    """The principal that had it read; the source, for the first one."""
    mapping: str
    """The digest of the document that read it."""
    topic: str | None
    signals: int
    reasons: Sequence[NotUnderstood]
    further_reasons: int
    restated: Sequence[tuple[str, str]]
    """Ids of signals that were read otherwise than before, each with that of the statement that replaces it."""


class DeliverySignalView(Struct, frozen=True, kw_only=True):
    """A signal that a delivery states, by its last reading."""

    signal: str
    """Its source and id."""
    type: str
    event_time: datetime
    state: SignalState
    orders: Sequence[OrderName]
    """The orders that it is recorded in."""
    same: bool
    """False if the recorded signal of this id says something else; that one counts."""


class SettlementView(Struct, frozen=True):
    """Who set a delivery aside, when and why."""

    reason: str
    at: datetime
    by: str
    """The person, or the operator of the command line."""


class OpenCodeView(Struct, frozen=True):
    """A code that no mapping reads, and the open case about it."""

    table: str
    code: str
    case: UUID


class SettledDeliveryView(SettlementView, frozen=True, kw_only=True):
    """A delivery that was set aside."""

    delivery: UUID
    already_settled: bool
    """It was set aside before: that reason, time and person count, and nothing was recorded now."""
    open_codes: Sequence[OpenCodeView]
    """Codes of it whose cases stay open: a person resolves them, or a mapping that reads them does."""


class DeliveryDetailView(DeliveryView, frozen=True, kw_only=True):
    """A delivery with its body. `body`, `headers`, `query` and `signals_stated` are shown in the state `shown`
    only."""

    source: str
    media_type: str
    orders: Sequence[OrderName]
    """The orders that it speaks of, by any reading."""
    body_state: BodyState
    body: str | None
    """As it came: text, or base64 if it is not UTF-8."""
    body_encoding: str | None
    """`utf-8` or `base64`."""
    headers: Mapping[str, str]
    """Those that are kept: none that proves the sender."""
    query: Mapping[str, str]
    signals_stated: Sequence[DeliverySignalView]
    further_signals: int
    """How many more there are than are shown."""
    readings: Sequence[DeliveryReadingView]
    settled: SettlementView | None
    """Who set it aside; null unless it is in the state `settled`."""


def delivery_view(row: DeliveryRow, kept: KeptDelivery) -> DeliveryView:
    return fill(
        DeliveryView,
        row,
        state=DeliveryState.of(understood=row.understood, settled=row.settled),
        reasons=kept.readable_reasons,
        **_place(kept),
    )


def delivery_detail_view(
    delivery: UUID, found: DeliveryDetails, *, is_permitted: bool
) -> DeliveryDetailView:
    kept, raw, last = found.kept, found.raw, found.readings[-1]
    text, encoding = _text_of(raw.body) if raw is not None else (None, None)
    return fill(
        DeliveryDetailView,
        kept,
        kept.taken,
        delivery=delivery,
        sender_id=kept.taken.delivery,
        topic=last.topic,
        settled=_settlement_view(kept.settled),
        understood=kept.is_understood,
        reasons=kept.readable_reasons,
        read_again_at=last.at if len(found.readings) > 1 else None,
        **_place(kept),
        orders=[one for one in order_names(kept.orders) if one.order],
        body_state=_body_state(kept, is_permitted=is_permitted),
        body=text,
        body_encoding=encoding,
        headers=raw.headers if raw is not None else {},
        query=raw.query if raw is not None else {},
        signals_stated=[_signal_view(one) for one in found.signals],
        further_signals=found.further_signals,
        readings=[fill(DeliveryReadingView, one) for one in found.readings],
    )


def _settlement_view(settled: Settlement | None) -> SettlementView | None:
    if settled is None:
        return None
    return SettlementView(settled.reason, settled.at, _decider(settled))


def settled_view(done: SettlementReply) -> SettledDeliveryView:
    codes = [OpenCodeView(*code, case) for code, case in done.open_codes.items()]
    return fill(
        SettledDeliveryView, done, done.settlement, by=_decider(done.settlement), open_codes=codes
    )


def _decider(settled: Settlement) -> str:
    return settled.by.person or settled.by.principal


def _place(kept: KeptDelivery) -> dict[str, str | int | None]:
    place = place_of(kept)
    return {
        "file": place.file if place is not None else None,
        "line": place.line if place is not None else None,
    }


def _body_state(kept: KeptDelivery, *, is_permitted: bool) -> BodyState:
    if kept.is_erased:
        return BodyState.ERASED
    return BodyState.SHOWN if is_permitted else BodyState.NOT_PERMITTED


def _text_of(body: bytes) -> tuple[str, str]:
    """The body as text, and its encoding."""
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"


def _signal_view(one: DeliverySignal) -> DeliverySignalView:
    return DeliverySignalView(
        signal=one.signal.key,
        type=str(one.signal.__struct_config__.tag),
        event_time=one.signal.event_time,
        state=one.state,
        orders=order_names(one.orders),
        same=one.is_same,
    )
