"""Decisions in access reviews; they return events.

Nobody decides on a grant that they hold, gave or confirmed, under any name. A decision stops counting when its
actor turns out to be one of those people, or the actor's own grant to manage people to be void, and the grant is
decided again, unless it was revoked.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from domain.access_errors import AccessReviewMoved, AnotherPersonNeeded
from domain.access_reviews import (
    AccessReviewCompleted,
    AccessReviewDecided,
    AccessReviewOpened,
    AccessReviews,
    DecideAccessReview,
    GrantUnderReview,
    KeepOrRevoke,
    PeriodicReview,
    RecordedVerdict,
)
from domain.errors import Fault, Invalid
from domain.grant_validity import PeopleOfTheLog, acted_by_a_void_grant, manages_people
from domain.people import GrantRevoked
from domain.person import Grant, GrantStatus, Person
from domain.policy.access_review_parts import AccessReviewRules
from domain.struct_fields import fill

ACTIVE: Final = (GrantStatus.ACTIVE, GrantStatus.UNCONFIRMED)
OVER: Final = (GrantStatus.ENDED, GrantStatus.REJECTED, GrantStatus.WITHDRAWN)
"""A grant that can never be active again."""


class KnownPeople:
    """Persons by name, to compare who they are, and what the log says of their grants at earlier times."""

    def __init__(self, people: Collection[Person], log: PeopleOfTheLog) -> None:
        self._people = {person.name: person for person in people}
        self._log = log

    def managed_by_a_void_grant(self, verdict: RecordedVerdict) -> bool:
        """Whether the one who decided managed people by a grant that is void."""
        return (
            verdict.by.person is not None
            and verdict.position > 0  # what is being recorded now was checked by the grants of now
            and acted_by_a_void_grant(
                verdict.by.person, manages_people, verdict.position, verdict.at, self._log
            )
        )

    def grant(self, one: GrantUnderReview) -> tuple[Person, Grant]:
        """A grant that the log has, and its person."""
        person = self._people[one.person]
        found = person.grant(one.grant)
        assert found is not None
        return person, found

    def names(self, names: Collection[str]) -> frozenset[str]:
        """All names of these people; a name that was never added stands for itself."""
        known = (self._people[name].known_as for name in names if name in self._people)
        return frozenset(names).union(*known)

    def parties(self, one: GrantUnderReview) -> frozenset[str]:
        """All names of those who hold the grant, and of those who gave or confirmed it until now."""
        return self.names([one.person, *one.given_by, *givers(self.grant(one)[1])])


def givers(grant: Grant) -> tuple[str, ...]:
    """The people who gave and confirmed it; none for the operator of the command line."""
    confirmed = grant.confirmed_by.persons if grant.confirmed_by is not None else ()
    return tuple(dict.fromkeys((*grant.granted_by.persons, *confirmed)))


def digest_of_grants(grants: Sequence[GrantUnderReview]) -> str:
    """The digest of a list of grants (`AccessReviewOpened.digest`)."""
    return hashlib.sha256(msgspec.json.encode(grants, order="sorted")).hexdigest()


def open_access_review(
    reviews: AccessReviews,
    people: Collection[Person],
    position: int,
    rules: AccessReviewRules | None,
    now: datetime,
) -> AccessReviewOpened:
    """The event of a new review of all grants that are active now. `people` is everybody as of the position.

    Raises AccessReviewMoved while another one is open.
    """
    if (other := reviews.open_one) is not None:
        raise AccessReviewMoved(f"access review {other.review} is open: complete it first")
    grants = tuple(
        fill(GrantUnderReview, grant, person=person.name, status=status, given_by=givers(grant))
        for person in sorted(people, key=lambda one: one.name)
        for grant in person.grants
        if (status := person.status_of(grant, now)) in ACTIVE
    )
    return AccessReviewOpened(
        review=f"r{len(reviews.reviews) + 1}",
        position=position,
        grants=grants,
        digest=digest_of_grants(grants),
        owner=rules.owner if rules is not None else None,
        due_at=now + rules.due_within if rules is not None else None,
    )


def why_not_decided(
    review: PeriodicReview, one: GrantUnderReview, known: KnownPeople
) -> str | None:
    """Why the grant is still to be decided, by the names that are known; None if it is decided."""
    verdict = review.verdict(one)
    if verdict is None:
        return "nobody has decided yet"
    if verdict.verdict is KeepOrRevoke.REVOKE:
        return None  # it has ended, no matter who decides
    if own := known.names(verdict.by.persons) & known.parties(one):
        return f"the decision does not count: {', '.join(sorted(own))} holds or gave the grant"
    if known.managed_by_a_void_grant(verdict):
        who = verdict.by.person
        return f"the decision does not count: the grant by which {who} managed people is void"
    return None


def find_undecided(
    review: PeriodicReview, known: KnownPeople
) -> Iterator[tuple[GrantUnderReview, str]]:
    """The grants that are still to be decided, and why."""
    for one in review.opened.grants:
        if (why := why_not_decided(review, one, known)) is not None:
            yield one, why


def decide_on_grants(
    review: PeriodicReview,
    ask: DecideAccessReview,
    by: Collection[str],
    known: KnownPeople,
    now: datetime,
) -> tuple[AccessReviewDecided, dict[str, list[GrantRevoked]]]:
    """The event of the decisions, and the revocations for each person's stream. `by` are all names of the caller.

    Only `revoke` fits a grant that has ended since: everybody may record that, and there is nothing more to revoke.

    Raises AccessReviewMoved, AnotherPersonNeeded, Invalid.
    """
    _require_open(review)
    if not by:
        raise AnotherPersonNeeded("a person decides in a review; the command line acts for nobody")
    items = {(one.person, one.grant): one for one in review.opened.grants}
    faults: list[Fault] = []
    seen: set[tuple[str, str]] = set()
    revoked: dict[str, list[GrantRevoked]] = {}
    for n, wanted in enumerate(ask.decisions):
        key, label = (wanted.person, wanted.grant), f"grant {wanted.grant} of {wanted.person}"
        if (one := items.get(key)) is None:
            detail = f"{label} is not in review {review.review}, which has the grants that were active at its opening"
            faults.append(Fault(f"/decisions/{n}", detail))
            continue
        if key in seen:
            faults.append(Fault(f"/decisions/{n}", f"{label} is decided twice here"))
            continue
        seen.add(key)
        person, grant = known.grant(one)
        is_over = grant.status(now) in OVER
        is_recorded_only = is_over and wanted.verdict is KeepOrRevoke.REVOKE
        if (own := {*by} & known.parties(one)) and not is_recorded_only:
            names = ", ".join(sorted(own))
            raise AnotherPersonNeeded(f"{names} holds or gave {label}: another person decides")
        if why_not_decided(review, one, known) is None:
            raise AccessReviewMoved(f"{label} is decided already in review {review.review}")
        if wanted.verdict is KeepOrRevoke.KEEP and person.status_of(grant, now) not in ACTIVE:
            detail = f"{label} is {person.status_of(grant, now)} and cannot be kept: decide revoke"
            faults.append(Fault(f"/decisions/{n}/verdict", detail))
        elif wanted.verdict is KeepOrRevoke.REVOKE and not is_over:
            event = GrantRevoked(grant=wanted.grant, reason=wanted.reason)
            revoked.setdefault(person.name, []).append(event)
    if faults:
        raise Invalid(faults, "the decisions")
    return AccessReviewDecided(review=review.review, decisions=ask.decisions), revoked


def complete_access_review(
    review: PeriodicReview, by: Collection[str], known: KnownPeople
) -> AccessReviewCompleted:
    """The event of the completion; its actor is a person. Raises AccessReviewMoved, AnotherPersonNeeded."""
    _require_open(review)
    if not by:
        raise AnotherPersonNeeded("a person completes a review; the command line acts for nobody")
    left = [f"{x.grant} of {x.person} ({why})" for x, why in find_undecided(review, known)]
    if left:
        some = "; ".join(left[:5]) + (f"; and {len(left) - 5} more" if len(left) > 5 else "")
        raise AccessReviewMoved(
            f"{len(left)} of {len(review.opened.grants)} grants are still to be decided: {some}"
        )
    verdicts = [found.verdict for found in review.verdicts.values()]
    return AccessReviewCompleted(
        review=review.review,
        position=review.opened.position,
        digest=digest_of_grants(review.opened.grants),
        kept=verdicts.count(KeepOrRevoke.KEEP),
        revoked=verdicts.count(KeepOrRevoke.REVOKE),
    )


def _require_open(review: PeriodicReview) -> None:
    if review.completed is not None:
        raise AccessReviewMoved(f"access review {review.review} is completed")
