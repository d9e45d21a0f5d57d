"""What a story of an exception is: what opens it, what comes near and does not, what clears it."""

from __future__ import annotations

from typing import NamedTuple

from domain.orders.signals import Signal


class Story(NamedTuple):
    """`opened_by` opens the kind at the last; with `near` in its place nothing does."""

    kind: str
    opened_by: list[Signal]
    near: list[Signal]
    cleared_by: Signal | None = None
    opens_at: float | None = None
    """Hours after noon at which an expectation is missed; None where a signal shows it."""
