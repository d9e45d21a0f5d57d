"""Checks that no event was lost, and shows each loss that people have accepted."""

from application.audit.control import Control, ControlFindings
from application.audit.log_scan import LogScan
from application.policy.reperformance import Period
from domain.losses import LOSSES_STREAM, LossAccepted


def check_nothing_lost(scan: LogScan, period: Period) -> Control:
    """A loss in the period is an exception; the evidence names every earlier loss too, for ever."""
    found = ControlFindings("nothing_lost", "no signed or acknowledged event was lost")
    first = next(iter(scan.log.read(0, 1)), None)
    if first is not None and (period.until is None or first.recorded_at < period.until):
        found.looked_at = 1  # the log as a whole
    for line in scan.log.trail(LOSSES_STREAM):
        event = line.event
        if not isinstance(event, LossAccepted) or line.position > scan.upto:
            continue
        many = event.last - event.kept
        claimed = event.last - max(event.signed, event.kept)
        proof = "all proven by a signed checkpoint"
        if claimed:
            proof = f"{many - claimed} proven by a signed checkpoint and {claimed} by unsigned claims only"
        detail = (
            f"{many} events were lost ({proof}), at positions {event.kept + 1} to {event.last} of {event.before}; "
            f"{event.requested_by} and {event.confirmed_by} accepted it: {event.reason}"
        )
        found.evidence[f"loss at position {line.position}"] = (
            f"{line.recorded_at:%Y-%m-%d}: {detail}"
        )
        if period.holds(line.recorded_at):
            found.wrong(detail, line.recorded_at, line.position)
    return found.control()
