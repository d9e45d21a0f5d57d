"""An accepted loss and a lost event that turned up, for the story of the reports."""

from datetime import datetime

from application.log.caller import system_caller
from application.log.event_log import EventLog
from domain.losses import LOSSES_STREAM, LossAccepted, LostEventAttached, attached_stream
from domain.people import OPERATOR_ACTOR


def lose_events(log: EventLog, at: datetime) -> None:
    """Two people accept that events are gone, and one of these turns up."""
    loss = LossAccepted(
        origin="log/2",
        before="log",
        kept=log.head(),
        kept_root="ab" * 32,
        signed=0,
        signed_root="cd" * 32,
        last=log.head() + 1,
        reason="The standby was behind.",
        requested_by="head",
        confirmed_by="mia",
    )
    found = LostEventAttached(
        origin="log",
        position=loss.last,
        leaf="ef" * 32,
        envelope="{}",
        found_in="feed.ndjson",
        proof="the accepted loss names its leaf",
    )
    by = system_caller(OPERATOR_ACTOR, at, "command:log")
    log.append([by.write(LOSSES_STREAM, "loss", 0, [loss])])
    log.append([by.write(attached_stream("log"), "lost event", 0, [found])])
