"""Compiles the service levels of a policy to terms, and checks its clocks, ladders and backlogs."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import UNSET, structs

from domain.clock.terms import MAX_WEEKS, ServiceTerms
from domain.errors import Fault
from domain.policy.checks import duration_faults, unknown_name
from domain.policy.document import PolicyDocument
from domain.struct_fields import fill

YEAR = timedelta(days=366)
MINUTE = timedelta(minutes=1)
MAX_STEP_DURATION = timedelta(days=90)


def compile_terms(document: PolicyDocument, faults: list[Fault]) -> dict[str, ServiceTerms]:
    """Rule of a service level -> its terms. Adds the faults of calendars, services, ladders, next
    steps, backlogs and value bands to `faults`."""
    invalid = set()
    for name, calendar in document.calendars.items():
        if found := calendar.faults(f"/calendars/{name}"):
            faults += found
            invalid.add(name)
    compiled: dict[str, ServiceTerms] = {}
    for n, service in enumerate(document.services):
        place = f"/services/{n}"
        if service.calendar not in document.calendars:
            pointer = f"{place}/calendar"
            faults.append(unknown_name(pointer, "calendar", service.calendar, document.calendars))
        elif service.calendar not in invalid:
            calendar = document.calendars[service.calendar]
            cut_off = service.by_cut_off or UNSET
            terms = fill(ServiceTerms, service, calendar=calendar, by_cut_off=cut_off)
            faults += terms.faults(place)
            compiled[service.rule] = terms
    faults += _find_ladder_faults(document)
    faults += _find_next_step_faults(document)
    faults += _find_backlog_faults(document)
    faults += [
        Fault(
            f"/priorities/value/{n}/at_least", f"must be an amount, 0 or more, not {band.at_least}"
        )
        for n, band in enumerate(document.priorities.value)
        if band.amount.value < 0
    ]
    return compiled


def _find_ladder_faults(document: PolicyDocument) -> Iterator[Fault]:
    for name, queue in document.queues.items():
        if queue.ladder is not None and queue.ladder not in document.ladders:
            yield unknown_name(f"/queues/{name}/ladder", "ladder", queue.ladder, document.ladders)
        yield from duration_faults(f"/queues/{name}/claim_lease", queue.claim_lease, YEAR)
    for name, ladder in document.ladders.items():
        spans = {"review_after": ladder.review_after, "repeat": ladder.repeat}
        spans |= {f"rungs/{n}/after": rung.after for n, rung in enumerate(ladder.rungs) if n}
        for place, span in spans.items():
            yield from duration_faults(f"/ladders/{name}/{place}", span, YEAR, MINUTE)


def _find_next_step_faults(document: PolicyDocument) -> list[Fault]:
    """A step may run on any calendar, so every calendar must be open for long enough."""
    weeks = [calendar.weekly_open_time for calendar in document.calendars.values()]
    longest = min((MAX_WEEKS * week for week in weeks if week), default=MAX_STEP_DURATION)
    hours = min(longest, MAX_STEP_DURATION) // timedelta(hours=1)
    return [
        Fault(
            f"/kinds/{name}/next_steps/{n}/within",
            f"must be more than 0 and at most {hours} hours of open time",
        )
        for name, kind in document.kinds.items()
        for n, step in enumerate(kind.next_steps)
        if not timedelta() < step.within <= timedelta(hours=hours)
    ]


def _find_backlog_faults(document: PolicyDocument) -> Iterator[Fault]:
    for name, queue in document.queues.items():
        limits, place = queue.backlog, f"/queues/{name}/backlog"
        if limits is None:
            continue
        if limits.volume is None and limits.age is None:
            yield Fault(place, "give at least one of volume, age")
        if (limits.volume is None) != (limits.recovered_volume is None):
            yield Fault(place, "give both `volume` and `recovered_volume`, or neither")
        elif (limits.recovered_volume or 0) > (limits.volume or 0):
            yield Fault(f"{place}/recovered_volume", "must be at most `volume`")
        if (limits.age is None) != (limits.recovered_age is None):
            yield Fault(place, "give both `age` and `recovered_age`, or neither")
        elif limits.age is not None and limits.recovered_age is not None:
            yield from duration_faults(f"{place}/age", limits.age, YEAR, MINUTE)
            if not timedelta() < limits.recovered_age <= limits.age:
                yield Fault(f"{place}/recovered_age", "must be more than 0 and at most `age`")


def without_clocks_and_look_ups(document: PolicyDocument) -> PolicyDocument:
    """A policy with the same detection and routing, but without clocks, tasks, holds and look-ups.

    It is for a replay in which nobody works and only recorded signals count.
    """
    queues = {
        name: structs.replace(queue, claim_lease=None, ladder=None, backlog=None)
        for name, queue in document.queues.items()
    }
    kinds = {
        name: structs.replace(kind, holds=(), next_steps=())
        for name, kind in document.kinds.items()
    }
    return structs.replace(
        document,
        queues=queues,
        kinds=kinds,
        services=(),
        stages=None,
        ladders={},
        look_ups=None,
        standard_flow_when=None,
    )
