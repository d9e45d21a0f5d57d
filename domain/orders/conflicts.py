"""Conflicts: the fields of an order of which two systems hold different values now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from domain.orders.disagreement_facts import normalize_value
from domain.orders.signals import Signal, event_time_key
from domain.orders.systems_of_record import FIELD_OWNERS, StatedField, System, SystemStated


class HeldValue(Struct, frozen=True, kw_only=True):
    """What one system holds, by its last word."""

    system: System
    value: str
    source: str
    event_time: datetime
    of_record: bool
    """It is right until somebody has found out better."""


class FieldConflict(Struct, frozen=True, kw_only=True):
    """A field, what each system holds of it, and which team finds out what is right."""

    field: StatedField
    owner_team: str
    held: tuple[HeldValue, ...]


def find_field_conflicts(signals: Iterable[Signal]) -> list[FieldConflict]:
    newest: dict[tuple[StatedField, System], SystemStated] = {}
    for signal in sorted(signals, key=event_time_key):
        if isinstance(signal, SystemStated):
            newest[signal.field, signal.system] = signal
    found = []
    for field, keeping in FIELD_OWNERS.items():
        held = [one for (of, _), one in sorted(newest.items()) if of is field]
        if len({normalize_value(one.value, field) for one in held}) < 2:
            continue
        holdings = tuple(
            HeldValue(
                system=one.system,
                value=one.value,
                source=one.key,
                event_time=one.event_time,
                of_record=one.system is keeping.system_of_record,
            )
            for one in held
        )
        found.append(FieldConflict(field=field, owner_team=keeping.owner_team, held=holdings))
    return found
