"""Access reviews for auditors: the schedule and what is overdue, and whether the control operated."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from application.audit.control import Control, ControlFindings
from application.audit.log_scan import LogScan
from application.audit.persons import Persons
from application.log.streams import access_reviews_after, governance_after
from application.policy.reperformance import Period
from domain.access_review_decisions import KnownPeople, why_not_decided
from domain.access_review_schedule import (
    OverdueKind,
    OverdueReview,
    ScheduleSpan,
    find_overdue,
    schedule_spans,
)
from domain.access_reviews import ACCESS_REVIEWS_STREAM, AccessReviews
from domain.policy.access_review_parts import AccessReviewRules
from domain.policy.events import POLICY_STREAM
from domain.policy.governance import Governance


class ReviewsOfAccess(Struct, frozen=True, kw_only=True):
    """The schedule of access reviews, the last completed one, the open one, and what is overdue."""

    schedule: AccessReviewRules | None
    completed: str | None
    completed_at: datetime | None
    opened: str | None
    opened_at: datetime | None
    overdue: Sequence[OverdueReview]


def find_reviews(scan: LogScan, as_of: datetime) -> ReviewsOfAccess:
    """The state of access reviews, by what was recorded until then."""
    reviews, spans = _load(scan, as_of)
    done = [one for one in reviews.reviews if one.completed is not None]
    opened = reviews.open_one
    return ReviewsOfAccess(
        schedule=spans[-1].rules if spans else None,
        completed=done[-1].review if done else None,
        completed_at=done[-1].completed_at if done else None,
        opened=opened.review if opened is not None else None,
        opened_at=opened.opened_at if opened is not None else None,
        overdue=[one for one in find_overdue(reviews, spans, as_of) if one.until is None],
    )


def check_access_reviews(scan: LogScan, persons: Persons, period: Period, now: datetime) -> Control:
    """Check the reviews that were completed or overdue in the period."""
    found = ControlFindings(
        "access_reviewed",
        "all grants were reviewed as often and as soon as policy says, and nobody decided to keep one that "
        "they hold or gave",
    )
    end = min(now, period.until) if period.until is not None else now
    reviews, spans = _load(scan, end)
    for late in find_overdue(reviews, spans, end):
        if period.since is None or late.until is None or late.until > period.since:
            found.looked_at += 1
            found.wrong(describe_overdue(late), late.since)
    known = KnownPeople(persons.people, persons.record)
    for review in reviews.reviews:
        if review.completed_at is None or not period.holds(review.completed_at):
            continue
        found.looked_at += 1
        for one in review.opened.grants:
            if (why := why_not_decided(review, one, known)) is not None:
                detail = f"grant {one.grant} of {one.person} in review {review.review}: {why}"
                found.wrong(detail, review.completed_at)
    return found.control()


def describe_overdue(late: OverdueReview) -> str:
    """What was overdue, and whose it was."""
    if late.what is OverdueKind.NOT_COMPLETED:
        what = "no access review was completed in time"
    else:
        what = f"access review {late.review} was open for too long"
    return f"{what}; it is the duty of {late.owner}"


def _load(scan: LogScan, at: datetime) -> tuple[AccessReviews, list[ScheduleSpan]]:
    trails = scan.trails([POLICY_STREAM, ACCESS_REVIEWS_STREAM])
    governance, reviews = Governance(), AccessReviews()
    for line in trails.get(POLICY_STREAM, ()):
        if line.recorded_at <= at:
            governance = governance_after(governance, line)
    for line in trails.get(ACCESS_REVIEWS_STREAM, ()):
        if line.recorded_at <= at:
            reviews = access_reviews_after(reviews, line)
    return reviews, schedule_spans(governance, at)
