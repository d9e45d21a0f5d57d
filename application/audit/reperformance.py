"""The figures of a reperformance of recorded decisions."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from application.policy.reperformance import ReperformedDecision


class ReperformanceSummary(Struct, frozen=True):
    """The numbers of orders and decisions that were made again, and the decisions that differ."""

    orders: int
    decisions: int
    position: int
    differing: Sequence[ReperformedDecision]


def summarize_reperformance(
    orders: Iterable[Sequence[ReperformedDecision]], position: int
) -> ReperformanceSummary:
    count, decisions, differing = 0, 0, list[ReperformedDecision]()
    for redone in orders:
        count += bool(redone)
        decisions += len(redone)
        differing += [decision for decision in redone if decision.differs]
    return ReperformanceSummary(count, decisions, position, differing)
