"""Refused requests for the logs of stories."""

from __future__ import annotations

from datetime import datetime

from application.log.event_log import EventLog
from application.people.access_refusals import AccessRefusals, RequestKind
from domain.people import Actor
from domain.person import Grant
from domain.principals import UNRESTRICTED_KEY

READ_PEOPLE = RequestKind("GET", "/v1/people", "people.read", "not-permitted")
READ_CASE = RequestKind("GET", "/v1/cases/{case_id}", "cases.read", "case-not-found")


def refuse_requests(
    log: EventLog, by: Actor, at: datetime, *kinds: RequestKind, grants: tuple[Grant, ...] = ()
) -> None:
    """The principal asked for these, and was refused."""
    refusals = AccessRefusals(log, lambda: at)
    for kind in kinds or (READ_PEOPLE,):
        refusals.note(by, grants, UNRESTRICTED_KEY, kind)
    refusals.record(everything=True)
