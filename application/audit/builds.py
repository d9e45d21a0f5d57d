"""The builds and schemas that may have written an event: all that the log had recorded by then."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import LogScan
from application.log.streams import require_case_trail
from domain.builds import BuildStarted
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill


class SeenBuild(Struct, frozen=True, kw_only=True):
    """A build that may have written each event from `position` on."""

    position: int
    since: datetime
    build: BuildStarted


class EventBuilds(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    type: str
    version: int
    """The version of the event's stream."""
    builds: Sequence[str]
    """Digests of the builds that may have written it, newest first; empty before the first build."""
    is_certain: bool
    """Whether there was only one build by then."""


class BuildReport(Struct, frozen=True, kw_only=True):
    builds: Sequence[SeenBuild]
    events: Sequence[EventBuilds]


def find_builds(
    scan: LogScan, positions: Sequence[int] = (), case: UUID | None = None
) -> BuildReport:
    """List the builds, with the events at these positions and those of a case, if they are given.

    A process keeps its build until it ends, so an older build may still write. Raises CaseNotFound.
    """
    lines = [line for at in positions for line in scan.log.read(at - 1, 1) if at <= scan.upto]
    if case is not None:
        found = scan.trails([case]).get(case, [])
        require_case_trail(case, found)
        lines += found
    builds = list_seen_builds(scan)
    return BuildReport(builds=builds, events=[_event_builds(line, builds) for line in lines])


def list_seen_builds(scan: LogScan) -> list[SeenBuild]:
    """Every build in the log, oldest first."""
    seen: list[SeenBuild] = []
    for line in scan.lines_of_streams("build.started"):
        assert isinstance(line.event, BuildStarted)
        seen.append(SeenBuild(position=line.position, since=line.recorded_at, build=line.event))
    return sorted(seen, key=lambda build: build.position)


def _event_builds(line: RecordedEvent, builds: Sequence[SeenBuild]) -> EventBuilds:
    by_then = [seen.build.build for seen in reversed(builds) if seen.position <= line.position]
    return fill(EventBuilds, line, builds=by_then, is_certain=len(by_then) == 1)
