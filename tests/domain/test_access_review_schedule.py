"""When an access review is overdue: by the schedules that policy had, and what was completed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.access_review_schedule import OverdueKind, OverdueReview, ScheduleSpan, find_overdue
from domain.access_reviews import AccessReviewCompleted, AccessReviewOpened, AccessReviews
from domain.errors import Invalid
from domain.people import Actor
from domain.policy.access_review_parts import AccessReviewRules
from domain.policy.document import canonical_json
from domain.policy.reader import read_policy
from tests.domain.policies import shipped
from tests.domain.signals import after

DAY = 24
ANA = Actor("key:ana", "ana")
MONTHLY = AccessReviewRules(every=timedelta(days=30), owner="ops_manager")
NOT_COMPLETED, OPEN_TOO_LONG = OverdueKind.NOT_COMPLETED, OverdueKind.OPEN_TOO_LONG


def spans(*changes: tuple[float, AccessReviewRules | None]) -> list[ScheduleSpan]:
    """A policy with these rules from each day on."""
    ends = [*(after(day * DAY) for day, _ in changes[1:]), None]
    return [
        ScheduleSpan(since=after(day * DAY), until=end, rules=rules)
        for (day, rules), end in zip(changes, ends, strict=True)
    ]


def reviews(*days: tuple[float, float | None], due: bool = True) -> AccessReviews:
    """Reviews by the days of their opening and completion."""
    found = AccessReviews()
    for n, (opened, completed) in enumerate(days, start=1):
        at, name = after(opened * DAY), f"r{n}"
        due_at = at + MONTHLY.due_within if due else None
        begun = AccessReviewOpened(
            review=name, position=1, grants=(), digest="", owner="ops_manager", due_at=due_at
        )
        found = found.after(begun, at, ANA)
        if completed is not None:
            done = AccessReviewCompleted(review=name, position=1, digest="", kept=0, revoked=0)
            found = found.after(done, after(completed * DAY), ANA)
    return found


def late(
    found: AccessReviews, schedule: Sequence[ScheduleSpan], day: float
) -> list[tuple[OverdueKind, float, float | None]]:
    def days(one: OverdueReview) -> tuple[OverdueKind, float, float | None]:
        until = None if one.until is None else (one.until - after(0)) / timedelta(days=1)
        return one.what, (one.since - after(0)) / timedelta(days=1), until

    return [days(one) for one in find_overdue(found, schedule, after(day * DAY))]


def test_without_a_schedule_nothing_is_overdue() -> None:
    assert late(reviews((0, None), due=False), spans((0, None)), 900) == []
    assert late(AccessReviews(), [], 900) == []


def test_the_first_review_counts_from_the_begin_of_the_schedule() -> None:
    assert late(AccessReviews(), spans((5, MONTHLY)), 35) == []
    assert late(AccessReviews(), spans((5, MONTHLY)), 35.1) == [(NOT_COMPLETED, 35, None)]


def test_the_next_counts_from_the_last_completion_and_opening_one_is_not_enough() -> None:
    one = reviews((10, 20))
    assert late(one, spans((0, MONTHLY)), 50) == []
    assert late(one, spans((0, MONTHLY)), 51) == [(NOT_COMPLETED, 50, None)]
    two = reviews((10, 20), (40, None))
    assert late(two, spans((0, MONTHLY)), 53) == [(NOT_COMPLETED, 50, None)]


def test_what_was_completed_too_late_stays_on_record() -> None:
    two = reviews((10, 20), (55, 60))
    assert late(two, spans((0, MONTHLY)), 70) == [(NOT_COMPLETED, 50, 60)]


def test_an_open_review_has_the_time_that_it_was_opened_with() -> None:
    one = reviews((1, None))
    assert late(one, spans((0, MONTHLY)), 15) == []
    assert late(one, spans((0, MONTHLY)), 15.5) == [(OPEN_TOO_LONG, 15, None)]
    assert late(one, spans((0, MONTHLY), (2, None)), 16) == [(OPEN_TOO_LONG, 15, None)]
    assert late(reviews((1, 20)), spans((0, MONTHLY)), 21) == [(OPEN_TOO_LONG, 15, 20)]


def test_another_policy_with_a_schedule_does_not_begin_it_again() -> None:
    again = spans((0, MONTHLY), (20, MONTHLY), (25, MONTHLY))
    assert late(AccessReviews(), again, 31) == [(NOT_COMPLETED, 30, None)]


def test_a_shorter_schedule_counts_from_when_it_is_in_force() -> None:
    weekly = AccessReviewRules(
        every=timedelta(days=7), owner="ops_manager", due_within=timedelta(days=2)
    )
    told = late(reviews((1, 2)), spans((0, MONTHLY), (20, weekly)), 21)
    assert told == [(NOT_COMPLETED, 20, None)]


def test_a_time_without_a_schedule_ends_what_was_overdue() -> None:
    told = late(reviews((1, 2)), spans((0, MONTHLY), (40, None), (50, MONTHLY)), 60)
    assert told == [(NOT_COMPLETED, 32, 40), (NOT_COMPLETED, 50, None)]


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"every": "P400D"}, "/access_reviews/every"),
        ({"every": "PT1H", "due_within": "P1D"}, "/access_reviews/every"),
        ({"due_within": "P91D"}, "/access_reviews/due_within"),
        ({"due_within": "PT0S"}, "/access_reviews/due_within"),
        ({"owner": "nobody_known"}, "/access_reviews/owner"),
        ({"whose": "ops_manager"}, "/access_reviews/whose"),
    ],
)
def test_a_fault_of_the_schedule_has_its_place(part: dict[str, Any], pointer: str) -> None:
    schedule = {"every": "P90D", "owner": "ops_manager", **part}
    with pytest.raises(Invalid) as refused:
        read_policy({**shipped(), "access_reviews": schedule})
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_a_team_or_a_role_owns_it_and_a_policy_without_it_is_written_as_before() -> None:
    team = next(iter(shipped()["queues"].values()))["owner_team"]
    for owner in (team, "governance_owner"):
        rules = {"every": "P90D", "owner": owner}
        found = read_policy({**shipped(), "access_reviews": rules}).document.access_reviews
        assert found == AccessReviewRules(every=timedelta(days=90), owner=owner)
    assert b"access_reviews" not in canonical_json(read_policy(shipped()).document)
