"""Access reviews: opened by the log, decided grant by grant, and completed when nothing is left."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import ACCESS_REVIEWS
from application.people.managers import find_no_manager
from application.people.people_desk import PeopleDesk, person_write
from domain import access_review_decisions as decisions
from domain.access_errors import NotInScope
from domain.access_review_decisions import KnownPeople
from domain.access_reviews import (
    ACCESS_REVIEWS_STREAM,
    AccessReviewEvent,
    AccessReviews,
    DecideAccessReview,
    GrantUnderReview,
    PeriodicReview,
)
from domain.errors import TooContended
from domain.people import GrantRevoked
from domain.permissions import Permission
from domain.person import Person
from domain.policy.access_review_parts import AccessReviewRules

ATTEMPTS = 20


class ReviewState(Struct, frozen=True):
    """A review, and each grant that is still to be decided, with the reason."""

    review: PeriodicReview
    undecided: Sequence[tuple[GrantUnderReview, str]]


class AccessReviewResult(Struct, frozen=True):
    """The review after the command, and the log's position."""

    state: ReviewState
    position: int


class _Decided(Struct, frozen=True):
    event: AccessReviewEvent
    people: Sequence[Person] = ()
    """Everybody on whose names and grants it was decided: none of them may have changed."""
    revoked: Mapping[str, Sequence[GrantRevoked]] = {}


class AccessReviewDesk:
    """`rules` is the schedule of the policy in force."""

    def __init__(
        self,
        log: EventLog,
        known: Repository[AccessReviews],
        people: PeopleDesk,
        rules: Callable[[], AccessReviewRules | None],
    ) -> None:
        self._log = log
        self._known = known
        self._people = people
        self._rules = rules

    def reviews(self) -> AccessReviews:
        """All reviews, as the log has them now."""
        found = self._known.refreshed([ACCESS_REVIEWS_STREAM])
        return found.get(ACCESS_REVIEWS_STREAM, AccessReviews())

    def states(self, reviews: Iterable[PeriodicReview]) -> list[ReviewState]:
        """What is left of each; nothing is left of a completed one."""
        return [self._state(one, self._known_people(self._behind(one))) for one in reviews]

    def review(self, name: str) -> ReviewState:
        """Raises AccessReviewNotFound."""
        return self.states([self.reviews().review(name)])[0]

    def open(self, by: Caller) -> AccessReviewResult:
        """Open a review of the grants that are active now. Raises AccessReviewMoved."""

        def decide(reviews: AccessReviews) -> _Decided:
            position = self._log.head()
            people = self._people.everybody_upto(position)
            rules = self._rules()
            return _Decided(decisions.open_access_review(reviews, people, position, rules, by.now))

        return self._act(None, by, decide)

    def decide(self, name: str, ask: DecideAccessReview, by: Caller) -> AccessReviewResult:
        """Keep or revoke grants. Raises AccessReviewNotFound, AccessReviewMoved, AnotherPersonNeeded,
        NotInScope, Invalid."""

        def decide(reviews: AccessReviews) -> _Decided:
            review = reviews.review(name)
            wanted = {(one.person, one.grant) for one in ask.decisions}
            people = self._behind(review, wanted, by)
            known = self._known_people(people)
            names = known.names(by.actor.persons) if by.actor.persons else ()
            event, revoked = decisions.decide_on_grants(review, ask, names, known, by.now)
            self._require_manager(people, by)
            return _Decided(event, people, revoked)

        return self._act(name, by, decide)

    def complete(self, name: str, by: Caller) -> AccessReviewResult:
        """Complete it when each grant is decided. Raises AccessReviewNotFound, AccessReviewMoved,
        AnotherPersonNeeded, NotInScope."""

        def decide(reviews: AccessReviews) -> _Decided:
            review = reviews.review(name)
            people = self._behind(review, by=by)
            event = decisions.complete_access_review(
                review, by.actor.persons, self._known_people(people)
            )
            self._require_manager(people, by)
            return _Decided(event, people)

        return self._act(name, by, decide)

    def _behind(
        self,
        review: PeriodicReview,
        only: Iterable[tuple[str, str]] | None = None,
        by: Caller | None = None,
    ) -> list[Person]:
        """Everybody with a part in these grants (all of them, without `only`): who holds, gave, confirmed and
        decided on them, and the caller, under all names."""
        wanted = None if only is None else {*only}
        names = {*by.actor.persons} if by is not None else set()
        keys = []
        for one in review.opened.grants:
            if wanted is None or (one.person, one.grant) in wanted:
                keys.append((one.person, one.grant))
                names |= {one.person, *one.given_by}
                if (verdict := review.verdict(one)) is not None:
                    names |= {*verdict.by.persons}
        holders = {person.name: person for person in self._people.known_as(names)}
        for name, grant in keys:
            if (found := holders[name].grant(grant)) is not None:
                names |= {*decisions.givers(found)}
        if by is not None:
            return self._people.deciding_names(names)
        return self._people.known_as(names)

    def _known_people(self, people: Sequence[Person]) -> KnownPeople:
        return KnownPeople(people, self._people.record())

    def _require_manager(self, people: Sequence[Person], by: Caller) -> None:
        """By the log: a process may remember for some seconds what a person was allowed."""
        if (who := find_no_manager(by.actor, people, by.now)) is not None:
            detail = f"{who} no longer has the permission {Permission.MANAGE_PEOPLE}"
            raise NotInScope(detail, permission=Permission.MANAGE_PEOPLE)

    def _state(self, review: PeriodicReview, known: KnownPeople) -> ReviewState:
        is_open = review.completed is None
        return ReviewState(review, [*decisions.find_undecided(review, known)] if is_open else [])

    def _act(
        self, name: str | None, by: Caller, decide: Callable[[AccessReviews], _Decided]
    ) -> AccessReviewResult:
        """Decide and record; decide again if the reviews or one of the people changed meanwhile."""
        for _ in range(ATTEMPTS):
            reviews = self.reviews()
            decided = decide(reviews)
            writes = [
                by.write(ACCESS_REVIEWS_STREAM, ACCESS_REVIEWS, reviews.version, [decided.event])
            ]
            writes += [
                person_write(person, decided.revoked.get(person.name, ()), by)
                for person in decided.people
            ]
            after = reviews.after(decided.event, by.now, by.actor)
            review = after.review(decided.event.review)
            state = self._state(review, self._known_people(self._behind(review)))
            try:
                appended = self._log.append(writes, by.row_of(state))
            except VersionTaken:
                continue
            if decided.revoked:
                self._people.tell_watchers()
            return AccessReviewResult(state, appended.position)
        raise TooContended(f"access review {name or 'to open'}, {ATTEMPTS} attempts")
