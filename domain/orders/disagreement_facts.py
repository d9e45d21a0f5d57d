"""Facts about two systems that hold different values of one field: since when, and what each holds.

Systems lag behind each other, so a difference is none yet: a policy gives it time. What counts is
the last word of each system, and the time since the last of them has changed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_marks import Told, rests_on
from domain.orders.statements import KEPT_BY, StatedField, System, SystemStated

_Since = Annotated[datetime | None, rests_on(SystemStated)]
_Held = Annotated[str | None, rests_on(SystemStated)]


class DisagreementFacts(Struct, frozen=True, gc=False):
    """`…_since` is unknown while systems agree; `…_held` is what each holds, as `oms 3, wms 2 (of record)`."""

    total_since: _Since = None
    total_held: _Held = None
    address_since: _Since = None
    address_held: _Held = None
    quantity_since: _Since = None
    quantity_held: _Held = None
    payment_since: _Since = None
    payment_held: _Held = None
    status_since: _Since = None
    status_held: _Held = None


_AMOUNTS: Final = frozenset([StatedField.ORDER_TOTAL, StatedField.PAYMENT_AMOUNT])
_CLOSING_ZEROS: Final = re.compile(r"\.([0-9]*?)0+(?![0-9])")
NOTHING_STATED: Final = DisagreementFacts()


def disagreement_facts(told: Told) -> DisagreementFacts:
    stated: list[SystemStated] = told.get(SystemStated, [])
    if not stated:
        return NOTHING_STATED
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
    of_record = KEPT_BY[field].system_of_record
    held = ", ".join(
        f"{system.value} {newest[system].value}{' (of record)' if system is of_record else ''}"
        for system in sorted(newest)
    )
    if len({comparable(one.value, field) for one in newest.values()}) < 2:
        return None, held or None
    return max(one.event_time for one in newest.values()), held


def comparable(value: str, field: StatedField) -> str:
    """A value without what makes no difference: case, spaces, and closing zeros of an amount."""
    plain = "".join(value.casefold().split())
    return _CLOSING_ZEROS.sub(_without_zeros, plain) if field in _AMOUNTS else plain


def _without_zeros(decimals: re.Match[str]) -> str:
    return f".{decimals[1]}" if decimals[1] else ""
