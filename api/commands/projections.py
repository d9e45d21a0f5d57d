"""casetrail projections list | rebuild"""

import math
import sys
import time
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from api import terminal
from api.commands.options import AS_JSON
from api.commands.output import print_table
from api.composition import prepare_database
from api.interrupts import remembered_interrupts
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import READER, dsn_for_role
from infrastructure.projections.lock_owners import bounded, patiently
from infrastructure.projections.rebuild import Rebuild
from infrastructure.settings import Settings
from projections import PROJECTIONS

PROGRESS_SECONDS = 5.0
"""How often progress is printed if standard error is no terminal."""
LONGEST_WAIT_SECONDS = 86_400.0
BY_NAME = {projection.name: projection for projection in PROJECTIONS}


class Seconds(click.FloatRange):
    """A finite number of seconds: a plain range accepts NaN, which compares with nothing."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


@click.group()
def projections() -> None:
    """List the reports, or rebuild one."""


@projections.command(name="list")
@click.pass_obj
def show(settings: Settings) -> None:
    """List reports with their generations and how many events behind the log they are."""
    with open_database(settings) as dsn:
        prepare_database(dsn)
        with connect(dsn_for_role(dsn, READER)) as connection:
            rows = connection.execute(
                "SELECT p.name, generation, version, p.position, head.position - p.position, live, "
                "(SELECT count(*) FROM projections_held h WHERE h.name = p.name "
                " AND h.generation = p.generation) "
                "FROM projections p, log_head head ORDER BY p.name, generation"
            ).fetchall()
    print_table(
        ("report", "generation", "version", "position", "events behind", "state", "held streams"),
        ((*values, "live" if live else "building", held) for *values, live, held in rows),
    )


@projections.command()
@click.argument("name", type=click.Choice(sorted(BY_NAME)))
@click.option(
    "--wait",
    default=60.0,
    show_default=True,
    type=Seconds(min=0, min_open=True, max=LONGEST_WAIT_SECONDS),
    metavar="SECONDS",
    help="Give up after this many seconds without progress; at most 86400.",
)
@AS_JSON
@click.pass_obj
def rebuild(settings: Settings, name: str, wait: float, as_json: bool) -> None:
    """Rebuild a report from the first event; the old one serves until the new one is ready.

    The service may keep running. Ctrl-C stops the rebuild and leaves the live report unchanged, unless
    the new one is live already.
    """
    errors = terminal.console(stderr=True, soft_wrap=True)
    say = errors.print
    live = f"The live report {name} is unchanged."
    try:
        with (
            open_database(settings) as dsn,
            bounded(dsn, wait, say) as (address, watch),
            _progress(errors) as bar,
            remembered_interrupts() as require_no_interrupt,
        ):
            patiently(wait, watch, lambda: prepare_database(address, wait=0))
            task = bar.add_task(name, total=None)
            printed_at = time.monotonic()

            def progress(at: int, head: int) -> None:
                nonlocal printed_at
                require_no_interrupt()
                bar.update(task, completed=at, total=head)
                if bar.disable and time.monotonic() - printed_at > PROGRESS_SECONDS:
                    printed_at = time.monotonic()
                    rate = bar.tasks[task].speed or 0
                    say(f"{name}: {at} of {head} events, {rate:.0f} a second")

            working = Rebuild(address, BY_NAME[name], wait, watch, say)
            try:
                rebuilt = working.run(progress)
            except KeyboardInterrupt:
                live = working.describe_live()
                raise
    except KeyboardInterrupt:
        errors.print(f"Stopped. {live}")
        raise
    if as_json:
        click.echo(msgspec.json.encode(rebuilt))
        return
    if rebuilt.live:
        rate = rebuilt.events / max(rebuilt.seconds, 0.001)
        click.echo(
            f"{name} is live as generation {rebuilt.generation}: {rebuilt.events} events in "
            f"{rebuilt.seconds:.1f} s ({rate:.0f} a second)"
        )
    if rebuilt.note:
        click.echo(rebuilt.note)


class Rate(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} a second" if task.speed else "")


def _progress(errors: Console) -> Progress:
    """A bar with events done, total and rate; hidden if standard error is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        Rate(),
        TimeRemainingColumn(),
        console=errors,
        disable=not sys.stderr.isatty(),
    )
