"""The figures of a reperformance of recorded decisions."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from application.policy.reperformance import ReperformedDecision

READINGS_PAGE: Final = "docs/readings.md"


class ReperformanceSummary(Struct, frozen=True):
    """The numbers of orders and decisions that were made again, and the decisions that differ.

    `differing_by_reading` differ only because facts are read differently since; `readings` names the page
    that lists them.
    """

    orders: int
    decisions: int
    position: int
    differing: Sequence[ReperformedDecision]
    differing_by_reading: Sequence[ReperformedDecision]
    readings: str = READINGS_PAGE


def summarize_reperformance(
    orders: Iterable[Sequence[ReperformedDecision]], position: int
) -> ReperformanceSummary:
    count, decisions = 0, 0
    differing, by_reading = list[ReperformedDecision](), list[ReperformedDecision]()
    for redone in orders:
        count += bool(redone)
        decisions += len(redone)
        differing += [decision for decision in redone if decision.differs]
        by_reading += [decision for decision in redone if decision.differs_by_reading]
    return ReperformanceSummary(count, decisions, position, differing, by_reading)
