"""What a simulation finds, as it is recorded: counts under the policy in force and the proposed one."""

from __future__ import annotations

from msgspec import Struct


class Pair(Struct, frozen=True, kw_only=True):
    """The same count twice."""

    active: int = 0
    proposed: int = 0

    def plus(self, *, active: int = 0, proposed: int = 0) -> Pair:
        return Pair(active=self.active + active, proposed=self.proposed + proposed)


class Moved(Struct, frozen=True, kw_only=True):
    """Cases that both open, and that go to different queues."""

    from_queue: str
    to_queue: str
    cases: int


class Figures(Struct, frozen=True, kw_only=True):
    """Of the period alone: what began before it was lived through, and is not counted."""

    orders: int
    signals: int
    """Those that were recorded in the period."""
    cases: Pair
    """Opened or reopened."""
    only: Pair
    """Of these, what the other would not have opened."""
    kinds: dict[str, Pair]
    queues: dict[str, Pair]
    """Where they were routed to."""
    severities: dict[str, Pair]
    moved: tuple[Moved, ...]
    cleared: Pair
    """Cases that resolved themselves."""
    breached: Pair
    """Cases that were not resolved by the time that their terms give: held against when people
    resolved the same case, where they did."""
    passed: Pair
    """Orders that passed intake as standard flow."""
