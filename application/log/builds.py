"""Records the build of a process that is about to write, once for each build."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import BUILD
from domain.builds import SERVICE_ACTOR, BuildStarted, build_stream


def record_build(log: EventLog, build: BuildStarted, now: datetime) -> None:
    """Does nothing if the log has this build already."""
    stream = build_stream(build.build)
    if log.trail(stream):
        return
    write = Write(
        stream=stream,
        kind=BUILD,
        expected=0,
        events=[(SERVICE_ACTOR, build)],
        recorded_at=now,
        cause="command:start",
    )
    with suppress(VersionTaken):  # another process was faster
        log.append([write])
