"""By which build and schema something may have been written: all that the log had seen by then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import AT_ONCE, Reading
from domain.builds import BuildStarted
from domain.cases.errors import CaseNotFound
from domain.cases.events import Detected
from domain.cases.work_events import Opened
from domain.recorded import Recorded


class SeenBuild(Struct, frozen=True, kw_only=True):
    """From `position` on, what was written may have been written by it."""

    position: int
    since: datetime
    build: BuildStarted


class Handled(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    type: str
    version: int
    """Of its stream."""
    builds: Sequence[str]
    """Digests of those by which it may have been written, the newest first; none, where the log had
    not seen any yet."""
    is_certain: bool
    """There was only one by then."""


class HandledBy(Struct, frozen=True, kw_only=True):
    builds: Sequence[SeenBuild]
    events: Sequence[Handled]


def handled_by(
    reading: Reading, positions: Sequence[int] = (), case: UUID | None = None
) -> HandledBy:
    """Of the events at these positions, or of a case; the builds alone, if none are named. A process goes
    on with its build until it ends, so an older one may still have written: none is ruled out that the
    log had seen. Raises CaseNotFound."""
    lines = [line for at in positions for line in reading.log.read(at - 1, 1) if at <= reading.upto]
    if case is not None:
        found = reading.trails([case]).get(case, ())
        if not found or not isinstance(found[0].event, Detected | Opened):
            raise CaseNotFound(f"no case {case}")
        lines += found
    builds = seen_builds(reading)
    return HandledBy(builds=builds, events=[_handled(line, builds) for line in lines])


def seen_builds(reading: Reading) -> list[SeenBuild]:
    """Oldest first."""
    seen: list[SeenBuild] = []
    after = 0
    while page := reading.log.recorder.select_beginnings("build.started", after, AT_ONCE):
        after = page[-1][0]
        for lines in reading.trails([stream for _, stream in page]).values():
            for line in lines:
                assert isinstance(line.event, BuildStarted)
                at = line.recorded_at
                seen.append(SeenBuild(position=line.position, since=at, build=line.event))
    return sorted(seen, key=lambda one: one.position)


def _handled(line: Recorded, builds: Sequence[SeenBuild]) -> Handled:
    by_then = [one.build.build for one in reversed(builds) if one.position <= line.position]
    return Handled(
        position=line.position,
        recorded_at=line.recorded_at,
        type=line.type,
        version=line.version,
        builds=by_then,
        is_certain=len(by_then) == 1,
    )
