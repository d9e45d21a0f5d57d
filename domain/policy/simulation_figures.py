"""What a simulation finds, as it is recorded: counts under the policy in force and the proposed one."""

from __future__ import annotations

from msgspec import Struct


class CountPair(Struct, frozen=True, kw_only=True):
    """The same count twice."""

    active: int = 0
    proposed: int = 0

    def plus(self, *, active: int = 0, proposed: int = 0) -> CountPair:
        return CountPair(active=self.active + active, proposed=self.proposed + proposed)


class QueueMove(Struct, frozen=True, kw_only=True):
    """Cases that both open, and that go to different queues."""

    from_queue: str
    to_queue: str
    cases: int


class SimulationFigures(Struct, frozen=True, kw_only=True):
    """Of the period alone: what began before it was lived through, and is not counted."""

    orders: int
    signals: int
    """Those that were recorded in the period."""
    cases: CountPair
    """Opened or reopened."""
    only: CountPair
    """Of these, what the other would not have opened."""
    kinds: dict[str, CountPair]
    queues: dict[str, CountPair]
    """Where they were routed to."""
    severities: dict[str, CountPair]
    moved: tuple[QueueMove, ...]
    cleared: CountPair
    """Cases that resolved themselves."""
    breached: CountPair
    """Cases that were not resolved by the time that their terms give: held against when people
    resolved the same case, where they did."""
    passed: CountPair
    """Orders that passed intake as standard flow."""
