"""How far a source is complete, and when it is pulled next."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.sources.pull_settings import PullChoice, PullSettings
from domain.sources.pulls import PullEnd, SourcePulled, SourcePulls

BEGUN = datetime(2026, 11, 30, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings(every: int | None = 15) -> PullSettings:
    return PullSettings(
        document=PullChoice("p", "0", ""),
        address="https://example.org",
        every_minutes=every,
        grace_minutes=5,
        begun_at=BEGUN,
    )


def state(
    complete_until: datetime | None = None,
    ended: PullEnd = PullEnd.COMPLETE,
    failures: int = 0,
    not_before: datetime | None = None,
) -> SourcePulls:
    last = SourcePulled(
        source="s",
        since=BEGUN,
        until=BEGUN,
        started_at=BEGUN,
        ended=ended,
        complete_until=complete_until,
        failures=failures,
        not_before=not_before,
    )
    return SourcePulls(version=1, last=last, last_at=BEGUN)


def test_a_pull_that_leaves_a_gap_does_not_move_the_end() -> None:
    known = state(BEGUN + HOUR)
    assert known.complete_after(settings(), BEGUN + 2 * HOUR, BEGUN + 3 * HOUR) == BEGUN + HOUR
    assert known.complete_after(settings(), BEGUN + HOUR, BEGUN + 3 * HOUR) == BEGUN + 3 * HOUR
    assert known.complete_after(settings(), BEGUN - HOUR, BEGUN) == BEGUN + HOUR
    assert SourcePulls().complete_after(settings(), BEGUN + HOUR, BEGUN + 2 * HOUR) is None
    assert SourcePulls().complete_after(settings(), BEGUN - HOUR, BEGUN + HOUR) == BEGUN + HOUR


def test_the_next_pull_overlaps_the_last_one() -> None:
    assert SourcePulls().next_since(settings()) == BEGUN - timedelta(minutes=10)
    assert state(BEGUN + HOUR).next_since(settings()) == BEGUN + timedelta(minutes=50)


@pytest.mark.parametrize(
    ("pulls", "every", "due"),
    [
        (SourcePulls(), None, None),
        (SourcePulls(), 15, BEGUN),
        (state(), 15, BEGUN + timedelta(minutes=15)),
        (state(ended=PullEnd.STOPPED), 15, BEGUN),
        (state(ended=PullEnd.REFUSED, failures=1), 15, BEGUN + timedelta(minutes=30)),
        (state(ended=PullEnd.REFUSED, failures=3), 15, BEGUN + timedelta(minutes=120)),
        (state(ended=PullEnd.REFUSED, failures=99), 15, BEGUN + 6 * HOUR),
        (state(ended=PullEnd.REFUSED, failures=99), 24 * 60, BEGUN + 24 * HOUR),
        (
            state(ended=PullEnd.RATE_LIMITED, failures=1, not_before=BEGUN + 9 * HOUR),
            15,
            BEGUN + 9 * HOUR,
        ),
    ],
)
def test_when_the_worker_pulls_next(
    pulls: SourcePulls, every: int | None, due: datetime | None
) -> None:
    assert pulls.next_due(settings(every)) == due
