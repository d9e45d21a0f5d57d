"""What came of making decisions again, in figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from application.policy.reperformance import ReperformedDecision


class ReperformanceSummary(Struct, frozen=True):
    """How many orders were looked at, how many decisions were made again, and those of them that
    came out differently."""

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
        differing += [one for one in redone if one.differs]
    return ReperformanceSummary(count, decisions, position, differing)
