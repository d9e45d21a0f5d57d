"""Recorded simulations, such as an activation needs."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.policy.events import PolicySimulated
from domain.policy.simulation_figures import CountPair, SimulationFigures

NO_FIGURES = SimulationFigures(
    orders=0,
    signals=0,
    cases=CountPair(),
    only=CountPair(),
    kinds={},
    queues={},
    severities={},
    moved=(),
    cleared=CountPair(),
    breached=CountPair(),
    passed=CountPair(),
)


def simulated(
    digest: str, against: str, until: datetime, position: int = 0, days: float = 30
) -> PolicySimulated:
    """The simulation of a period in which nothing happened."""
    return PolicySimulated(
        digest=digest,
        against=against,
        since=until - timedelta(days=days),
        until=until,
        position=position,
        figures=NO_FIGURES,
    )
