"""Service levels, their calendars, leases and ladders: from the policy document to pinned terms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec import UNSET, structs

from domain.clock.terms import MAX_WEEKS, ServiceTerms
from domain.errors import Fault
from domain.policy.document import PolicyDocument

MAX_LEASE = timedelta(days=366)
MAX_STEP_DURATION = timedelta(days=90)


def compile_terms(document: PolicyDocument, faults: list[Fault]) -> dict[str, ServiceTerms]:
    """Rule of a service level -> its terms; faults of calendars, services and ladders."""
    unsound = set()
    for name, calendar in document.calendars.items():
        if wrong := calendar.faults(f"/calendars/{name}"):
            faults += wrong
            unsound.add(name)
    found: dict[str, ServiceTerms] = {}
    for n, service in enumerate(document.services):
        place = f"/services/{n}"
        if service.calendar not in document.calendars:
            known = ", ".join(sorted(document.calendars))
            faults.append(
                Fault(f"{place}/calendar", f"no calendar {service.calendar}; known are: {known}")
            )
        elif service.calendar not in unsound:
            terms = ServiceTerms(
                calendar=document.calendars[service.calendar],
                first_action=service.first_action,
                next_update=service.next_update,
                resolution=service.resolution,
                at_risk_percent=service.at_risk_percent,
                pauses_on=service.pauses_on,
                resets_on_reopen=service.resets_on_reopen,
                by_cut_off=service.by_cut_off or UNSET,
            )
            faults += terms.faults(place)
            found[service.rule] = terms
    faults += _find_ladder_faults(document)
    faults += _find_next_step_faults(document)
    faults += _find_backlog_faults(document)
    faults += [
        Fault(f"/priorities/value/{n}/at_least", "must be an amount, nothing or more")
        for n, band in enumerate(document.priorities.value)
        if not (band.at_least.is_finite() and band.at_least >= 0)
    ]
    return found


def _find_ladder_faults(document: PolicyDocument) -> list[Fault]:
    faults = []
    for name, queue in document.queues.items():
        if queue.ladder is not None and queue.ladder not in document.ladders:
            known = ", ".join(sorted(document.ladders))
            faults.append(
                Fault(f"/queues/{name}/ladder", f"no ladder {queue.ladder}; known are: {known}")
            )
        if queue.claim_lease is not None and not timedelta() < queue.claim_lease <= MAX_LEASE:
            faults.append(Fault(f"/queues/{name}/claim_lease", "must be longer than nothing"))
    for name, ladder in document.ladders.items():
        spans = {"review_after": ladder.review_after, "repeat": ladder.repeat}
        spans |= {f"rungs/{n}/after": rung.after for n, rung in enumerate(ladder.rungs) if n}
        faults += [
            Fault(f"/ladders/{name}/{place}", "must be at least a minute, at most a year")
            for place, span in spans.items()
            if span is not None and not timedelta(minutes=1) <= span <= timedelta(days=366)
        ]
    return faults


def _find_next_step_faults(document: PolicyDocument) -> list[Fault]:
    """A step may meet any of the calendars: its time must exist in each."""
    weeks = [calendar.weekly_open_time for calendar in document.calendars.values()]
    longest = min((MAX_WEEKS * week for week in weeks if week), default=MAX_STEP_DURATION)
    hours = min(longest, MAX_STEP_DURATION) // timedelta(hours=1)
    return [
        Fault(
            f"/kinds/{name}/next_steps/{n}/within",
            f"must be longer than nothing, at most {hours} hours of open time",
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
            yield Fault(place, "say at least one of volume, age")
        if (limits.volume is None) != (limits.recovered_volume is None):
            yield Fault(place, "`volume` and `recovered_volume` belong together")
        elif (limits.recovered_volume or 0) > (limits.volume or 0):
            yield Fault(f"{place}/recovered_volume", "must be at most `volume`")
        if (limits.age is None) != (limits.recovered_age is None):
            yield Fault(place, "`age` and `recovered_age` belong together")
        elif limits.age is not None and limits.recovered_age is not None:
            if not timedelta(minutes=1) <= limits.age <= timedelta(days=366):
                yield Fault(f"{place}/age", "must be at least a minute, at most a year")
            if not timedelta() < limits.recovered_age <= limits.age:
                yield Fault(f"{place}/recovered_age", "must be longer than nothing, at most `age`")


def without_clocks_and_look_ups(document: PolicyDocument) -> PolicyDocument:
    """The same detection and routing, with no clock running and nothing looked up: for a replay in
    which nobody works, and which tells of nothing beyond the record."""
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
        ladders={},
        look_ups=None,
        standard_flow_when=None,
    )
