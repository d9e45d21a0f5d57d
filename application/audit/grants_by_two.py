"""Whether each grant that takes two people was given by two, neither of them the receiver."""

from application.audit.control import Control, ControlFindings
from application.audit.persons import Persons
from application.cases.trail import describe_actor
from application.policy.reperformance import Period
from domain.person import Grant


def check_grants_by_two(persons: Persons, period: Period) -> Control:
    """The grants that were active in the period, by what is known of names and confirmations now."""
    found = ControlFindings(
        "grants_by_two",
        "every grant of a role that is part of a control was given by one person and confirmed by another",
    )
    for person in persons.people:
        for grant in person.grants:
            if not grant.is_controlled or not _was_active_in(grant, period):
                continue
            found.looked_at += 1
            what = f"grant {grant.grant} ({grant.role}) of {person.name}"
            what += f", given by {describe_actor(grant.granted_by)}, is"
            if grant.void_for is not None:
                found.wrong(f"{what} void: {grant.void_for}", grant.granted_at)
            elif grant.unconfirmed_for is not None:
                why = f"the confirmation does not count: {grant.unconfirmed_for}"
                found.wrong(f"{what} not confirmed by a second person; {why}", grant.granted_at)
            elif grant.confirmed_by is None:
                found.wrong(f"{what} not confirmed by a second person", grant.granted_at)
    return found.control()


def _was_active_in(grant: Grant, period: Period) -> bool:
    since = grant.active_since
    ends = [end for end in (grant.revoked_at, grant.until) if end is not None]
    if since is None or (period.until is not None and since >= period.until):
        return False
    return not ends or period.since is None or min(ends) > period.since
