"""Periodic access reviews: people decide on each grant that was active when the review was opened.

All reviews are one stream, so at most one is open. The list is recorded with the log's position and its digest, and
each decision with its actor: nobody decides on a grant that they hold or gave, under any of their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Meta, Struct, structs

from domain.access_errors import AccessReviewNotFound
from domain.moments import keep_in_years
from domain.people import Actor, GrantId, PersonName, Reason, Role
from domain.person import GrantStatus
from domain.policy.document_types import Name
from domain.struct_fields import fill, replace_where

ACCESS_REVIEWS_STREAM: Final = uuid5(NAMESPACE_URL, "casetrail:access-reviews")
MAX_DECISIONS: Final = 200


class KeepOrRevoke(StrEnum):
    KEEP = "keep"
    REVOKE = "revoke"


class GrantVerdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision on one grant: keep it or revoke it, and why."""

    person: PersonName
    grant: GrantId
    verdict: KeepOrRevoke
    reason: Reason


class DecideAccessReview(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decisions on several grants: all are recorded, or none."""

    decisions: Annotated[tuple[GrantVerdict, ...], Meta(min_length=1, max_length=MAX_DECISIONS)]


class GrantUnderReview(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A grant as it was when the review was opened."""

    person: PersonName
    grant: GrantId
    role: Role
    queues: tuple[Name, ...] = ()
    """Empty means all queues; the same for regions."""
    regions: tuple[str, ...] = ()
    case: UUID | None = None
    until: datetime | None = None
    status: GrantStatus
    given_by: tuple[PersonName, ...] = ()
    """The people who gave and confirmed it; none for the operator of the command line."""

    def __post_init__(self) -> None:
        keep_in_years(self, "until")


class AccessReviewOpened(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="access_review.opened"
):
    """The line's actor opened a review of the grants that were active at a position of the log."""

    review: str
    position: int
    grants: tuple[GrantUnderReview, ...]
    digest: str
    """SHA-256 of `grants` as JSON with sorted names and without spaces."""
    owner: Name | None = None
    """The team or role that has to do it, by the policy then."""
    due_at: datetime | None = None
    """When it must be completed, by the policy then."""


class AccessReviewDecided(Struct, frozen=True, kw_only=True, tag="access_review.decided"):
    """The line's actor decided on grants. Those to revoke that had not ended are revoked in the same append."""

    review: str
    decisions: tuple[GrantVerdict, ...]


class AccessReviewCompleted(Struct, frozen=True, kw_only=True, tag="access_review.completed"):
    """Each grant is decided: what was reviewed, as of which position, and the outcome."""

    review: str
    position: int
    digest: str
    kept: int
    revoked: int


AccessReviewEvent: TypeAlias = AccessReviewOpened | AccessReviewDecided | AccessReviewCompleted


class RecordedVerdict(Struct, frozen=True, kw_only=True):
    verdict: KeepOrRevoke
    reason: str
    by: Actor
    at: datetime
    position: int = 0
    """Where the log has it; 0 before it is recorded."""


class PeriodicReview(Struct, frozen=True, kw_only=True):
    opened: AccessReviewOpened
    opened_by: Actor
    opened_at: datetime
    verdicts: Mapping[tuple[str, str], RecordedVerdict] = {}
    """By person and grant; the newest counts."""
    completed_by: Actor | None = None
    completed_at: datetime | None = None
    completed: AccessReviewCompleted | None = None

    @property
    def review(self) -> str:
        return self.opened.review

    def verdict(self, grant: GrantUnderReview) -> RecordedVerdict | None:
        return self.verdicts.get((grant.person, grant.grant))


class AccessReviews(Struct, frozen=True, kw_only=True):
    version: int = 0
    reviews: tuple[PeriodicReview, ...] = ()

    @property
    def open_one(self) -> PeriodicReview | None:
        return next((one for one in self.reviews if one.completed is None), None)

    def review(self, name: str) -> PeriodicReview:
        """Raises AccessReviewNotFound."""
        for one in self.reviews:
            if one.review == name:
                return one
        last = self.reviews[-1].review if self.reviews else None
        known = f"the last one is {last}" if last else "none was opened yet"
        raise AccessReviewNotFound(f"no access review {name}: {known}")

    def after(
        self, event: AccessReviewEvent, at: datetime, by: Actor, position: int = 0
    ) -> AccessReviews:
        """The reviews after an event; `position` is that of its line, 0 before it is recorded."""
        now = structs.replace(self, version=self.version + 1)
        match event:
            case AccessReviewOpened():
                one = PeriodicReview(opened=event, opened_by=by, opened_at=at)
                return structs.replace(now, reviews=(*self.reviews, one))
            case AccessReviewDecided(review=name, decisions=decisions):
                verdicts = {
                    (one.person, one.grant): fill(
                        RecordedVerdict, one, by=by, at=at, position=position
                    )
                    for one in decisions
                }
                known = self.review(name).verdicts
                return now._changed(name, verdicts={**known, **verdicts})
            case AccessReviewCompleted(review=name):
                return now._changed(name, completed=event, completed_by=by, completed_at=at)
            case _:
                assert_never(event)

    def _changed(self, review: str, **changes: object) -> AccessReviews:
        reviews = replace_where(self.reviews, "review", review, **changes)
        return structs.replace(self, reviews=reviews)
