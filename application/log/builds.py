"""Records the build of a process that is about to write, once for each build."""

from contextlib import suppress
from datetime import datetime

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.streams import BUILD
from domain.builds import SERVICE_ACTOR, BuildStarted, build_stream


def record_build(log: EventLog, build: BuildStarted, now: datetime) -> None:
    """Does nothing if the log has this build already."""
    stream = build_stream(build.build)
    if log.trail(stream):
        return
    by = system_caller(SERVICE_ACTOR, now, "command:start")
    with suppress(VersionTaken):  # another process was faster
        log.append([by.write(stream, BUILD, 0, [build])])
