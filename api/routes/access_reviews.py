"""Access reviews: opened, decided grant by grant, and completed, with what is left and what is overdue."""

from collections.abc import Sequence
from datetime import datetime

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from api.composition import Desks
from api.http.commands import CommandRequest
from api.http.concurrency import get, post
from api.http.responses import CommandResponse
from api.http.service import ServiceDependency
from application.people.access_review_desk import ReviewState
from domain.access_review_schedule import OverdueReview, find_overdue, schedule_spans
from domain.access_reviews import (
    DecideAccessReview,
    GrantUnderReview,
    KeepOrRevoke,
    RecordedVerdict,
)
from domain.permissions import Permission
from domain.policy.access_review_parts import AccessReviewRules
from domain.struct_fields import fill


class GrantVerdictView(Struct, frozen=True):
    """The decision on a grant that counts."""

    verdict: KeepOrRevoke
    reason: str
    by: str | None
    at: datetime


class ReviewedGrantView(Struct, frozen=True):
    """A grant as it was at the opening, and the newest decision on it."""

    grant: GrantUnderReview
    decision: GrantVerdictView | None
    left_for: str | None
    """Why it is still to be decided; null if it is decided."""


class AccessReviewSummary(Struct, frozen=True, kw_only=True):
    """An access review: its list, as of which position, and how much is left."""

    review: str
    position: int
    """It lists the grants that were active at this position of the log."""
    digest: str
    """SHA-256 of the list, as `access_review.opened` has it."""
    owner: str | None
    due_at: datetime | None
    opened_by: str | None
    opened_at: datetime
    completed_by: str | None
    completed_at: datetime | None
    grants: int
    kept: int
    revoked: int
    left: int


class AccessReviewView(AccessReviewSummary, frozen=True, kw_only=True):
    """An access review with every grant; those that are still to be decided come first."""

    items: Sequence[ReviewedGrantView]


class AccessReviewList(Struct, frozen=True):
    """The schedule that policy sets, each time that was overdue, and every review, the newest first."""

    schedule: AccessReviewRules | None
    overdue: Sequence[OverdueReview]
    """Also those that are over: `until` is null while it is overdue."""
    items: Sequence[AccessReviewSummary]


def _summary(state: ReviewState) -> AccessReviewSummary:
    one, left = state.review, {(x.person, x.grant) for x, _ in state.undecided}
    done = [found.verdict for key, found in one.verdicts.items() if key not in left]
    return fill(
        AccessReviewSummary,
        one.opened,
        one,
        opened_by=one.opened_by.person,
        completed_by=one.completed_by.person if one.completed_by is not None else None,
        grants=len(one.opened.grants),
        kept=done.count(KeepOrRevoke.KEEP),
        revoked=done.count(KeepOrRevoke.REVOKE),
        left=len(left),
    )


def access_review_view(state: ReviewState) -> AccessReviewView:
    why = {(one.person, one.grant): left_for for one, left_for in state.undecided}
    items = [
        ReviewedGrantView(
            one, _verdict(state.review.verdict(one)), why.get((one.person, one.grant))
        )
        for one in state.review.opened.grants
    ]
    items.sort(key=lambda item: item.left_for is None)
    return fill(AccessReviewView, _summary(state), items=items)


def _verdict(found: RecordedVerdict | None) -> GrantVerdictView | None:
    return fill(GrantVerdictView, found, by=found.by.person) if found is not None else None


def access_review_list(desks: Desks) -> AccessReviewList:
    """All reviews, the newest first."""
    reviews, now = desks.access_reviews.reviews(), desks.clock()
    spans = schedule_spans(desks.policy.refresh(), now)
    return AccessReviewList(
        schedule=spans[-1].rules if spans else None,
        overdue=find_overdue(reviews, spans, now),
        items=[_summary(x) for x in desks.access_reviews.states(reversed(reviews.reviews))],
    )


@get("/access-reviews", needs=Permission.READ_PEOPLE, summary="List access reviews")
def list_access_reviews(service: ServiceDependency) -> AccessReviewList:
    """With the schedule that policy sets and what is or was overdue. Always up to date."""
    return access_review_list(service.desks)


@get("/access-reviews/{review:str}", needs=Permission.READ_PEOPLE, summary="Get an access review")
def get_periodic_access_review(
    review: FromPath[str], service: ServiceDependency
) -> AccessReviewView:
    """Every grant with its decision, and what is left. Computed from the log: always up to date."""
    return access_review_view(service.desks.access_reviews.review(review))


def _respond(state: ReviewState) -> CommandResponse:
    return CommandResponse(access_review_view(state))


@post("/access-reviews", needs=Permission.MANAGE_PEOPLE, summary="Open an access review")
def open_access_review(command: CommandRequest) -> Response[AccessReviewView]:
    """Of every grant that is active now, by the log's position. One is open at a time."""
    desk = command.service.desks.access_reviews
    return command.run(desk.open, lambda done: done.state, _respond)


@post(
    "/access-reviews/{review:str}/decide",
    needs=Permission.MANAGE_PEOPLE,
    summary="Keep or revoke grants in an access review",
)
def decide_in_access_review(
    command: CommandRequest, review: FromPath[str], data: JSONBody[DecideAccessReview]
) -> Response[AccessReviewView]:
    """All of the decisions, or none. You neither hold nor gave any of these grants, under any of your names."""
    desk = command.service.desks.access_reviews
    return command.run(lambda by: desk.decide(review, data, by), lambda done: done.state, _respond)


@post(
    "/access-reviews/{review:str}/complete",
    needs=Permission.MANAGE_PEOPLE,
    summary="Complete an access review",
)
def complete_access_review(
    command: CommandRequest, review: FromPath[str]
) -> Response[AccessReviewView]:
    """When each grant is decided by somebody who, as is known now, neither holds nor gave it."""
    desk = command.service.desks.access_reviews
    return command.run(lambda by: desk.complete(review, by), lambda done: done.state, _respond)


ACCESS_REVIEWS: tuple[HTTPRouteHandler, ...] = (
    list_access_reviews,
    get_periodic_access_review,
    open_access_review,
    decide_in_access_review,
    complete_access_review,
)
