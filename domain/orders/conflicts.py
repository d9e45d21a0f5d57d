"""Finds the fields of an order for which two systems hold different values now."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from domain.orders.disagreement_facts import latest_by_system, values_differ
from domain.orders.signals import Signal, event_time_key
from domain.orders.systems_of_record import FIELD_OWNERS, StatedField, System, SystemStated


class HeldValue(Struct, frozen=True, kw_only=True):
    """The value that one system holds, by its last statement."""

    system: System
    value: str
    source: str
    event_time: datetime
    of_record: bool
    """This is the system of record: its value counts until the owner team has found the right one."""


class FieldConflict(Struct, frozen=True, kw_only=True):
    """A field, the value of each system, and the team that finds the right one."""

    field: StatedField
    owner_team: str
    held: tuple[HeldValue, ...]


def find_field_conflicts(signals: Iterable[Signal]) -> list[FieldConflict]:
    stated = [s for s in sorted(signals, key=event_time_key) if isinstance(s, SystemStated)]
    found = []
    for field, owner in FIELD_OWNERS.items():
        newest = latest_by_system(stated, field)
        if not values_differ(newest, field):
            continue
        held = tuple(
            HeldValue(
                system=s.system,
                value=s.value,
                source=s.key,
                event_time=s.event_time,
                of_record=s.system is owner.system_of_record,
            )
            for s in newest
        )
        found.append(FieldConflict(field=field, owner_team=owner.owner_team, held=held))
    return found
