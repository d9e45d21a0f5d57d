"""Checks of what people have to do in time by the policy: name the holidays of the next half year, and review access."""

from datetime import datetime

from msgspec import MsgspecError

from application.audit.access_review_control import describe_overdue
from application.log.streams import access_reviews_after, governance_after
from domain.access_review_schedule import find_overdue, schedule_spans
from domain.access_reviews import ACCESS_REVIEWS_STREAM, AccessReviews
from domain.errors import TrailHasGap
from domain.policy.events import POLICY_STREAM
from domain.policy.governance import Governance
from domain.policy.holidays import TO_DO, last_closed_days
from infrastructure.doctor.findings import Finding, ok, warning
from infrastructure.doctor.streams import read_stream
from infrastructure.event_store.rights import Connection


def check_schedules(connection: Connection, now: datetime) -> list[Finding]:
    try:
        governance = read_stream(connection, POLICY_STREAM, governance_after, Governance())
        reviews = read_stream(
            connection, ACCESS_REVIEWS_STREAM, access_reviews_after, AccessReviews()
        )
    except (MsgspecError, TrailHasGap, LookupError) as error:
        return [
            warning(
                "holidays and access reviews",
                f"the events of the policy or of access reviews cannot be read: {error}",
                "run `casetrail doctor --whole`.",
            )
        ]
    return [_check_holidays(governance, now), _check_access_reviews(governance, reviews, now)]


def _check_holidays(governance: Governance, now: datetime) -> Finding:
    what, policy = "holidays", governance.in_force(now)
    if policy is None:
        return ok(what, "no policy is active yet")
    days = last_closed_days(policy.document)
    if soon := [str(one) for one in days if one.ends_soon(now)]:
        return warning(what, "; ".join(soon), TO_DO)
    return ok(what, "; ".join(f"{one.calendar} until {one.day}" for one in days) or "none named")


def _check_access_reviews(governance: Governance, reviews: AccessReviews, now: datetime) -> Finding:
    what, spans = "access reviews", schedule_spans(governance, now)
    overdue = [one for one in find_overdue(reviews, spans, now) if one.until is None]
    if overdue:
        since = "; ".join(f"since {one.since:%Y-%m-%d}: {describe_overdue(one)}" for one in overdue)
        return warning(
            what,
            since,
            "`casetrail people reviews` shows what is left; complete the open review, or open one with "
            "`casetrail people open-review`.",
        )
    rules = spans[-1].rules if spans else None
    if rules is None:
        return ok(what, "policy has no schedule for them")
    return ok(what, f"one every {rules.every.days} days; none is overdue")
