"""When a source is too silent: what it sent within a window, beside what it usually sends at that hour of the week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Final
from uuid import UUID

from msgspec import Struct

from domain.policy.source_parts import Silence

WEEK: Final = timedelta(days=7)
"""Hours of the week are in UTC, so that none is missing or doubled when clocks change."""


class WindowCount(Struct, frozen=True):
    """Deliveries of a source within one window, by its halves."""

    earlier: int = 0
    recent: int = 0

    @property
    def whole(self) -> int:
        return self.earlier + self.recent


class SourceFigures(Struct, frozen=True, kw_only=True):
    """What a source sent within the window, and within the same one of each week before, the latest first."""

    source: str
    now: WindowCount
    weeks: tuple[WindowCount, ...]
    last_delivery: UUID | None = None
    last_received_at: datetime | None = None

    @property
    def usual(self) -> float:
        """The median of the weeks: of an even number of them, the middle of the two in the middle."""
        return median(week.whole for week in self.weeks)

    @property
    def usual_recent(self) -> float:
        """The same, of the second half of the window."""
        return median(week.recent for week in self.weeks)

    @property
    def usual_earlier(self) -> float:
        return median(week.earlier for week in self.weeks)

    def is_low(self, rules: Silence) -> bool:
        """Whether it sent less than the share of the usual that policy asks for."""
        return is_low(self.now.whole, self.usual, rules)

    def is_expected(self, rules: Silence) -> bool:
        """Whether enough is usual for a low count to mean anything."""
        return self.usual >= rules.least_usual

    def is_silent(self, rules: Silence) -> bool:
        return self.is_expected(rules) and self.is_low(rules)

    def spoke_after(self, at: datetime) -> bool:
        return self.last_received_at is not None and self.last_received_at > at


class Quiet(Struct, frozen=True):
    """Whether none of several sources sent what it should, in the halves of the window.

    Then it is likely that the fault is ours. Half a window is enough to see it, so that it is known before the
    first source is silent for a whole one; and after it, each source gets time to send again.
    """

    earlier: bool
    recent: bool

    @staticmethod
    def of(figures: Sequence[SourceFigures], rules: Silence) -> Quiet:
        expected = [one for one in figures if one.is_expected(rules)]
        return Quiet(
            _are_all_low([(one.now.earlier, one.usual_earlier) for one in expected], rules),
            _are_all_low([(one.now.recent, one.usual_recent) for one in expected], rules),
        )


def is_low(count: int, usual: float, rules: Silence) -> bool:
    return count * 100 < usual * rules.below_percent


def _are_all_low(counts: Sequence[tuple[int, float]], rules: Silence) -> bool:
    counts = [one for one in counts if one[1]]
    return len(counts) > 1 and all(is_low(*one, rules) for one in counts)


def window_starts(end: datetime, rules: Silence) -> list[datetime]:
    """The beginning of the window that ends at this time, and of the same one of each week before."""
    return [end - rules.window - n * WEEK for n in range(rules.weeks + 1)]
