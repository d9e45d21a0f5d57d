"""Break-glass commands: one person asks, a second opens, and a third reviews after the end."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from msgspec import Struct

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import BREAK_GLASS
from application.people.break_glass_parties import find_cases_of_use
from application.people.order_duties import OrderDuties
from application.people.people_desk import PeopleDesk, person_write
from application.people.refusals import record_refusal
from domain import break_glass as emergency
from domain import break_glass as glasses
from domain import people as model
from domain.access_errors import BreakGlassNotFound
from domain.adjustments.errors import BreakGlassOfTheInvolved
from domain.cases.duties import require_no_duty
from domain.cases.exception_case import ExceptionCase
from domain.errors import TooContended
from domain.person import Person
from domain.policy.rulebook import Rulebook

ATTEMPTS = 20


class BreakGlassResult(Struct, frozen=True):
    """The break-glass after the command, and the log's position."""

    glass: emergency.BreakGlass
    position: int


PersonEvents = dict[str, list[model.PersonRecordEvent]]
"""The events for each person's stream, by name; without events, the person must not have changed."""

BreakGlassDecision = tuple[emergency.BreakGlassEvent, Collection[Person], PersonEvents]


class BreakGlassDesk:
    def __init__(
        self,
        log: EventLog,
        known: Repository[emergency.BreakGlass],
        people: PeopleDesk,
        rulebook: Callable[[], Rulebook],
    ) -> None:
        self._log = log
        self._known = known
        self._people = people
        self._rulebook = rulebook
        self._duties = OrderDuties(
            streams.orders(log),
            streams.cases(log),
            streams.ledgers(log),
            lambda: rulebook().document.kinds,
        )

    def glass(self, break_glass: UUID) -> emergency.BreakGlass:
        """The break-glass as the log has it. Raises BreakGlassNotFound."""
        # The id may be that of any stream: the first event shows its kind.
        lines = self._log.trail(break_glass)
        if not lines or not isinstance(lines[0].event, glasses.BreakGlassAsked):
            raise BreakGlassNotFound(f"no break-glass {break_glass}")
        found = self._known.fold_lines(lines)
        assert found is not None
        return found

    def ask(self, ask: emergency.RequestBreakGlass, by: Caller) -> BreakGlassResult:
        """Request emergency access. Raises Invalid, AnotherPersonNeeded, BreakGlassReviewDue,
        BreakGlassOfTheInvolved, CaseNotFound."""
        queues = self._rulebook().document.queues
        names = self._names(by)
        asked = glasses.request_break_glass(ask, by.actor, names, queues, by.now)
        self._require_uninvolved(self._cases([ask.case]), names, "asks for a break-glass", by)
        glass = emergency.BreakGlass(id=emergency.break_glass_stream(by.person, by.now))
        try:
            return self._record(glass, asked, names, {}, by)
        except VersionTaken:
            raise TooContended("another request came at the same moment; try again") from None

    def open(self, break_glass: UUID, by: Caller) -> BreakGlassResult:
        """Open it for the one who asked. Raises AnotherPersonNeeded, BreakGlassMoved,
        BreakGlassReviewDue, PersonGone."""

        def decide(glass: emergency.BreakGlass) -> BreakGlassDecision:
            openers, askers = self._names(by), self._people.known_as([glass.asked_by])
            assert glass.asked is not None
            cases = self._cases([glass.asked.case])
            self._require_uninvolved(cases, openers, "opens a break-glass", by)
            asker = next(person for person in askers if person.name == glass.asked_by)
            opened = glasses.open_break_glass(
                glass, by.actor, openers, askers, asker.next_grant, by.now
            )
            granted = model.PersonGranted(
                grant=opened.grant,
                role=glass.asked.role,
                queues=(glass.asked.queue,) if glass.asked.queue is not None else (),
                case=glass.asked.case,
                until=opened.until,
                reason=glass.asked.reason,
                under=emergency.break_glass_name(glass.id),
            )
            due = model.ReviewDue(break_glass=glass.id)
            return opened, [*openers, *askers], {asker.name: [granted, due], by.person: [due]}

        return self._act(break_glass, by, decide)

    def close(self, break_glass: UUID, by: Caller) -> BreakGlassResult:
        """End it before its time. Raises BreakGlassMoved."""

        def decide(glass: emergency.BreakGlass) -> BreakGlassDecision:
            ended = glasses.close_break_glass(glass)
            if glass.grant is None:
                return ended, (), {}
            asker = self._people.person(glass.asked_by)
            revoked = model.GrantRevoked(grant=glass.grant, reason="The break-glass was closed.")
            return ended, [asker], {asker.name: [revoked]}

        return self._act(break_glass, by, decide)

    def review(
        self, break_glass: UUID, judge: emergency.ReviewBreakGlass, by: Caller
    ) -> BreakGlassResult:
        """Record the review of its use. Raises AnotherPersonNeeded, BreakGlassMoved."""

        def decide(glass: emergency.BreakGlass) -> BreakGlassDecision:
            reviewers = self._names(by)
            cases = self._cases([*find_cases_of_use(self._log, glass)])
            self._require_uninvolved(cases, reviewers, "reviews a break-glass", by)
            parties = self._people.known_as(glass.parties)
            names = frozenset().union(*(party.known_as for party in parties))
            reviewed = glasses.review_break_glass(glass, by.actor, reviewers, names, judge)
            done = model.ReviewDone(break_glass=glass.id)
            return reviewed, [*reviewers, *parties], {name: [done] for name in glass.parties}

        return self._act(break_glass, by, decide)

    def _cases(self, ids: Sequence[UUID | None]) -> list[ExceptionCase]:
        """These cases; none for a break-glass of a queue, which is checked in each case where it is used.

        Raises CaseNotFound."""
        wanted = [case for case in ids if case is not None]
        trails = self._log.trails(wanted)
        for case in wanted:
            streams.require_case_trail(case, trails.get(case, ()))
        found = (streams.cases(self._log).fold_lines(trails[case]) for case in wanted)
        return [case for case in found if case is not None]

    def _require_uninvolved(
        self, cases: Sequence[ExceptionCase], people: Collection[Person], what: str, by: Caller
    ) -> None:
        """Raises BreakGlassOfTheInvolved."""
        names = frozenset().union(*(person.known_as for person in people))
        for case in cases:
            try:
                require_no_duty(self._duties.complete(case).all_duties(case), names, what)
            except BreakGlassOfTheInvolved as refusal:
                record_refusal(self._log, case, refusal, by)
                raise

    def _names(self, by: Caller) -> list[Person]:
        """The persons that the act counts for, under all their names."""
        return self._people.known_as(by.actor.persons)

    def _act(
        self,
        break_glass: UUID,
        by: Caller,
        decide: Callable[[emergency.BreakGlass], BreakGlassDecision],
    ) -> BreakGlassResult:
        """Decide and record; decide again if it, or one of the people, was changed meanwhile."""
        for _ in range(ATTEMPTS):
            glass = self.glass(break_glass)
            due_events = glasses.find_due_events(glass, by.now)
            now = glass
            for event in due_events:
                now = now.after(event, by.now, model.TIMEKEEPER_ACTOR)
            decided, people, person_events = decide(now)
            try:
                return self._record(glass, decided, people, person_events, by, due_events)
            except VersionTaken:
                continue
        raise TooContended(f"break-glass {break_glass}, {ATTEMPTS} attempts")

    def _record(
        self,
        glass: emergency.BreakGlass,
        decided: emergency.BreakGlassEvent,
        people: Collection[Person],
        person_events: PersonEvents,
        by: Caller,
        due_events: Sequence[emergency.BreakGlassEvent] = (),
    ) -> BreakGlassResult:
        events = [*((model.TIMEKEEPER_ACTOR, event) for event in due_events), (by.actor, decided)]
        after = glass
        for actor, event in events:
            after = after.after(event, by.now, actor)
        writes = [
            Write(
                stream=glass.id,
                kind=BREAK_GLASS,
                expected=glass.version,
                events=events,
                recorded_at=by.now,
                cause=by.cause,
                next_due=after.next_due,
            )
        ]
        for person in {person.name: person for person in people}.values():
            writes.append(person_write(person, person_events.get(person.name, ()), by))
        appended = self._log.append(writes, by.row_of(after))
        return BreakGlassResult(after, appended.position)
