"""The parts of a policy that one person may change alone: in an emergency, or by a rollback.

It is a list of what is allowed, so a new section or field takes two people until somebody decides otherwise.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from domain.clock.open_hours import business_time
from domain.errors import Fault
from domain.policy.document import Automation, Kind, PolicyDocument, Queue, Route
from domain.policy.document_types import Condition

TWO_PEOPLE: Final = "takes two people and a simulation"
CHANGEABLE_SECTIONS: Final = frozenset({"version", "summary", "priorities", "calendars"})
"""Sections without a control: order of work, and time. They may change in any way, but for `find_calendar_faults`."""
LOOK_AHEAD: Final = timedelta(days=14)
LEAST_OPEN_SHARE: Final = 2
"""A calendar keeps at least one half of its open time in the days ahead."""
STRICTNESS: Final = (Automation.AUTOMATIC, Automation.REVIEW, Automation.BLOCKED)
"""From what the service may do alone to what it may not."""


def find_emergency_faults(approved: PolicyDocument, changed: PolicyDocument) -> list[Fault]:
    """The changes that one person may not make alone to a policy that two people approved."""
    faults: list[Fault] = []
    for section in PolicyDocument.__struct_fields__:
        before, after = getattr(approved, section), getattr(changed, section)
        if section in CHANGEABLE_SECTIONS or _is_same(before, after):
            continue
        check = _CHECKS.get(section)
        pointer = f"/document/{section}"
        faults += check(before, after, pointer) if check else [Fault(pointer, TWO_PEOPLE)]
    return faults


def find_calendar_faults(
    approved: PolicyDocument, changed: PolicyDocument, now: datetime
) -> Iterator[Fault]:
    """The calendars that would stop the clocks: without open time, nothing is ever late.

    An emergency closes a place for some days; it leaves half of the open time of the next two weeks.
    """
    until = now + LOOK_AHEAD
    for name, before in approved.calendars.items():
        after = changed.calendars.get(name)
        if after is None:
            yield Fault(f"/document/calendars/{name}", f"to remove it {TWO_PEOPLE}")
            continue
        had, has = business_time(before, now, until), business_time(after, now, until)
        if has * LEAST_OPEN_SHARE < had:
            yield Fault(
                f"/document/calendars/{name}",
                f"would be open for {_hours(has)} of the next {LOOK_AHEAD.days} days instead of {_hours(had)}: "
                f"less than half {TWO_PEOPLE}",
            )


def _hours(open_time: timedelta) -> str:
    return f"{open_time.total_seconds() / 3600:.4g} hours"


def changes_routing(approved: PolicyDocument, changed: PolicyDocument) -> bool:
    """Whether a case may go to another queue."""

    def destinations(document: PolicyDocument) -> list[tuple[Condition | None, str]]:
        return [(route.when, route.queue) for route in document.route]

    return not _is_same(destinations(approved), destinations(changed))


def _find_kind_faults(
    before: Mapping[str, Kind], after: Mapping[str, Kind], pointer: str
) -> Iterator[Fault]:
    yield from _find_part_faults(before, after, pointer, "automation")
    for name in before.keys() & after.keys():
        old, new = before[name].automation, after[name].automation
        if STRICTNESS.index(new) < STRICTNESS.index(old):
            detail = f"may only become stricter: {old} → {new} {TWO_PEOPLE}"
            yield Fault(f"{pointer}/{name}/automation", detail)


def _find_queue_faults(
    before: Mapping[str, Queue], after: Mapping[str, Queue], pointer: str
) -> Iterator[Fault]:
    yield from _find_part_faults(before, after, pointer, "backlog")


def _find_part_faults(
    before: Mapping[str, Any], after: Mapping[str, Any], pointer: str, except_for: str
) -> Iterator[Fault]:
    """Parts that were added or removed, and changes of other fields than one."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            how = "a new one" if old is None else "to remove it"
            yield Fault(f"{pointer}/{name}", f"{how} {TWO_PEOPLE}")
            continue
        for field in old.__struct_fields__:
            if field != except_for and not _is_same(getattr(old, field), getattr(new, field)):
                yield Fault(f"{pointer}/{name}/{field}", TWO_PEOPLE)


def _find_route_faults(
    before: tuple[Route, ...], after: tuple[Route, ...], pointer: str
) -> Iterator[Fault]:
    """A work type decides the service level: a new one would have none."""
    known = {route.work_type for route in before}
    for n, route in enumerate(after):
        if route.work_type not in known:
            detail = f"{route.work_type} is a new work type: that {TWO_PEOPLE}"
            yield Fault(f"{pointer}/{n}/work_type", detail)


def _find_pause_faults(
    before: Condition | None, after: Condition | None, pointer: str
) -> Iterator[Fault]:
    if not _is_wider(before, after):
        yield Fault(
            pointer,
            "may only hold in more cases: write it as `any` with every condition that it had, and add "
            f"others. Anything else {TWO_PEOPLE}",
        )


def _is_wider(before: Condition | None, after: Condition | None) -> bool:
    """Whether `after` holds whenever `before` does, as their forms alone show."""
    return before is None or (after is not None and _choices(before) <= _choices(after))


def _choices(condition: Condition) -> set[bytes]:
    """The conditions of which one must hold."""
    if isinstance(condition.any, tuple):
        return set().union(*map(_choices, condition.any))
    return {_written(condition)}


_CHECKS: Final[Mapping[str, Callable[[Any, Any, str], Iterator[Fault]]]] = {
    "queues": _find_queue_faults,
    "kinds": _find_kind_faults,
    "route": _find_route_faults,
    "automation_pauses_when": _find_pause_faults,
}


def _is_same(before: object, after: object) -> bool:
    return _written(before) == _written(after)


def _written(value: object) -> bytes:
    """Its canonical JSON: in Python, `1` and `true` would be equal."""
    return msgspec.json.encode(msgspec.to_builtins(value, str_keys=True), order="sorted")
