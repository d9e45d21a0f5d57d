"""The statements of a delivery that is read again: a signal that is read otherwise replaces the one before."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from msgspec import structs

from domain.orders.short_ids import short_id
from domain.orders.signals import Signal
from domain.sources.deliveries import KeptDelivery

LONGEST_ID: Final = 180
_MADE: Final = re.compile(r".*~(\d{3,})-[0-9a-f]{1,8}", re.DOTALL)


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
    newest = kept.statements.get(signal.id, (signal.id,))[-1]
    made = _MADE.fullmatch(newest) if newest != signal.id else None
    number = int(made[1]) + 1 if made is not None else 1
    return structs.replace(
        signal,
        id=f"{short_id(signal.id, LONGEST_ID)}~{number:03}-{mapping[:8]}",
        replaces=signal.id,
    )
