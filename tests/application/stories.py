"""A story of an exception kind: signals that open it, near misses, and signals that clear it."""

from __future__ import annotations

from typing import NamedTuple

from domain.orders.signals import Signal


class Story(NamedTuple):
    """The last signal of `opened_by` opens the kind; with `near` in its place nothing opens."""

    kind: str
    opened_by: list[Signal]
    near: list[Signal]
    cleared_by: Signal | None = None
    opens_at: float | None = None
    """Hours after noon at which an expectation is missed; None where a signal shows it."""
