"""Break-glass: asked for, opened by a second person, ended, and reviewed by a third."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import BREAK_GLASS
from application.people.people_desk import PeopleDesk, write_of
from domain import break_glass as glasses
from domain.access_errors import BreakGlassNotFound
from domain.break_glass import (
    AskForBreakGlass,
    BreakGlass,
    BreakGlassEvent,
    Judge,
    break_glass_stream,
    name_of,
)
from domain.errors import TooContended
from domain.people import (
    TIMEKEEPER,
    GrantRevoked,
    Person,
    PersonGranted,
    ReviewDone,
    ReviewDue,
    Standing,
)
from domain.policy.rulebook import Rulebook

ATTEMPTS = 20


class Broken(Struct, frozen=True):
    """The break-glass after the command, and the log's position."""

    glass: BreakGlass
    position: int


Told = dict[str, list[Standing]]
"""What each of the people learns: a name without events must only have stayed as it was."""


class BreakGlassDesk:
    def __init__(
        self,
        log: EventLog,
        known: Repository[BreakGlass],
        people: PeopleDesk,
        rulebook: Callable[[], Rulebook],
    ) -> None:
        self._log = log
        self._known = known
        self._people = people
        self._rulebook = rulebook

    def glass(self, break_glass: UUID) -> BreakGlass:
        """As the log has it. Raises BreakGlassNotFound."""
        # The id may be that of any stream: its kind shows in what it folds to.
        lines = self._log.trail(break_glass)
        if not lines or not isinstance(lines[0].event, glasses.BreakGlassAsked):
            raise BreakGlassNotFound(f"no break-glass {break_glass}")
        found = self._known.folded(lines)
        assert found is not None
        return found

    def ask(self, ask: AskForBreakGlass, by: Caller) -> Broken:
        """Raises Invalid, AnotherPersonNeeded, BreakGlassReviewDue."""
        queues = self._rulebook().document.queues
        names = self._names(by)
        asked = glasses.ask(ask, by.actor, names, queues, by.now)
        glass = BreakGlass(id=break_glass_stream(by.person, by.now))
        try:
            return self._record(glass, asked, names, {}, by)
        except VersionTaken:
            raise TooContended("somebody asked at the same moment") from None

    def open(self, break_glass: UUID, by: Caller) -> Broken:
        """Raises AnotherPersonNeeded, BreakGlassMoved, BreakGlassReviewDue, PersonGone."""

        def decide(glass: BreakGlass) -> tuple[BreakGlassEvent, Collection[Person], Told]:
            openers, askers = self._names(by), self._people.known_as([glass.asked_by])
            asker = next(one for one in askers if one.name == glass.asked_by)
            opened = glasses.open_(glass, by.actor, openers, askers, asker.next_grant, by.now)
            assert glass.asked is not None
            granted = PersonGranted(
                grant=opened.grant,
                role=glass.asked.role,
                queues=(glass.asked.queue,) if glass.asked.queue is not None else (),
                case=glass.asked.case,
                until=opened.until,
                reason=glass.asked.reason,
                under=name_of(glass.id),
            )
            due = ReviewDue(break_glass=glass.id)
            told: Told = {asker.name: [granted, due], by.person: [due]}
            return opened, [*openers, *askers], told

        return self._act(break_glass, by, decide)

    def close(self, break_glass: UUID, by: Caller) -> Broken:
        """Before its time. Raises BreakGlassMoved."""

        def decide(glass: BreakGlass) -> tuple[BreakGlassEvent, Collection[Person], Told]:
            ended = glasses.close(glass)
            if glass.grant is None:
                return ended, (), {}
            asker = self._people.person(glass.asked_by)
            revoked = GrantRevoked(grant=glass.grant, reason="The break-glass was closed.")
            return ended, [asker], {asker.name: [revoked]}

        return self._act(break_glass, by, decide)

    def review(self, break_glass: UUID, judge: Judge, by: Caller) -> Broken:
        """Raises AnotherPersonNeeded, BreakGlassMoved."""

        def decide(glass: BreakGlass) -> tuple[BreakGlassEvent, Collection[Person], Told]:
            reviewers = self._names(by)
            parties = self._people.known_as(glass.parties)
            names = frozenset().union(*(party.known_as for party in parties))
            reviewed = glasses.review(glass, by.actor, reviewers, names, judge)
            done = ReviewDone(break_glass=glass.id)
            told: Told = {name: [done] for name in glass.parties}
            return reviewed, [*reviewers, *parties], told

        return self._act(break_glass, by, decide)

    def _names(self, by: Caller) -> list[Person]:
        """Under all their names, whoever's act it counts as."""
        return self._people.known_as(by.actor.persons)

    def _act(
        self,
        break_glass: UUID,
        by: Caller,
        decide: Callable[[BreakGlass], tuple[BreakGlassEvent, Collection[Person], Told]],
    ) -> Broken:
        """Decided anew if somebody else changed it, or any of the people, meanwhile."""
        for _ in range(ATTEMPTS):
            glass = self.glass(break_glass)
            passed = glasses.passed(glass, by.now)
            now = glass
            for event in passed:
                now = now.after(event, by.now, TIMEKEEPER)
            decided, people, told = decide(now)
            try:
                return self._record(glass, decided, people, told, by, passed)
            except VersionTaken:
                continue
        raise TooContended(f"break-glass {break_glass}, {ATTEMPTS} attempts")

    def _record(
        self,
        glass: BreakGlass,
        decided: BreakGlassEvent,
        people: Collection[Person],
        told: Told,
        by: Caller,
        passed: Sequence[BreakGlassEvent] = (),
    ) -> Broken:
        events = [*((TIMEKEEPER, event) for event in passed), (by.actor, decided)]
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
            writes.append(write_of(person, told.get(person.name, ()), by))
        appended = self._log.append(writes, by.row(after) if by.row is not None else None)
        return Broken(after, appended.position)
