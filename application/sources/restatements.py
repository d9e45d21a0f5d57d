"""The statements of a delivery that is read again: a signal that is read otherwise replaces the one before."""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import structs

from domain.orders.signals import Signal
from domain.sources.deliveries import KeptDelivery

LONGEST_ID: Final = 180


def statements(
    kept: KeptDelivery, mapping: str, signals: Sequence[Signal], restated: Collection[int]
) -> list[Signal]:
    """The signals under the ids under which they were stated last; those at the places of `restated` under new ones,
    which name the digest of the mapping."""
    return [
        _under_a_new_id(kept, mapping, signal) if n in restated else _as_stated_last(kept, signal)
        for n, signal in enumerate(signals)
    ]


def _as_stated_last(kept: KeptDelivery, signal: Signal) -> Signal:
    ids = kept.statements.get(signal.id)
    return signal if ids is None else structs.replace(signal, id=ids[-1], replaces=signal.id)


def _under_a_new_id(kept: KeptDelivery, mapping: str, signal: Signal) -> Signal:
    """All replace the first statement: of those the later counts, and of one moment that with the higher id."""
    count = len(kept.statements.get(signal.id, (signal.id,)))
    new = f"{signal.id[:LONGEST_ID]}~{count:03}-{mapping[:8]}"
    return structs.replace(signal, id=new, replaces=signal.id)
