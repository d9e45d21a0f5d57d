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
    return _meta(LASTING, feeds)


def growing(*feeds: type[Struct], currency: str = "") -> Meta:
    return _meta(GROWING, feeds, currency)


def once_known(*feeds: type[Struct]) -> Meta:
    return _meta(ONCE_KNOWN, feeds)


def derived_from(
    *feeds: type[Struct], currency: str = "", through: tuple[type[Struct], ...] = ()
) -> Meta:
    """Metadata of a fact that may move either way.

    `currency` is the path of the fact that has the currency of an amount. The signals `through` which it
    also moves are about something else: they are no sources of it.
    """
    return _meta("", (*feeds, *through), currency, frozenset(through) - frozenset(feeds))


def _meta(
    moves: str,
    feeds: tuple[type[Struct], ...],
    currency: str = "",
    through: frozenset[type[Struct]] = frozenset(),
) -> Meta:
    return Meta(extra={"moves": moves, "feeds": feeds, "currency": currency, "through": through})


def first_event_time(signals: SignalsByType, kind: type[Any]) -> datetime | None:
    """The event time of the first signal of this type; None without one."""
    group = signals.get(kind)
    return group[0].event_time if group else None


def last_event_time(signals: SignalsByType, kind: type[Any]) -> datetime | None:
    """The event time of the last signal of this type; None without one."""
    group = signals.get(kind)
    return group[-1].event_time if group else None
