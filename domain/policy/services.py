"""Service levels, their calendars, leases and ladders: from the policy document to pinned terms."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from domain.clock.terms import ServiceTerms
from domain.errors import Fault
from domain.policy.document import PolicyDocument

LONGEST_LEASE = timedelta(days=366)


def terms_of(document: PolicyDocument, faults: list[Fault]) -> dict[str, ServiceTerms]:
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
            )
            faults += terms.faults(place)
            found[service.rule] = terms
    faults += _faults_of_ladders(document)
    return found


def _faults_of_ladders(document: PolicyDocument) -> list[Fault]:
    faults = []
    for name, queue in document.queues.items():
        if queue.ladder is not None and queue.ladder not in document.ladders:
            known = ", ".join(sorted(document.ladders))
            faults.append(
                Fault(f"/queues/{name}/ladder", f"no ladder {queue.ladder}; known are: {known}")
            )
        if queue.claim_lease is not None and not timedelta() < queue.claim_lease <= LONGEST_LEASE:
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


def as_recorded(document: PolicyDocument) -> PolicyDocument:
    """The same detection and routing, with no clock running and nothing looked up: for a replay in
    which nobody works, and which tells of nothing beyond the record."""
    queues = {
        name: structs.replace(queue, claim_lease=None, ladder=None)
        for name, queue in document.queues.items()
    }
    return structs.replace(document, queues=queues, services=(), ladders={}, look_ups=None)
