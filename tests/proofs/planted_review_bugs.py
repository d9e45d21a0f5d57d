"""Plausible bugs in access reviews, and the tests that must catch them."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

REVIEWS = "tests/application/test_access_reviews.py"
SCHEDULE = "tests/domain/test_access_review_schedule.py"
DECISIONS = "domain/access_review_decisions.py"
DESK = "application/people/access_review_desk.py"
TIMES = "domain/access_review_schedule.py"

REVIEW_BUGS = (
    Bug(
        "the doctor does not warn of an access review that is overdue",
        "infrastructure/doctor/schedules.py",
        "if one.until is None]",
        "if one.until is not None]",
        "tests/infrastructure/test_overdue_access_reviews.py",
    ),
    Bug(
        "only the holder may not decide on a grant",
        DECISIONS,
        "self.names([one.person, *one.given_by, *givers(self.grant(one)[1])])",
        "self.names([one.person])",
        REVIEWS,
    ),
    Bug(
        "who confirmed a grant may decide on it",
        DECISIONS,
        "return tuple(dict.fromkeys((*grant.granted_by.persons, *confirmed)))",
        "return grant.granted_by.persons",
        REVIEWS,
    ),
    Bug(
        "a review compares single names",
        DECISIONS,
        "return frozenset(names).union(*known)",
        "return frozenset(names)",
        REVIEWS,
    ),
    Bug(
        "a decision counts whoever its author turns out to be",
        DECISIONS,
        "if own := known.names(verdict.by.persons) & known.parties(one):",
        "if own := frozenset(verdict.by.persons) & {one.person}:",
        REVIEWS,
    ),
    Bug(
        "a review is completed while grants are left",
        DECISIONS,
        "    if left:\n        some",
        "    if len(left) == len(review.opened.grants):\n        some",
        REVIEWS,
    ),
    Bug(
        "a grant is decided again by the next person",
        DECISIONS,
        "if why_not_decided(review, one, known) is None:",
        "if why_not_decided(review, one, known) == label:",
        REVIEWS,
    ),
    Bug(
        "a grant that waits to be given again is not ended",
        DECISIONS,
        "is_over = grant.status(now) in OVER",
        "is_over = not grant.lives(now)",
        REVIEWS,
    ),
    Bug(
        "the people of a review may change while it is decided",
        DESK,
        "for person in decided.people\n",
        "for person in decided.people if person.name in decided.revoked\n",
        REVIEWS,
    ),
    Bug(
        "a manager of some seconds ago decides in a review",
        DESK,
        "if (who := find_no_manager(by.actor, people, by.now)) is not None:",
        "if (who := find_no_manager(by.actor, people, by.now)) == by.cause:",
        REVIEWS,
    ),
    Bug(
        "to open a review is enough for its schedule",
        TIMES,
        "done = [one.completed_at for one in reviews.reviews if one.completed_at is not None]",
        "done = [one.opened_at for one in reviews.reviews]",
        SCHEDULE,
    ),
    Bug(
        "a review that was completed too late was never overdue",
        TIMES,
        "if due is not None and due < (one.completed_at or now):",
        "if due is not None and one.completed_at is None and due < now:",
        SCHEDULE,
    ),
)
