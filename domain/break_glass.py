"""Break-glass: emergency authority that one person requests, another opens and a third reviews.

It gives a role in one scope and ends by itself. The role is a grant of the requester, recorded in the
same append, so the fold over people shows emergency authority too. It lifts no duty and allows no
payment.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Meta, Struct, structs

from domain.access_errors import AnotherPersonNeeded, BreakGlassMoved, BreakGlassReviewDue
from domain.errors import Fault, Invalid
from domain.fault_texts import no_such
from domain.people import Actor, Reason, Role
from domain.person import Person
from domain.policy.document_types import Name
from domain.struct_fields import fill
from domain.texts import lines

BREAK_GLASS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:break-glass")
BREAK_GLASS_PREFIX: Final = "break-glass:"
MAX_MINUTES: Final = 60
LAPSES_AFTER: Final = timedelta(minutes=60)
"""A request that nobody has opened by then lapses."""
Findings = Annotated[str, lines(2_000, least=1)]
Minutes = Annotated[int, Meta(ge=1, le=MAX_MINUTES)]


def break_glass_stream(person: str, asked_at: datetime) -> UUID:
    return uuid5(BREAK_GLASS_NAMESPACE, f"{person}\n{asked_at.isoformat()}")


def break_glass_name(break_glass: UUID) -> str:
    """The name that marks acts under it (`Actor.under`)."""
    return f"{BREAK_GLASS_PREFIX}{break_glass}"


class RequestBreakGlass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for a role, in one queue or for one case, for so many minutes."""

    role: Role
    queue: Name | None = None
    case: UUID | None = None
    minutes: Minutes = MAX_MINUTES
    reason: Reason


class ReviewBreakGlass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The review: whether the use was justified, and the findings."""

    justified: bool
    findings: Findings


class BreakGlassEnding(StrEnum):
    CLOSED = "closed"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    """Nobody opened it in time."""


class BreakGlassAsked(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="break_glass.asked"
):
    """The line's actor requests a role. The request lapses at `lapses_at` unless another person opens it."""

    role: Role
    queue: Name | None = None
    case: UUID | None = None
    minutes: Minutes
    lapses_at: datetime
    reason: Reason


class BreakGlassOpened(Struct, frozen=True, kw_only=True, tag="break_glass.opened"):
    """The line's actor opened it; `grant` is the requester's grant."""

    grant: str
    until: datetime


class BreakGlassEnded(Struct, frozen=True, kw_only=True, tag="break_glass.ended"):
    how: BreakGlassEnding


class BreakGlassReviewed(Struct, frozen=True, kw_only=True, tag="break_glass.reviewed"):
    justified: bool
    findings: Findings


BreakGlassEvent: TypeAlias = (
    BreakGlassAsked | BreakGlassOpened | BreakGlassEnded | BreakGlassReviewed
)


class BreakGlassStage(StrEnum):
    ASKED = "asked"
    OPEN = "open"
    REVIEW_DUE = "review_due"
    REVIEWED = "reviewed"
    LAPSED = "lapsed"


class BreakGlass(Struct, frozen=True, kw_only=True):
    id: UUID
    version: int = 0
    stage: BreakGlassStage = BreakGlassStage.ASKED
    asked: BreakGlassAsked | None = None
    asked_by: str = ""
    asked_at: datetime | None = None
    opened_by: str | None = None
    opened_at: datetime | None = None
    grant: str | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    ended: BreakGlassEnding | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    review: BreakGlassReviewed | None = None

    @property
    def next_due(self) -> datetime | None:
        """When it lapses or expires."""
        match self.stage:
            case BreakGlassStage.ASKED:
                return self.asked.lapses_at if self.asked is not None else None
            case BreakGlassStage.OPEN:
                return self.until
            case _:
                return None

    @property
    def parties(self) -> frozenset[str]:
        return frozenset(name for name in (self.asked_by, self.opened_by) if name)

    def after(self, event: BreakGlassEvent, at: datetime, by: Actor) -> BreakGlass:
        now = structs.replace(self, version=self.version + 1)
        match event:
            case BreakGlassAsked():
                return structs.replace(now, asked=event, asked_by=by.person or "", asked_at=at)
            case BreakGlassOpened(grant=grant, until=until):
                return structs.replace(
                    now,
                    stage=BreakGlassStage.OPEN,
                    opened_by=by.person or "",
                    opened_at=at,
                    grant=grant,
                    until=until,
                )
            case BreakGlassEnded(how=how):
                stage = (
                    BreakGlassStage.LAPSED
                    if self.stage is BreakGlassStage.ASKED
                    else BreakGlassStage.REVIEW_DUE
                )
                return structs.replace(now, stage=stage, ended=how, ended_at=at)
            case BreakGlassReviewed():
                return structs.replace(
                    now,
                    stage=BreakGlassStage.REVIEWED,
                    reviewed_by=by.person or "",
                    reviewed_at=at,
                    review=event,
                )
            case _:
                assert_never(event)


def request_break_glass(
    request: RequestBreakGlass,
    by: Actor,
    names: Collection[Person],
    queues: Collection[str],
    now: datetime,
) -> BreakGlassAsked:
    """The event of a request. `names` are the person records under all names of the requester.

    Raises Invalid for a bad scope, AnotherPersonNeeded for an agent or a delegate, and
    BreakGlassReviewDue while a review is due.
    """
    _require_eligible_participant(by, names)
    if (request.queue is None) == (request.case is None):
        raise Invalid([Fault("/queue", "name one queue or one case, not both")], "the break-glass")
    if request.queue is not None and request.queue not in queues:
        detail = no_such("queue", request.queue, queues)
        raise Invalid([Fault("/queue", detail)], "the break-glass")
    return fill(BreakGlassAsked, request, lapses_at=now + LAPSES_AFTER)


def open_break_glass(
    glass: BreakGlass,
    by: Actor,
    openers: Collection[Person],
    askers: Collection[Person],
    grant: str,
    now: datetime,
) -> BreakGlassOpened:
    """The event of opening it, by a person other than the requester; neither may have a review due.

    Raises BreakGlassMoved, AnotherPersonNeeded, BreakGlassReviewDue.
    """
    _require_stage(glass, BreakGlassStage.ASKED)
    assert glass.asked is not None
    _require_different_person(by, openers, _all_names(askers), "opens the request of")
    _require_eligible_participant(by, openers)
    _require_no_pending_review(askers)
    return BreakGlassOpened(grant=grant, until=now + timedelta(minutes=glass.asked.minutes))


def close_break_glass(glass: BreakGlass) -> BreakGlassEnded:
    """The event of ending it early. Raises BreakGlassMoved unless it is requested or open."""
    if glass.stage is BreakGlassStage.ASKED:
        return BreakGlassEnded(how=BreakGlassEnding.LAPSED)
    _require_stage(glass, BreakGlassStage.OPEN)
    return BreakGlassEnded(how=BreakGlassEnding.CLOSED)


def review_break_glass(
    glass: BreakGlass,
    by: Actor,
    reviewers: Collection[Person],
    parties: frozenset[str],
    review: ReviewBreakGlass,
) -> BreakGlassReviewed:
    """The event of a review, by a person who had no part in it.

    Raises AnotherPersonNeeded, BreakGlassMoved.
    """
    _require_stage(glass, BreakGlassStage.REVIEW_DUE)
    _require_acting_in_person(by, reviewers)
    _require_different_person(by, reviewers, parties, "reviews a break-glass of")
    return BreakGlassReviewed(justified=review.justified, findings=review.findings)


def find_due_events(glass: BreakGlass, now: datetime) -> list[BreakGlassEvent]:
    """The event of its end if it has lapsed or expired by now."""
    due = glass.next_due
    if due is None or due > now:
        return []
    return [
        BreakGlassEnded(
            how=BreakGlassEnding.LAPSED
            if glass.stage is BreakGlassStage.ASKED
            else BreakGlassEnding.EXPIRED
        )
    ]


def _all_names(people: Collection[Person]) -> frozenset[str]:
    return frozenset().union(*(person.known_as for person in people))


def _require_eligible_participant(by: Actor, names: Collection[Person]) -> None:
    """Require a person who acts in person and has no review due."""
    _require_acting_in_person(by, names)
    _require_no_pending_review(names)


def _require_acting_in_person(by: Actor, names: Collection[Person]) -> None:
    if by.is_agent or by.delegate is not None or not names:
        raise AnotherPersonNeeded(
            "a person must do this in person, not through an agent or a delegate"
        )


def _require_no_pending_review(names: Collection[Person]) -> None:
    due = sorted(str(break_glass) for person in names for break_glass in person.reviews_due)
    if due:
        people = ", ".join(sorted(person.name for person in names))
        raise BreakGlassReviewDue(f"a break-glass of {people} awaits its review", due=due)


def _require_different_person(
    by: Actor, names: Collection[Person], others: frozenset[str], does: str
) -> None:
    own = (_all_names(names) | {*by.persons}) & others
    if own:
        raise AnotherPersonNeeded(f"{', '.join(sorted(own))} {does} the same person")


def _require_stage(glass: BreakGlass, stage: BreakGlassStage) -> None:
    if glass.stage is not stage:
        raise BreakGlassMoved(f"break-glass {glass.id} is {glass.stage}", state=glass.stage)
