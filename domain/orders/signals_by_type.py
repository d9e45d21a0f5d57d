"""The statements of an order as facts are read from them: those that count, grouped by their type.

An id that a statement gives only in `refs` counts as its own field of that name. The recorded signal stays
as it was sent.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from msgspec import UnsetType, structs

from domain.orders.fact_metadata import SignalsByType
from domain.orders.signal_body import Refs, SignalBody, TrackingRef, given
from domain.orders.signals import Signal, event_time_key
from domain.orders.standing import standing


def group_by_type(signals: Iterable[Signal]) -> SignalsByType:
    """The statements that count, by type; those of one type by event time and identity."""
    by_type: dict[type[Any], list[Any]] = {}
    for signal in standing(signals):
        by_type.setdefault(type(signal), []).append(with_ids_of_refs(signal))
    return by_type


def with_statement(by_type: SignalsByType, signal: Signal) -> SignalsByType:
    """The groups with one more statement that counts. None of them may correct another."""
    alike = [*by_type.get(type(signal), ()), with_ids_of_refs(signal)]
    alike.sort(key=event_time_key)
    return {**by_type, type(signal): alike}


def with_ids_of_refs(signal: Signal) -> Signal:
    """The signal with the ids of its `refs` in its own fields of these names, where it leaves them out."""
    refs = signal.refs
    if isinstance(refs, UnsetType):
        return signal
    missing: dict[str, Any] = {}
    for name in fields_of_refs(type(signal)):
        value = getattr(refs, name)
        if value is None or given(getattr(signal, name)):
            continue
        if isinstance(value, TrackingRef):
            missing[name] = value.code
            if value.carrier and not given(getattr(signal, "carrier", "")):
                missing["carrier"] = value.carrier
        else:
            missing[name] = value
    return structs.replace(signal, **missing) if missing else signal


@cache
def fields_of_refs(kind: type[SignalBody]) -> tuple[str, ...]:
    """The fields of a signal type that have the name of a reference."""
    return tuple(name for name in Refs.__struct_fields__ if name in kind.__struct_fields__)
