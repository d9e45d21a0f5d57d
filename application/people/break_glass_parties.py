"""The people behind a break-glass, under all their names, and the cases where it was used, as the log has them now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from application.log import streams
from application.log.event_codec import from_state
from application.log.event_log import EventLog
from domain.break_glass import BREAK_GLASS_PREFIX, BreakGlass, break_glass_name
from domain.cases.duties import GlassParties
from domain.cases.events import CaseEvent
from domain.people import person_stream

BATCH_SIZE: Final = 2_000
AFTER_END: Final = timedelta(minutes=1)


def find_cases_of_use(log: EventLog, glass: BreakGlass) -> set[UUID]:
    """The case that it was asked for, and every case with an act under it.

    The log is read from the request to a minute after the end, when no process has the grant in its cache any more. Only
    the stored lines that have the name of the break-glass are decoded.
    """
    assert glass.asked is not None
    found = {glass.asked.case} if glass.asked.case is not None else set()
    name = break_glass_name(glass.id)
    after = log.trail(glass.id)[0].position
    until = glass.ended_at + AFTER_END if glass.ended_at is not None else None
    while rows := log.recorder.select_positions(after, BATCH_SIZE):
        after = rows[-1][0]
        lines = (from_state(p, state) for p, state in rows if name.encode() in state)
        found |= {
            x.stream for x in lines if x.actor.under == name and isinstance(x.event, CaseEvent)
        }
        if until is not None and from_state(*rows[-1]).recorded_at > until:
            break
    return found


def load_parties(log: EventLog, under: str) -> GlassParties:
    """Who asked for and who opened the break-glass that this name marks (`Actor.under`)."""
    glass = streams.break_glasses(log).current([UUID(under.removeprefix(BREAK_GLASS_PREFIX))])
    (one,) = glass.values()
    people = streams.people(log)

    def names_of(name: str | None) -> frozenset[str]:
        if name is None:
            return frozenset()
        known = people.current([person_stream(name)]).get(person_stream(name))
        return known.known_as if known is not None else frozenset({name})

    return GlassParties(under, names_of(one.asked_by), names_of(one.opened_by), one.asked_at)
