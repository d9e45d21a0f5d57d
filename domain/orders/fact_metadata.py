"""How a fact may move as more statements arrive, and which statements it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec import Meta, Struct

LASTING: Final = "once true, it stays true"
GROWING: Final = "it can only grow"
ONCE_KNOWN: Final = "once known, it stays known"

SignalsByType: TypeAlias = Mapping[type[Any], list[Any]]
"""The statements of each type, in the order of their times."""


def fact_meta(how: str, description: str = "", feeds: tuple[type[Struct], ...] = ()) -> Meta:
    return Meta(description=description, extra={"moves": how, "feeds": feeds})


def derived_from(*feeds: type[Struct]) -> Meta:
    return Meta(extra={"moves": "", "feeds": feeds})


def first_event_time(told: SignalsByType, kind: type[Any]) -> datetime | None:
    """When the first statement of this type happened."""
    group = told.get(kind)
    return group[0].event_time if group else None


def last_event_time(told: SignalsByType, kind: type[Any]) -> datetime | None:
    """When the last statement of this type happened."""
    group = told.get(kind)
    return group[-1].event_time if group else None
