"""Health checks: liveness and readiness."""

from collections.abc import Sequence

import litestar
import psycopg
from eventsourcing.persistence import PersistenceError
from litestar import Response
from msgspec import Struct
from psycopg_pool import PoolTimeout

from api.http.concurrency import get, permission_option
from api.http.service import ServiceDependency
from infrastructure.health import ReportHealth, TimerHealth
from infrastructure.postgres.supervisor import read_note


class Liveness(Struct, frozen=True):
    status: str


class Readiness(Struct, frozen=True):
    """`ready`, `degraded` (something needs attention) or `unavailable` (no signals can be received)."""

    status: str
    policy: str | None = None
    head: int | None = None
    reports: Sequence[ReportHealth] = ()
    timers: TimerHealth | None = None
    problems: Sequence[str] = ()


@litestar.get("/livez", summary="Check liveness", sync_to_thread=False, opt=permission_option(None))
def livez() -> Liveness:
    """Answers as long as the process runs, also without a database."""
    return Liveness("alive")


@get("/readyz", needs=None, summary="Check readiness")
def readyz(service: ServiceDependency) -> Response[Readiness]:
    """503 if the database or the key store cannot be written. 200 with `degraded` and the reasons if reports
    or timers are behind, or if evidence files, clocks or standbys need attention."""
    try:
        found = service.health.check(service.desks.clock())
    except (psycopg.Error, PersistenceError, PoolTimeout) as error:
        note = read_note(service.desks.datastore.dsn)
        problems = [str(error), *([note] if note is not None else [])]
        return Response(Readiness("unavailable", problems=problems), status_code=503)
    status = "unavailable" if not found.writable else "degraded" if found.problems else "ready"
    ready = Readiness(
        status,
        service.desks.policy.current.version,
        found.head,
        found.reports,
        found.timers,
        found.problems,
    )
    return Response(ready, status_code=200 if found.writable else 503)
