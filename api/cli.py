"""The command line: every word after `casetrail`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from api.commands import Commands
from domain.errors import Invalid
from infrastructure.settings import settings


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
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


def main() -> None:
    # So that whatever a command has opened is closed, the embedded server with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        casetrail(prog_name="casetrail")
    except Exception as error:
        if not _is_expected(error):
            raise
        _tell(error)
        sys.exit(2)


def _is_expected(error: Exception) -> bool:
    from api.commands.expected_errors import EXPECTED  # a lot to import for what seldom happens

    return isinstance(error, EXPECTED)


def _tell(error: Exception) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    kind = (type(error).__doc__ or "").partition("\n")[0]
    if isinstance(error, Invalid):
        console.print(f"{kind}")
        for fault in error.faults:
            console.print(f"  {fault.pointer or '/'}: {fault.detail}")
    else:
        console.print(f"{kind} {error}")
