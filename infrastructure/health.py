"""Health of the service: the stores, the log, reports, timers, payments, the witness, clocks and standbys."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct, structs

from infrastructure.clock_watch import ClockWatch
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from infrastructure.postgres.rows import fetch_rows
from infrastructure.postgres.standbys import Standbys
from infrastructure.readiness_probes import Probes, TrialResult
from infrastructure.verifier.trust_policy import Witness

FAR_BEHIND_EVENTS = 10_000
FAR_BEHIND_BYTES = 64 << 20
MAX_CLOCK_SKEW = timedelta(seconds=2)
STALL_SECONDS = 2.0
POLL_SECONDS = 0.1
OVERDUE_AFTER = timedelta(seconds=30)
UNPAID_ALERT_AFTER = timedelta(minutes=1)
"""For a payment whose answer was lost."""
NOT_SIGNED_ALERT_AFTER = timedelta(seconds=15)
NOT_COSIGNED_ALERT_AFTER = timedelta(seconds=30)
PENDING_ALERT_AFTER = timedelta(hours=1)
"""For a pending payment. Most providers finish within seconds; after an hour, perhaps no worker asks."""


class ReportHealth(Struct, frozen=True):
    name: str
    position: int
    behind: int
    held_streams: int
    """Streams that the report holds back because it could not process an event of theirs."""


class TimerHealth(Struct, frozen=True):
    due: int
    """Streams with a due timer that no worker has handled yet."""
    oldest_due_at: datetime | None


class Health(Struct, frozen=True):
    writable: bool
    head: int
    reports: Sequence[ReportHealth]
    timers: TimerHealth
    problems: Sequence[str]


_HEAD = """
    SELECT position, pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
    halted FROM log_head
"""
_REPORTS = """
    SELECT name, position, greatest(%s - position, 0), (SELECT count(*) FROM projections_held held
    WHERE held.name = p.name AND held.generation = p.generation)
    FROM projections p WHERE live ORDER BY name
"""
_SERVER = """
    SELECT clock_timestamp(), current_setting('synchronous_standby_names'),
    (SELECT count(*) FROM pg_stat_replication),
    (SELECT max(pg_wal_lsn_diff(sent_lsn, replay_lsn))::bigint FROM pg_stat_replication),
    ARRAY(SELECT slot_name::text FROM pg_replication_slots WHERE NOT active AND NOT temporary),
    (SELECT substring(convert_from(state, 'UTF8') FROM '"recorded_at":"([^"]+)"')::timestamptz
     FROM stored_events ORDER BY notification_id DESC LIMIT 1)
"""
"""A standby's lag is only visible to a login with `pg_monitor`; else it is null."""
_DUE = "SELECT count(*), min(due_at) FROM timers WHERE due_at <= %s"
_UNPAID = """
    SELECT provider, in_doubt, count(*), min(executing_since) FROM views.adjustments
    WHERE state = 'executing' GROUP BY provider, in_doubt ORDER BY provider, in_doubt
"""
_NOT_COSIGNED = """
    WITH last AS (SELECT max(origin_number) AS origin_number FROM checkpoints)
    SELECT key, waiting.made_at FROM unnest(%s::text[]) AS key, LATERAL (
        SELECT made_at FROM checkpoints JOIN last USING (origin_number) WHERE size > (
            SELECT coalesce(max(size), 0) FROM checkpoint_signatures JOIN last USING (origin_number)
            WHERE signed_by = key)
        ORDER BY size LIMIT 1) AS waiting
"""

_NOT_SIGNED = """
    SELECT notification_id, substring(convert_from(state, 'UTF8') FROM '"recorded_at":"([^"]+)"')::timestamptz
    FROM stored_events WHERE notification_id = 1 + coalesce((SELECT size FROM checkpoints
    ORDER BY origin_number DESC, size DESC LIMIT 1), 0)
"""


class HealthChecker:
    """Checks the health. `provider`: the name of the connected payment provider; `witnesses`: those that
    cosign checkpoints; `probes`: tries the stores; `standbys`: must flush what is signed."""

    def __init__(
        self,
        datastore: Datastore,
        provider: str | None = None,
        witnesses: Sequence[Witness] = (),
        probes: Probes | None = None,
        standbys: Standbys | None = None,
    ) -> None:
        self._standbys = standbys
        self._datastore = datastore
        self._probes = probes
        self._clock_watch = ClockWatch()
        self._provider = provider
        self._witnesses = witnesses

    def check(self, now: datetime) -> Health:
        """Raises the library's and psycopg's errors if the database cannot be reached. A report that
        is behind is watched for a moment: its distance depends on the load, but a report that no
        worker updates does not move at all."""
        first = latest = self._read(now)
        ends_at = time.monotonic() + STALL_SECONDS
        while (stalled := _find_stalled_reports(first, latest)) and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)
            latest = self._read(now)
        problems = [f"report {name} is behind the log and makes no progress" for name in stalled]
        tried = self._probes.run() if self._probes is not None else TrialResult()
        return structs.replace(
            latest,
            writable=latest.writable and tried.writable,
            problems=[*tried.problems, *problems, *latest.problems, *self._clock_watch.problems()],
        )

    @retry_lost_connection
    def _read(self, now: datetime) -> Health:
        with self._datastore.get_connection() as connection:
            ((head, read_only, is_halted),) = fetch_rows(connection, _HEAD)
            reports = [ReportHealth(*row) for row in fetch_rows(connection, _REPORTS, head)]
            timers = TimerHealth(*fetch_rows(connection, _DUE, now)[0])
            keys = [witness.key.text for witness in self._witnesses]
            waiting: dict[str, datetime] = dict(fetch_rows(connection, _NOT_COSIGNED, keys))
            unpaid = fetch_rows(connection, _UNPAID)
            unsigned = fetch_rows(connection, _NOT_SIGNED) if self._standbys is not None else []
            before = datetime.now(UTC)
            ((server_time, *replication, last_at),) = fetch_rows(connection, _SERVER)
            after = datetime.now(UTC)
        problems = [
            f"report {r.name} is {r.behind} events behind"
            for r in reports
            if r.behind > FAR_BEHIND_EVENTS
        ]
        problems += [
            f"report {r.name} holds back {r.held_streams} streams whose events it cannot process"
            for r in reports
            if r.held_streams
        ]
        if timers.oldest_due_at is not None and now - timers.oldest_due_at > OVERDUE_AFTER:
            problems.append(
                f"{timers.due} streams have due timers, the oldest since "
                f"{timers.oldest_due_at.isoformat()}"
            )
        problems += [p for row in unpaid if (p := self._payment_problem(*row, now=now)) is not None]
        problems += [
            f"the witness {witness.name} has not cosigned the log since {since.isoformat()}"
            for witness in self._witnesses
            if (since := waiting.get(witness.key.text)) is not None
            and now - since > NOT_COSIGNED_ALERT_AFTER
        ]
        problems += [
            f"position {position} is not signed since {at.isoformat()}: do the standbys {self._standbys} flush?"
            for position, at in unsigned
            if at is not None and now - at > NOT_SIGNED_ALERT_AFTER
        ]
        problems += _clock_problems(server_time, before, after, last_at, now)
        problems += _replication_problems(*replication)
        if not reports:
            problems.append("there is no report yet: is a worker running?")
        if read_only:
            problems.append("the database is read-only")
        if is_halted:
            problems.append("the log is not as it was witnessed: appends are halted")
        return Health(not (read_only or is_halted), head, reports, timers, problems)

    def _payment_problem(
        self, provider: str, in_doubt: bool, count: int, since: datetime, *, now: datetime
    ) -> str | None:
        """Why payments ordered at a provider are not finished, if somebody must act."""
        alert_after = UNPAID_ALERT_AFTER if in_doubt else PENDING_ALERT_AFTER
        payments = f"{count} payments ordered at {provider} since {since.isoformat()}"
        if provider != self._provider:
            connected = self._provider or "no provider"
            return f"{payments} cannot finish: {connected} is connected here; connect {provider}"
        if now - since > alert_after:
            return f"{payments} have no known outcome: check that it answers and that a worker runs"
        return None


def _clock_problems(
    server_time: datetime,
    before: datetime,
    after: datetime,
    last_at: datetime | None,
    now: datetime,
) -> Iterator[str]:
    apart = max(before - server_time, server_time - after, timedelta())
    if apart > MAX_CLOCK_SKEW:
        yield f"the clocks of the database and of this machine differ by {apart.total_seconds():.0f} s"
    if last_at is not None and last_at - now > MAX_CLOCK_SKEW:
        ahead = (last_at - now).total_seconds()
        yield f"the last event is dated {ahead:.0f} s in the future: a clock was set, or differs"


def _replication_problems(
    synchronous: str, standbys: int, lag_bytes: int | None, unused_slots: Sequence[str]
) -> Iterator[str]:
    if synchronous and not standbys:
        yield f"writes wait for the standbys {synchronous}, and none is connected"
    if lag_bytes is not None and lag_bytes > FAR_BEHIND_BYTES:
        yield f"a standby is {lag_bytes >> 20} MB behind"
    for slot in unused_slots:
        yield f"nobody reads the replication slot {slot}: what the server keeps for it fills its disk"


def _find_stalled_reports(first: Health, now: Health) -> list[str]:
    """The reports that are behind and have not moved since `first`."""
    positions = {report.name: report.position for report in first.reports}
    return [r.name for r in now.reports if r.behind and positions.get(r.name) == r.position]
