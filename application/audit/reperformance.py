"""What came of making decisions again, in figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from application.policy.reperformance import Redone


class Reperformed(Struct, frozen=True):
    """How many orders were looked at, how many decisions were made again, and those of them that
    came out differently."""

    orders: int
    decisions: int
    position: int
    differing: Sequence[Redone]


def summed(orders: Iterable[Sequence[Redone]], position: int) -> Reperformed:
    count, decisions, differing = 0, 0, list[Redone]()
    for redone in orders:
        count += bool(redone)
        decisions += len(redone)
        differing += [one for one in redone if one.differs]
    return Reperformed(count, decisions, position, differing)
