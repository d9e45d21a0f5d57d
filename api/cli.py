"""The command line: every word after `casetrail`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from api.commands import COMMANDS
from application.log_recorder import CommandRepeated
from domain.errors import CasetrailError, Invalid
from infrastructure.database_roles import RolesMissing
from infrastructure.databases import DatabaseUnusable
from infrastructure.doctor import Unsafe
from infrastructure.embedded_postgres import PostgresNotStarted
from infrastructure.event_store.datastore import UnsafeSwitch
from infrastructure.event_store.migrations import MayNotMigrate, SchemaChanged
from infrastructure.identity.issuers import IssuerUnusable
from infrastructure.payments import PaymentsUnusable
from infrastructure.settings import settings
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.cosigning import WitnessUnusable
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.places import OutsideUnavailable
from infrastructure.transparency.signing import KeyUnusable

EXPECTED = (
    CasetrailError,
    CommandRepeated,
    DatabaseUnusable,
    PaymentsUnusable,
    IssuerUnusable,
    KeyUnusable,
    MayNotMigrate,
    RolesMissing,
    LogNotAsWitnessed,
    OutsideUnavailable,
    PositionsMissing,
    PostgresNotStarted,
    SchemaChanged,
    Unsafe,
    UnsafeSwitch,
    WitnessUnusable,
)
"""What can go wrong without being a fault of this program: told in words, never as a traceback."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded PostgreSQL keeps its data [CASETRAIL_HOME, else ~/.casetrail].",
)
@click.pass_context
def casetrail(context: click.Context, home: Path | None) -> None:
    """Cases for orders that break, with a decision trail that can be proven.

    DATABASE_URL names a PostgreSQL 15 or newer to use instead of the embedded one.
    """
    context.obj = settings(os.environ, home)


for command in COMMANDS:
    casetrail.add_command(command)


def main() -> None:
    # So that whatever a command has opened is closed, the embedded server with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        casetrail(prog_name="casetrail")
    except EXPECTED as error:
        console = Console(stderr=True, highlight=False, markup=False)
        kind = (type(error).__doc__ or "").partition("\n")[0]
        if isinstance(error, Invalid):
            console.print(f"{kind}")
            for fault in error.faults:
                console.print(f"  {fault.pointer or '/'}: {fault.detail}")
        else:
            console.print(f"{kind} {error}")
        sys.exit(2)
