"""Which parcel each statement is about: by the shipment, the tracking code or the fulfilment."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from domain.orders.shipment_signals import ParcelSignal
from domain.orders.signal_body import given


@lru_cache(maxsize=1_024)
def tracking_value(code: str) -> str:
    """A tracking code as it is compared: without spaces and hyphens, in capital letters."""
    return "".join(code.split()).replace("-", "").upper()


def names_of(stated: Sequence[ParcelSignal]) -> list[str | None]:
    """The parcel of each statement; None for all parcels."""
    by_code: dict[str, str] = {}
    by_fulfilment: dict[str, set[str]] = {}
    carriers: dict[str, str] = {}
    spellings: dict[str, str] = {}
    named: list[tuple[str | None, str | None, str | None]] = []
    for s in stated:
        shipment: str | None = getattr(s, "shipment", None)
        code, fulfilment = tracking_of(s), given(s.fulfilment)
        named.append((shipment, code, fulfilment))
        if code is not None:
            key = tracking_value(code)
            spellings.setdefault(key, code)
            if shipment is not None:
                by_code.setdefault(key, shipment)
            if carrier := getattr(s, "carrier", ""):
                carriers.setdefault(key, carrier)
        if shipment is not None and fulfilment is not None:
            by_fulfilment.setdefault(fulfilment, set()).add(shipment)
    found: list[str | None] = []
    for name, code, fulfilment in named:
        if name is None and code is not None:
            key = tracking_value(code)
            name = by_code.get(key) or f"{carriers.get(key, '')}:{spellings[key]}"
        if name is None and fulfilment is not None:
            known = by_fulfilment.get(fulfilment, set())
            name = next(iter(known)) if len(known) == 1 else None if known else fulfilment
        found.append(name)
    return found


def tracking_of(signal: Any) -> str | None:
    """The tracking code that a statement has, or that it refers to."""
    code = getattr(signal, "tracking", "")
    if code:
        return str(code)
    refs = given(signal.refs)
    return refs.tracking.code if refs is not None and refs.tracking is not None else None
