"""Authority in an emergency: one person asks for a role in one scope, another opens it, it ends by
itself, and somebody else judges afterwards what was done under it.

What it gives is a grant of the person who asked, recorded in the same append: so who could have done
what is one fold over people, in an emergency too. It lifts no duty, and lets nobody pay.
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
from domain.people import Actor, Person, Reason, Role
from domain.policy.document_types import Name
from domain.texts import lines

BREAK_GLASS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:break-glass")
MAX_MINUTES: Final = 60
LAPSES_AFTER: Final = timedelta(minutes=60)
"""What nobody has opened by then, nobody can open any more."""
Findings = Annotated[str, lines(2_000, least=1)]
Minutes = Annotated[int, Meta(ge=1, le=MAX_MINUTES)]


def break_glass_stream(person: str, asked_at: datetime) -> UUID:
    return uuid5(BREAK_GLASS_NAMESPACE, f"{person}\n{asked_at.isoformat()}")


def break_glass_name(break_glass: UUID) -> str:
    """What acts under it are told by."""
    return f"break-glass:{break_glass}"


class RequestBreakGlass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role, in one queue or for one case, for as long as it takes."""

    role: Role
    queue: Name | None = None
    case: UUID | None = None
    minutes: Minutes = MAX_MINUTES
    reason: Reason


class ReviewBreakGlass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether it was right, and what was found."""

    justified: bool
    findings: Findings


class BreakGlassEnding(StrEnum):
    CLOSED = "closed"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    """Nobody had opened it."""


class BreakGlassAsked(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="break_glass.asked"
):
    """Who asks is the line's actor. It lapses at `lapses_at` unless somebody else opens it."""

    role: Role
    queue: Name | None = None
    case: UUID | None = None
    minutes: Minutes
    lapses_at: datetime
    reason: Reason


class BreakGlassOpened(Struct, frozen=True, kw_only=True, tag="break_glass.opened"):
    """Who opens it is the line's actor; `grant` is that of whoever asked."""

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
        """When it ends with nobody doing anything."""
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
    ask: RequestBreakGlass,
    by: Actor,
    names: Collection[Person],
    queues: Collection[str],
    now: datetime,
) -> BreakGlassAsked:
    """`names` are all names of whoever asks. Raises Invalid, and what `_may_take_part` does."""
    _require_eligible_participant(by, names)
    if (ask.queue is None) == (ask.case is None):
        raise Invalid([Fault("/queue", "name one queue or one case, not both")], "the break-glass")
    if ask.queue is not None and ask.queue not in queues:
        known = ", ".join(sorted(queues))
        told = f"no queue {ask.queue}; known are: {known}"
        raise Invalid([Fault("/queue", told)], "the break-glass")
    return BreakGlassAsked(
        role=ask.role,
        queue=ask.queue,
        case=ask.case,
        minutes=ask.minutes,
        lapses_at=now + LAPSES_AFTER,
        reason=ask.reason,
    )


def open_break_glass(
    glass: BreakGlass,
    by: Actor,
    openers: Collection[Person],
    askers: Collection[Person],
    grant: str,
    now: datetime,
) -> BreakGlassOpened:
    """Another human than the one who asked, and neither with a review to come."""
    _require_stage(glass, BreakGlassStage.ASKED)
    assert glass.asked is not None
    _require_different_person(by, openers, _all_names(askers), "opens what was asked for by")
    _require_eligible_participant(by, openers)
    _require_no_pending_review(askers)
    return BreakGlassOpened(grant=grant, until=now + timedelta(minutes=glass.asked.minutes))


def close_break_glass(glass: BreakGlass) -> BreakGlassEnded:
    """Before its time, by whoever may: an end harms nobody."""
    if glass.stage is BreakGlassStage.ASKED:
        return BreakGlassEnded(how=BreakGlassEnding.LAPSED)
    _require_stage(glass, BreakGlassStage.OPEN)
    return BreakGlassEnded(how=BreakGlassEnding.CLOSED)


def review_break_glass(
    glass: BreakGlass,
    by: Actor,
    reviewers: Collection[Person],
    parties: frozenset[str],
    judge: ReviewBreakGlass,
) -> BreakGlassReviewed:
    """Somebody who had no part in it. Raises AnotherPersonNeeded, BreakGlassMoved."""
    _require_stage(glass, BreakGlassStage.REVIEW_DUE)
    _require_acting_in_person(by, reviewers)
    _require_different_person(by, reviewers, parties, "reviews a break-glass of")
    return BreakGlassReviewed(justified=judge.justified, findings=judge.findings)


def find_due_events(glass: BreakGlass, now: datetime) -> list[BreakGlassEvent]:
    """What time does to it."""
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
    """A human by their own hand, who has no review to come."""
    _require_acting_in_person(by, names)
    _require_no_pending_review(names)


def _require_acting_in_person(by: Actor, names: Collection[Person]) -> None:
    if by.is_agent or by.delegate is not None or not names:
        raise AnotherPersonNeeded("a break-glass takes a person, with their own hands")


def _require_no_pending_review(names: Collection[Person]) -> None:
    due = sorted(str(one) for person in names for one in person.reviews_due)
    if due:
        told = ", ".join(sorted(person.name for person in names))
        raise BreakGlassReviewDue(f"{told}: a review is due", due=due)


def _require_different_person(
    by: Actor, names: Collection[Person], others: frozenset[str], does: str
) -> None:
    own = (_all_names(names) | {*by.persons}) & others
    if own:
        raise AnotherPersonNeeded(f"{', '.join(sorted(own))} {does} the same human")


def _require_stage(glass: BreakGlass, stage: BreakGlassStage) -> None:
    if glass.stage is not stage:
        raise BreakGlassMoved(f"break-glass {glass.id} is {glass.stage}", state=glass.stage)
