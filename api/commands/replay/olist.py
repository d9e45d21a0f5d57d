"""casetrail replay olist"""

import resource
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress

from api import terminal
from api.commands.options import AS_JSON, NEW_FILE, report_write_errors
from api.commands.output import print_table
from api.commands.replay.progress import KEEP, print_skipped_rows, progress_bar
from api.composition import Desks, desks, prepare_database
from application.orders.batches import Arrival
from application.orders.replay import replay as replay_arrivals
from domain.people import Actor
from domain.policy.rulebook import Rulebook
from domain.policy.service_levels import without_clocks_and_look_ups
from infrastructure.csv_cells import write_rows
from infrastructure.garbage_collection import tune_garbage_collection
from infrastructure.policies.files import load_policy
from infrastructure.postgres.databases import open_database, scratch_database
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.reports.queries import Reports
from infrastructure.settings import Settings
from infrastructure.sources.olist.tables import OlistTables
from projections import PROJECTIONS

COLUMNS = ("order_id", "kind", "detected_at", "queue", "bucket", "severity")
PAGE = 5_000


class OlistReplayResult(Struct, frozen=True):
    orders: int
    signals: int
    standard_flow: int
    cases: dict[str, int]
    seconds: float
    signals_per_second: float
    peak_rss_mib: float
    refused: int


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cases", type=NEW_FILE, help="Write every case to this CSV file [none].")
@AS_JSON
@KEEP
@click.pass_obj
def olist(settings: Settings, folder: Path, cases: Path | None, as_json: bool, keep: bool) -> None:
    """Replay the orders of Olist's public tables; FOLDER holds their CSV files."""
    if cases is not None and not cases.absolute().parent.is_dir():
        raise click.BadParameter(
            f"there is no folder {cases.absolute().parent}", param_hint="--cases"
        )
    started = time.monotonic()
    errors = terminal.console(stderr=True)
    with (
        open_database(settings) as dsn,
        scratch_database(dsn, "replay", keep=keep) as scratch,
        OlistTables(folder) as tables,
        progress_bar(errors) as progress,
    ):
        prepare_database(scratch)
        _load(tables, progress)
        with desks(scratch) as working:
            # Nobody works on cases in a replay, so every clock would only be breached.
            working.ensure_policy(Rulebook(without_clocks_and_look_ups(load_policy().document)))
            tune_garbage_collection()
            _run(tables, working, scratch, progress)
            outcome = _outcome(tables, Reports(working.datastore), time.monotonic() - started)
            if cases is not None:
                _write_cases(working, cases)
        name = scratch
    _print_result(outcome, tables, errors, as_json)
    if keep:
        errors.print(f"kept: {name}")


def _load(tables: OlistTables, progress: Progress) -> None:
    task = progress.add_task("reading the tables", total=None)
    tables.load(
        lambda table, rows: progress.update(task, description=f"reading {table}", completed=rows)
    )
    progress.update(task, completed=tables.signals, total=tables.signals)


def _run(tables: OlistTables, working: Desks, dsn: str, progress: Progress) -> None:
    """Replay all signals while a thread updates the reports; return when both are done."""
    runner = ProjectionRunner(dsn, PROJECTIONS)
    reports = threading.Thread(target=runner.run, name="reports", daemon=True)
    reports.start()
    working.recorder.announcer.subscribe(runner.wake)
    arrivals = (Arrival(signal, signal.event_time) for signal in tables.in_time_order())
    task = progress.add_task("replaying", total=tables.signals)
    actor = Actor("key:replay")
    try:
        for done, at in replay_arrivals(
            arrivals, working.intake, working.timekeeper, actor, tables.ends_at
        ):
            progress.update(task, completed=done, description=f"replaying {at:%Y-%m-%d}")
    finally:
        runner.close()
        reports.join()
    task = progress.add_task("reports", total=None)
    ProjectionRunner(dsn, PROJECTIONS).catch_up(
        lambda position, head: progress.update(task, completed=position, total=head)
    )


def _outcome(tables: OlistTables, reports: Reports, seconds: float) -> OlistReplayResult:
    flow = reports.flow()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kibibytes on Linux, bytes on macOS.
    mebibytes = peak / 1024 if sys.platform != "darwin" else peak / (1 << 20)
    return OlistReplayResult(
        orders=flow.orders,
        signals=tables.signals,
        standard_flow=flow.without_cases,
        cases=reports.cases_by_kind(),
        seconds=round(seconds, 2),
        signals_per_second=round(tables.signals / seconds, 1),
        peak_rss_mib=round(mebibytes, 1),
        refused=tables.refused,
    )


def _write_cases(working: Desks, file: Path) -> None:
    with report_write_errors(file), file.open("w", newline="") as text:
        write_rows(text, COLUMNS, _all_cases(Reports(working.datastore)))


def _all_cases(reports: Reports) -> Iterator[tuple[object, ...]]:
    after: list[object] | None = None
    while rows := reports.cases({}, after, PAGE):
        for row in rows:
            at = row.detected_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            yield row.order_id, row.kind, at, row.queue, row.bucket, row.severity
        after = [rows[-1].priority, rows[-1].opened_at, rows[-1].case_id]


def _print_result(
    outcome: OlistReplayResult, tables: OlistTables, errors: Console, as_json: bool
) -> None:
    print_skipped_rows(tables.refusals, tables.refused, errors)
    if as_json:
        click.echo(msgspec.json.encode(outcome))
        return
    rows = [
        *outcome.cases.items(),
        ("standard flow (orders without a case)", outcome.standard_flow),
    ]
    title = f"{outcome.orders} orders, {outcome.signals} signals"
    print_table(("kind", "cases"), rows, title=title)
    terminal.console().print(
        f"{outcome.seconds} s, {outcome.signals_per_second:.0f} signals/s, "
        f"at most {outcome.peak_rss_mib:.0f} MiB"
    )
