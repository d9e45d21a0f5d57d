"""When access reviews were overdue: compares what was completed with the schedules that policy had."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from domain.access_reviews import AccessReviews
from domain.policy.access_review_parts import AccessReviewRules
from domain.policy.governance import Governance


class OverdueKind(StrEnum):
    NOT_COMPLETED = "not_completed"
    """The last completed review is older than policy allows, or there never was one."""
    OPEN_TOO_LONG = "open_too_long"


class OverdueReview(Struct, frozen=True, kw_only=True):
    """A time in which a review was overdue; `until` is None while it is."""

    what: OverdueKind
    since: datetime
    until: datetime | None
    owner: str | None
    """The team or role that has to do it."""
    review: str | None
    """The open review that takes too long."""


class ScheduleSpan(Struct, frozen=True, kw_only=True):
    """A time in which one policy was in force."""

    since: datetime
    until: datetime | None
    rules: AccessReviewRules | None


def schedule_spans(governance: Governance, now: datetime) -> list[ScheduleSpan]:
    """The schedules that policy has had until now, oldest first."""
    changes = [change for change in governance.policy_changes() if change.at <= now]
    ends = [*(change.at for change in changes[1:]), None]
    return [
        ScheduleSpan(
            since=change.at,
            until=end,
            rules=governance.policies[change.digest].document.access_reviews,
        )
        for change, end in zip(changes, ends, strict=False)
    ]


def find_overdue(
    reviews: AccessReviews, spans: Sequence[ScheduleSpan], now: datetime
) -> list[OverdueReview]:
    """Every time until now in which a review was overdue, by its begin."""
    found = [*_find_gaps(reviews, spans, now), *_find_slow_reviews(reviews, now)]
    return sorted(found, key=lambda one: (one.since, one.what))


def _find_gaps(
    reviews: AccessReviews, spans: Sequence[ScheduleSpan], now: datetime
) -> Iterator[OverdueReview]:
    """Times in which the last completed review was too old. Before the first one, it counts from the time
    since when every policy has had a schedule."""
    done = [one.completed_at for one in reviews.reviews if one.completed_at is not None]
    begun: datetime | None = None
    for span in spans:
        if span.rules is None:
            begun = None
            continue
        begun = begun or span.since
        end = span.until or now
        last = max((at for at in done if at <= span.since), default=begun)
        for following in (*(at for at in done if span.since < at < end), None):
            due = max(last + span.rules.every, span.since)
            if due < (following or end):
                yield OverdueReview(
                    what=OverdueKind.NOT_COMPLETED,
                    since=due,
                    until=following or span.until,
                    owner=span.rules.owner,
                    review=None,
                )
            last = following or last


def _find_slow_reviews(reviews: AccessReviews, now: datetime) -> Iterator[OverdueReview]:
    """A review keeps the time that policy gave it when it was opened."""
    for one in reviews.reviews:
        due = one.opened.due_at
        if due is not None and due < (one.completed_at or now):
            yield OverdueReview(
                what=OverdueKind.OPEN_TOO_LONG,
                since=due,
                until=one.completed_at,
                owner=one.opened.owner,
                review=one.review,
            )
