"""Facts about systems that hold different values of one field: since when, and the value of each.

Systems lag behind each other, so a policy gives a difference time before it is a problem. The latest
statement of each system counts. The time runs from the moment at which the values last changed: a system
that repeats a value, or states one that another system holds already, does not restart it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Struct

from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType, derived_from
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.systems_of_record import FIELD_OWNERS, StatedField, System, SystemStated

_SinceFact = Annotated[datetime | None, derived_from(SystemStated)]
_OrderFact = Annotated[datetime | None, derived_from(OrderPlaced, OrderEdited)]
_HeldFact = Annotated[str | None, derived_from(SystemStated)]


class DisagreementFacts(Struct, frozen=True, gc=False):
    """`…_since` is None while systems agree; `…_held` lists the values: `oms 3, wms 2 (of record)`."""

    total_since: _SinceFact = None
    """Since when systems differ about the total of the order."""
    total_held: _HeldFact = None
    """What each system holds of the total of the order."""
    address_since: _SinceFact = None
    """Since when systems differ about the address."""
    address_held: _HeldFact = None
    """What each system holds of the address."""
    quantity_since: _SinceFact = None
    """Since when systems differ about the number of pieces shipped."""
    quantity_held: _HeldFact = None
    """What each system holds of the number of pieces shipped."""
    payment_since: _SinceFact = None
    """Since when systems differ about the amount of the payment."""
    payment_held: _HeldFact = None
    """What each system holds of the amount of the payment."""
    status_since: _SinceFact = None
    """Since when systems differ about the status of the order."""
    status_held: _HeldFact = None
    """What each system holds of the status of the order."""
    order_since: _OrderFact = None
    """Since when another source than the one that placed the order states other lines or another total."""
    order_held: Annotated[str | None, derived_from(OrderPlaced, OrderEdited)] = None
    """The totals: `shop 10.00, erp 12.00`."""


_FIELDS: Final[Mapping[str, StatedField]] = {
    "total": StatedField.ORDER_TOTAL,
    "address": StatedField.SHIPPING_ADDRESS,
    "quantity": StatedField.QUANTITY_SHIPPED,
    "payment": StatedField.PAYMENT_AMOUNT,
    "status": StatedField.STATUS,
}
_AMOUNTS: Final = frozenset([StatedField.ORDER_TOTAL, StatedField.PAYMENT_AMOUNT])
_TRAILING_ZEROS: Final = re.compile(r"\.([0-9]*?)0+(?![0-9])")
NO_DISAGREEMENT: Final = DisagreementFacts()


def disagreement_facts(signals: SignalsByType, content: OrderContent) -> DisagreementFacts:
    stated: list[SystemStated] = signals.get(SystemStated, [])
    facts = _order_disagreement(signals, content)
    if not stated:
        return DisagreementFacts(**facts) if facts else NO_DISAGREEMENT
    for name, field in _FIELDS.items():
        newest = latest_by_system(stated, field)
        differ = values_differ(newest, field)
        facts[f"{name}_since"] = _last_change(stated, field) if differ else None
        facts[f"{name}_held"] = _describe_values(newest, field) or None
    return DisagreementFacts(**facts)


def _order_disagreement(signals: SignalsByType, content: OrderContent) -> dict[str, Any]:
    """What other sources than the placing one state otherwise of the order's lines or total."""
    placed: list[OrderPlaced | OrderEdited] = [
        *signals.get(OrderPlaced, ()),
        *signals.get(OrderEdited, ()),
    ]
    if content.placed is None or len(placed) < 2:
        return {}
    newest: dict[str, OrderPlaced | OrderEdited] = {}
    for signal in sorted(placed, key=lambda s: (s.event_time, s.key)):
        if signal.source != content.placed.source:
            newest[signal.source] = signal
    differing = [s for s in newest.values() if content.is_contradicted_by(s)]
    if not differing:
        return {}
    held = {content.placed.source: content.parts_total}
    held |= {s.source: content.total_stated_by(s) for s in differing}
    texts = [f"{source} {total if total is not None else '?'}" for source, total in held.items()]
    return {"order_since": max(s.event_time for s in differing), "order_held": ", ".join(texts)}


def latest_by_system(stated: Iterable[SystemStated], field: StatedField) -> list[SystemStated]:
    """The last statement of each system about a field, sorted by system; `stated` is in time order."""
    newest = {s.system: s for s in stated if s.field is field}
    return [newest[system] for system in sorted(newest)]


def values_differ(stated: Iterable[SystemStated], field: StatedField) -> bool:
    return len({normalize_value(s.value, field) for s in stated}) > 1


def _last_change(stated: Iterable[SystemStated], field: StatedField) -> datetime | None:
    """When the set of the values that the systems hold last changed; `stated` is in time order."""
    held: dict[System, str] = {}
    changed_at: datetime | None = None
    for one in stated:
        if one.field is field:
            before = {*held.values()}
            held[one.system] = normalize_value(one.value, field)
            if {*held.values()} != before:
                changed_at = one.event_time
    return changed_at


def _describe_values(stated: Iterable[SystemStated], field: StatedField) -> str:
    of_record = FIELD_OWNERS[field].system_of_record
    return ", ".join(
        f"{s.system.value} {s.value}{' (of record)' if s.system is of_record else ''}"
        for s in stated
    )


def normalize_value(value: str, field: StatedField) -> str:
    """Remove what makes no difference: case, spaces, and trailing zeros of an amount."""
    plain = "".join(value.casefold().split())
    return _TRAILING_ZEROS.sub(_strip_trailing_zeros, plain) if field in _AMOUNTS else plain


def _strip_trailing_zeros(decimals: re.Match[str]) -> str:
    return f".{decimals[1]}" if decimals[1] else ""
