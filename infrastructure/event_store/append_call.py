"""A group of appends as one call of `append_events`: the statement and its parameters, and its commands."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from infrastructure.event_store.pending_append import PendingAppend, preceding_versions
from infrastructure.transparency.recent_acknowledgements import AcknowledgedCommand

_SETTINGS = ", current_setting('synchronous_commit'), current_setting('synchronous_standby_names')"
_ADD_REFERENCES = ", add_references(%b, %b, %b)"


def append_statement(
    group: Sequence[PendingAppend], *, with_settings: bool = False
) -> tuple[bytes, list[Any]]:
    """The statement that stores this group, and its parameters. Empty parameters are left out.
    `with_settings`: it also returns whether, and for which standbys, PostgreSQL waits at the commit."""
    events = [event for pending in group for event in pending.append.events]
    guards = [guard for pending in group for guard in pending.append.guards]
    earlier = preceding_versions(events)
    timers = {t.stream: t for pending in group for t in pending.append.timers}.values()
    offsets: list[int] = []
    commands = []
    place = 0
    for pending in group:
        place += len(pending.append.events)
        if pending.append.command is not None:
            commands.append(pending.append.command)
            offsets.append(place)
    duties = [duty for pending in group for duty in pending.append.duties]
    # Several appends of a group may bring the same row of one order.
    keys = {row: None for pending in group for row in pending.append.keys}
    subjects = {row: None for pending in group for row in pending.append.subjects}
    references = {row: None for pending in group for row in pending.append.references}
    parameters = {
        "streams": [event.originator_id for event in events],
        "versions": [event.originator_version for event in events],
        "topics": [event.topic for event in events],
        "states": [event.state for event in events],
        "leaves": [leaf for pending in group for leaf in pending.leaves],
        "timer_streams": [timer.stream for timer in timers],
        "timer_kinds": [timer.kind for timer in timers],
        "timer_dues": [_require_time_zone(timer.due_at) for timer in timers],
        "guard_streams": [guard.stream for guard in guards],
        "guard_next_versions": [guard.version + 1 for guard in guards],
        "earlier_streams": [stream for stream, _ in earlier],
        "earlier_versions": [version for _, version in earlier],
        "principals": [command.principal for command in commands],
        "keys": [command.key for command in commands],
        "digests": [command.digest for command in commands],
        "results": [command.result for command in commands],
        "command_offsets": offsets,
        "duty_cases": [row.case for row in duties],
        "duty_persons": [row.person for row in duties],
        "duties_taken": [row.duty.value for row in duties],
        "key_orders": [row.order for row in keys],
        "key_names": [row.key for row in keys],
        "subjects": [row.subject for row in subjects],
        "subject_orders": [row.order for row in subjects],
    }
    used = {name: values for name, values in parameters.items() if values}
    statement = _statement_for(tuple(used), bool(references), with_settings)
    if not references:
        return statement, [*used.values()]
    columns = ([row.kind for row in references], [row.value for row in references])
    return statement, [*used.values(), *columns, [row.order for row in references]]


def commands_of(group: Sequence[PendingAppend], base: int) -> list[AcknowledgedCommand]:
    """The commands of a stored group that have events, with the position of each one's last event."""
    found, place = [], base
    for pending in group:
        place += len(pending.append.events)
        command = pending.append.command
        if command is not None and pending.append.events:
            found.append(AcknowledgedCommand(place, command.principal, command.key))
    return found


@lru_cache
def _statement_for(names: tuple[str, ...], with_references: bool, with_settings: bool) -> bytes:
    """The call with these parameters. There are few combinations, each prepared once."""
    call = f"SELECT append_events({', '.join(f'{name} => %b' for name in names)})"
    settings = _SETTINGS if with_settings else ""
    return f"{call}{settings}{_ADD_REFERENCES if with_references else ''}".encode()


def _require_time_zone(moment: datetime | None) -> datetime | None:
    """All times go to the server in one array: a time without a zone would get its neighbours' zone."""
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment
