"""Facts about two systems that hold different values of one field: since when, and what each holds.

Systems lag behind each other, so a difference is none yet: a policy gives it time. What counts is
the last word of each system, and the time since the last of them has changed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from
from domain.orders.systems_of_record import FIELD_OWNERS, StatedField, System, SystemStated

_SinceFact = Annotated[datetime | None, derived_from(SystemStated)]
_HeldFact = Annotated[str | None, derived_from(SystemStated)]


class DisagreementFacts(Struct, frozen=True, gc=False):
    """`…_since` is unknown while systems agree; `…_held` is what each holds, as `oms 3, wms 2 (of record)`."""

    total_since: _SinceFact = None
    total_held: _HeldFact = None
    address_since: _SinceFact = None
    address_held: _HeldFact = None
    quantity_since: _SinceFact = None
    quantity_held: _HeldFact = None
    payment_since: _SinceFact = None
    payment_held: _HeldFact = None
    status_since: _SinceFact = None
    status_held: _HeldFact = None


_AMOUNTS: Final = frozenset([StatedField.ORDER_TOTAL, StatedField.PAYMENT_AMOUNT])
_TRAILING_ZEROS: Final = re.compile(r"\.([0-9]*?)0+(?![0-9])")
NO_DISAGREEMENT: Final = DisagreementFacts()


def disagreement_facts(told: SignalsByType) -> DisagreementFacts:
    stated: list[SystemStated] = told.get(SystemStated, [])
    if not stated:
        return NO_DISAGREEMENT
    total_since, total = _difference(stated, StatedField.ORDER_TOTAL)
    address_since, address = _difference(stated, StatedField.SHIPPING_ADDRESS)
    quantity_since, quantity = _difference(stated, StatedField.QUANTITY_SHIPPED)
    payment_since, payment = _difference(stated, StatedField.PAYMENT_AMOUNT)
    status_since, status = _difference(stated, StatedField.STATUS)
    return DisagreementFacts(
        total_since=total_since,
        total_held=total,
        address_since=address_since,
        address_held=address,
        quantity_since=quantity_since,
        quantity_held=quantity,
        payment_since=payment_since,
        payment_held=payment,
        status_since=status_since,
        status_held=status,
    )


def _difference(
    stated: list[SystemStated], field: StatedField
) -> tuple[datetime | None, str | None]:
    """Since when the systems differ about a field, if they do, and what each holds."""
    newest: dict[System, SystemStated] = {s.system: s for s in stated if s.field is field}
    of_record = FIELD_OWNERS[field].system_of_record
    held = ", ".join(
        f"{system.value} {newest[system].value}{' (of record)' if system is of_record else ''}"
        for system in sorted(newest)
    )
    if len({normalize_value(one.value, field) for one in newest.values()}) < 2:
        return None, held or None
    return max(one.event_time for one in newest.values()), held


def normalize_value(value: str, field: StatedField) -> str:
    """A value without what makes no difference: case, spaces, and closing zeros of an amount."""
    plain = "".join(value.casefold().split())
    return _TRAILING_ZEROS.sub(_strip_trailing_zeros, plain) if field in _AMOUNTS else plain


def _strip_trailing_zeros(decimals: re.Match[str]) -> str:
    return f".{decimals[1]}" if decimals[1] else ""
