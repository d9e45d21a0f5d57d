"""When open orders are checked again, after another policy came into force."""

from datetime import datetime, timedelta

from application.log.event_log import Write
from application.log.streams import RECHECK
from domain.policy.events import recheck_stream
from domain.policy.governance import Governance

RECHECK_DELAY = timedelta(seconds=3)
"""After this time, no process decides by the old policy any more, and the recheck of open orders begins."""


def recheck_timers(before: Governance, after: Governance, now: datetime) -> list[Write]:
    """Timers of rechecks of open orders, soon after each time when a new policy comes into force."""
    known = {change.at for change in before.policy_changes()}
    return [
        Write(
            stream=recheck_stream(change.digest, change.at),
            kind=RECHECK,
            expected=0,
            events=[],
            recorded_at=now,
            next_due=change.at + RECHECK_DELAY,
        )
        for change in after.policy_changes()
        if change.at not in known and change.at >= now and change.before is not None
    ]
