"""casetrail replay case-log"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct
from rich.progress import Progress

from api import terminal
from api.commands.options import AS_JSON, FILE
from api.commands.output import print_table
from api.commands.replay.progress import KEEP, MAX_SHOWN, print_skipped_rows, progress_bar
from api.composition import Desks, desks, prepare_database
from infrastructure.garbage_collection import tune_garbage_collection
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
    """Cases that were opened."""
    updates: int
    """Rows of the file that were read."""
    hand_offs: int
    reopened: int
    waited_seconds: dict[str, int]
    final_states: dict[str, int]
    impossible: tuple[ImpossibleStep, ...]
    seconds: float


@click.command("case-log")
@click.argument("kind", type=click.Choice([*READERS]))
@FILE
@AS_JSON
@KEEP
@click.pass_obj
def case_log(settings: Settings, kind: str, file: Path, as_json: bool, keep: bool) -> None:
    """Replay the incidents of a log as cases: owners, waits and final states.

    KIND servicenow is ServiceNow's incident event log (UCI), bpi2013 Volvo IT's incidents (BPI Challenge
    2013). FILE is the log as CSV, plain or gzip. Steps that a case cannot take are listed and skipped.
    """
    started = time.monotonic()
    errors = terminal.console(stderr=True)
    with progress_bar(errors) as progress:
        task = progress.add_task(f"reading {file.name}", total=None)
        found = READERS[kind](file, lambda line: progress.update(task, completed=line))
        progress.update(task, completed=found.updates, total=found.updates)
        with open_database(settings) as dsn, scratch_database(dsn, "replay", keep=keep) as scratch:
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
        errors.print(f"kept: {scratch}")


def _run(found: CaseLog, working: Desks, progress: Progress) -> list[ImpossibleStep]:
    """Carry out every step of every incident; the steps that were impossible."""
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
    waits = outcome.waited_seconds.items()
    rows = [
        ("hand-offs between groups", outcome.hand_offs),
        ("incidents that were reopened", outcome.reopened),
        *((f"waited for {party}", f"{seconds / 3600:,.1f} h") for party, seconds in waits),
        *((f"{state} at the end", count) for state, count in outcome.final_states.items()),
    ]
    title = f"{outcome.incidents} incidents, {outcome.updates} updates"
    print_table(("what", "how much"), rows, title=title)
    console = terminal.console()
    if outcome.impossible:
        console.print(f"impossible: {len(outcome.impossible)} steps")
    for one in outcome.impossible[:MAX_SHOWN]:
        line = f"  {one.incident}, update {one.update}: {one.why}"
        console.print(line, soft_wrap=True)
    if (more := len(outcome.impossible) - MAX_SHOWN) > 0:
        console.print(f"  and {more} more; --json lists all")
    console.print(f"{outcome.seconds} s")
