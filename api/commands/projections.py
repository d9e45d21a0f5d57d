"""casetrail projections list | rebuild"""

from __future__ import annotations

import time

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.composition import make_ready
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import PROJECTOR, READER, acting_as
from infrastructure.projections.generations import begin_rebuild
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import Settings
from projections import PROJECTIONS

BY_NAME = {projection.name: projection for projection in PROJECTIONS}
LOOK_SECONDS = 0.2


@click.group()
def projections() -> None:
    """The reports: how far they are, and building them anew."""


@projections.command(name="list")
@click.pass_obj
def show(settings: Settings) -> None:
    """Each report, its generations, and how far behind the log they are."""
    table = Table()
    for column in ("report", "generation", "version", "position", "behind", "live", "held streams"):
        table.add_column(column)
    with open_database(settings) as dsn:
        make_ready(dsn)
        with connect(acting_as(dsn, READER)) as connection:
            rows = connection.execute(
                "SELECT p.name, generation, version, p.position, head.position - p.position, live, "
                "(SELECT count(*) FROM projections_held h WHERE h.name = p.name "
                " AND h.generation = p.generation) "
                "FROM projections p, log_head head ORDER BY p.name, generation"
            ).fetchall()
    for *values, live, held in rows:
        table.add_row(*map(str, values), "live" if live else "building", str(held))
    Console().print(table)


@projections.command()
@click.argument("name", type=click.Choice(sorted(BY_NAME)))
@click.pass_obj
def rebuild(settings: Settings, name: str) -> None:
    """Fold a report anew from the first event, beside the live one, and switch when it is level."""
    with open_database(settings) as dsn:
        make_ready(dsn)
        with connect(acting_as(dsn, PROJECTOR)) as connection, Progress() as progress:
            generation = begin_rebuild(connection, BY_NAME[name])
            task = progress.add_task(f"{name}, generation {generation}", total=None)
            while True:
                # A worker that runs takes the new generation up; if none does, we do it here.
                ProjectionRunner(dsn, PROJECTIONS).catch_up(
                    lambda at, head: progress.update(task, completed=at, total=head), wait=False
                )
                row = connection.execute(
                    "SELECT live, p.position, head.position FROM projections p, log_head head "
                    "WHERE name = %s AND generation = %s",
                    (name, generation),
                ).fetchone()
                if row is None or row[0]:
                    break
                progress.update(task, completed=row[1], total=row[2])
                time.sleep(LOOK_SECONDS)
    click.echo(f"{name} is live as generation {generation}")
