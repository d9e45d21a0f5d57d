"""casetrail replay case-log"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.commands.replay.progress import MAX_SHOWN, print_skipped_rows, progress_bar
from api.composition import Desks, desks, prepare_database
from api.serving import tune_garbage_collection
from infrastructure.postgres.databases import open_database, scratch_database
from infrastructure.settings import Settings
from infrastructure.sources.case_logs import bpi2013, servicenow
from infrastructure.sources.case_logs.driver import Driver, plans_of
from infrastructure.sources.case_logs.figures import Figures, compute_figures, read_lines
from infrastructure.sources.case_logs.replay_policy import build_replay_policy, choose_names
from infrastructure.sources.case_logs.updates import CaseLog, ImpossibleStep

READERS: Final[dict[str, Callable[[Path, Callable[[int], None]], CaseLog]]] = {
    "servicenow": servicenow.read_log,
    "bpi2013": bpi2013.read_log,
}


class CaseLogReplayResult(Struct, frozen=True):
    incidents: int
    """Cases that the service has."""
    updates: int
    """Rows of the file that were taken."""
    hand_offs: int
    reopened: int
    waited_seconds: dict[str, int]
    final_states: dict[str, int]
    impossible: tuple[ImpossibleStep, ...]
    seconds: float


@click.command("case-log")
@click.argument("kind", type=click.Choice([*READERS]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--keep", is_flag=True, help="Keep the database it ran in, and tell its name.")
@click.pass_obj
def case_log(settings: Settings, kind: str, file: Path, as_json: bool, keep: bool) -> None:
    """The incidents of a log as cases: who held them, what they waited for, how they ended.

    servicenow is ServiceNow's incident event log (UCI), bpi2013 Volvo IT's incidents (BPI Challenge
    2013); FILE is the log's CSV, packed with gzip or not. Steps that no case can take are told, not
    forced. Runs in a database of its own.
    """
    started = time.monotonic()
    errors = Console(stderr=True, highlight=False)
    with progress_bar(errors) as progress:
        task = progress.add_task(f"reading {file.name}", total=None)
        found = READERS[kind](file, lambda line: progress.update(task, completed=line))
        progress.update(task, completed=found.updates, total=found.updates)
        with (
            open_database(settings) as dsn,
            scratch_database(dsn, "replay", keep=keep) as scratch,
        ):
            prepare_database(scratch)
            with desks(scratch) as working:
                impossible = _run(found, working, progress)
                figures = _read_back(working, progress)
    outcome = CaseLogReplayResult(
        incidents=figures.cases,
        updates=found.updates,
        hand_offs=figures.hand_offs,
        reopened=figures.reopened,
        waited_seconds=figures.waited_seconds,
        final_states=figures.final_states,
        impossible=tuple(impossible),
        seconds=round(time.monotonic() - started, 2),
    )
    print_skipped_rows(found.refusals, found.refused, errors)
    if as_json:
        click.echo(msgspec.json.encode(outcome))
    else:
        _print_result(outcome)
    if keep:
        errors.print(f"kept: {scratch}", markup=False)


def _run(found: CaseLog, working: Desks, progress: Progress) -> list[ImpossibleStep]:
    """Every step of every incident; returns those that could not be taken."""
    names = choose_names(update for updates in found.incidents.values() for update in updates)
    working.ensure_policy(build_replay_policy(names))
    commands, impossible = plans_of(found.incidents)
    tune_garbage_collection()
    driver = Driver(working.cases, names)
    task = progress.add_task("replaying", total=len(commands))
    for done in driver.drive(commands):
        at = commands[done - 1].at
        progress.update(task, completed=done, description=f"replaying {at:%Y-%m-%d}")
    return sorted([*impossible, *driver.impossible], key=lambda one: (one.incident, one.update))


def _read_back(working: Desks, progress: Progress) -> Figures:
    task = progress.add_task("reading the log", total=working.log.head())
    return compute_figures(progress.track(read_lines(working.log), task_id=task))


def _print_result(outcome: CaseLogReplayResult) -> None:
    table = Table(title=f"{outcome.incidents} incidents, {outcome.updates} updates")
    table.add_column("what")
    table.add_column("how much", justify="right")
    table.add_row("hand-offs between groups", str(outcome.hand_offs))
    table.add_row("incidents that were reopened", str(outcome.reopened))
    table.add_section()
    for party, seconds in outcome.waited_seconds.items():
        table.add_row(f"waited for {party}", f"{seconds / 3600:,.1f} h")
    table.add_section()
    for state, count in outcome.final_states.items():
        table.add_row(f"{state} at the end", str(count))
    console = Console(highlight=False)
    console.print(table)
    if outcome.impossible:
        console.print(f"impossible: {len(outcome.impossible)} steps", markup=False)
    for one in outcome.impossible[:MAX_SHOWN]:
        line = f"  {one.incident}, update {one.update}: {one.why}"
        console.print(line, markup=False, soft_wrap=True)
    if (more := len(outcome.impossible) - MAX_SHOWN) > 0:
        console.print(f"  and {more} more, all of them with --json")
    console.print(f"{outcome.seconds} s")
