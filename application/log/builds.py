"""A process says with which build it is about to write, if the log has not seen that one."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import BUILD
from domain.builds import SERVICE, BuildStarted, build_stream


def tell_build(log: EventLog, build: BuildStarted, now: datetime) -> None:
    """Told once for each build, by whichever process is first."""
    stream = build_stream(build.build)
    if log.trail(stream):
        return
    write = Write(
        stream=stream,
        kind=BUILD,
        expected=0,
        events=[(SERVICE, build)],
        recorded_at=now,
        cause="command:start",
    )
    with suppress(VersionTaken):  # another process was quicker
        log.append([write])
