"""Checks that the active policy names holidays for at least the next half year."""

from datetime import datetime
from functools import reduce

from msgspec import MsgspecError
from psycopg.rows import tuple_row

from application.log.event_codec import from_state
from application.log.streams import governance_after
from domain.errors import TrailHasGap
from domain.policy.events import POLICY_STREAM
from domain.policy.governance import Governance
from domain.policy.holidays import TO_DO, last_closed_days
from infrastructure.doctor.findings import Finding, ok, warning
from infrastructure.event_store.rights import Connection


def check_holidays(connection: Connection, now: datetime) -> Finding:
    what = "holidays"
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT notification_id, state FROM stored_events WHERE originator_id = %s "
            "ORDER BY originator_version",
            (POLICY_STREAM,),
        ).fetchall()
    try:
        governance = reduce(governance_after, (from_state(*row) for row in rows), Governance())
    except (MsgspecError, TrailHasGap, LookupError) as error:
        return warning(
            what,
            f"the events of the policy cannot be read: {error}",
            "run `casetrail doctor --whole`.",
        )
    policy = governance.in_force(now)
    if policy is None:
        return ok(what, "no policy is active yet")
    days = last_closed_days(policy.document)
    if soon := [str(one) for one in days if one.ends_soon(now)]:
        return warning(what, "; ".join(soon), TO_DO)
    return ok(what, "; ".join(f"{one.calendar} until {one.day}" for one in days) or "none named")
