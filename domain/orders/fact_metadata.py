"""Metadata of facts: how a fact may move as more signals arrive, and which signals feed it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec import Meta, Struct

LASTING: Final = "once true, it stays true"
GROWING: Final = "it can only grow"
ONCE_KNOWN: Final = "once known, it stays known"

SignalsByType: TypeAlias = Mapping[type[Any], list[Any]]
"""The signals of each type, by event time."""


def lasting(*feeds: type[Struct]) -> Meta:
    return Meta(extra={"moves": LASTING, "feeds": feeds})


def growing(*feeds: type[Struct]) -> Meta:
    return Meta(extra={"moves": GROWING, "feeds": feeds})


def once_known(*feeds: type[Struct]) -> Meta:
    return Meta(extra={"moves": ONCE_KNOWN, "feeds": feeds})


def derived_from(*feeds: type[Struct]) -> Meta:
    """Metadata of a fact that may move either way."""
    return Meta(extra={"moves": "", "feeds": feeds})


def first_event_time(signals: SignalsByType, kind: type[Any]) -> datetime | None:
    """The event time of the first signal of this type; None without one."""
    group = signals.get(kind)
    return group[0].event_time if group else None


def last_event_time(signals: SignalsByType, kind: type[Any]) -> datetime | None:
    """The event time of the last signal of this type; None without one."""
    group = signals.get(kind)
    return group[-1].event_time if group else None
