"""The people behind a break-glass, under all their names, as the log has them now."""

from __future__ import annotations

from uuid import UUID

from application.log import streams
from application.log.event_log import EventLog
from domain.break_glass import BREAK_GLASS_PREFIX
from domain.cases.duties import GlassParties
from domain.people import person_stream


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
