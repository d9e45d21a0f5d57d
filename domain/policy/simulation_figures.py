"""The recorded result of a simulation: counts under the policy in force and the proposed one."""

from __future__ import annotations

from msgspec import Struct


class CountPair(Struct, frozen=True, kw_only=True):
    """A count under each of the two policies."""

    active: int = 0
    proposed: int = 0

    def plus(self, *, active: int = 0, proposed: int = 0) -> CountPair:
        return CountPair(active=self.active + active, proposed=self.proposed + proposed)


class QueueMove(Struct, frozen=True, kw_only=True):
    """Cases that both policies open, but in different queues."""

    from_queue: str
    to_queue: str
    cases: int


class SimulationFigures(Struct, frozen=True, kw_only=True):
    """The counts of a period. Cases from before it are simulated, but not counted."""

    orders: int
    signals: int
    """The signals recorded in the period."""
    cases: CountPair
    """Cases opened or reopened."""
    only: CountPair
    """Cases that the other policy would not have opened."""
    kinds: dict[str, CountPair]
    queues: dict[str, CountPair]
    """Cases by the queue of their route."""
    severities: dict[str, CountPair]
    moved: tuple[QueueMove, ...]
    cleared: CountPair
    """Cases that resolved themselves."""
    breached: CountPair
    """Cases not resolved in time under their terms; if people resolved the case, their time counts."""
    passed: CountPair
    """Orders that passed intake as standard flow."""
