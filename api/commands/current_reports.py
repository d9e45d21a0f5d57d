"""Desks for commands that read reports, whether a worker keeps them up to date or not."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from api.composition import Desks, configured_desks, prepare_database
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.roles import READER, dsn_for_role
from infrastructure.projections.positions import ReportPositions
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import Settings
from projections import PROJECTIONS

_TIMEOUT_SECONDS = 30.0


@contextmanager
def desks_with_current_reports(
    settings: Settings, *, wait_for: str | None = None
) -> Iterator[Desks]:
    """The desks with reports at the head of the log: brought there here, if no worker runs.

    Waits for the report `wait_for` where a worker runs.
    """
    with open_database(settings) as dsn:
        prepare_database(dsn)
        ProjectionRunner(dsn, PROJECTIONS).catch_up(wait=False)
        with configured_desks(settings, dsn) as working:
            if wait_for is not None:
                _wait_for_report(dsn, wait_for, working.log.head())
            yield working


def _wait_for_report(dsn: str, name: str, position: int) -> None:
    with closing(ReportPositions(dsn_for_role(dsn, READER))) as positions:
        if not positions.wait(name, position, _TIMEOUT_SECONDS):
            click.echo(
                f"The report {name} is behind the log: the newest entries may be missing.", err=True
            )
