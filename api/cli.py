"""The command line: the group `casetrail`, its options and how it reports errors."""

import os
import signal
import sys
from pathlib import Path

import click

from api.commands import Commands
from domain.errors import Invalid
from infrastructure.settings import load_settings


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="From a checkout, `casetrail` is `python3 run.py`. `casetrail demo` shows a running service.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the embedded PostgreSQL and of keys [CASETRAIL_HOME, else ~/.casetrail].",
)
@click.pass_context
def casetrail(context: click.Context, home: Path | None) -> None:
    """Manage cases for orders that go wrong, with a decision trail that can be proven.

    Most commands use the database directly: the embedded PostgreSQL, or the one (15 or newer) that
    DATABASE_URL names. `adjustments` and most of `policy` call the API and need a token.
    """
    context.obj = load_settings(os.environ, home)


def main() -> None:
    """Run a command. An expected error is printed without a traceback; the exit status is then 2."""
    # SIGTERM ends with an exception, so that everything a command opened is closed, also the server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        casetrail(prog_name="casetrail")
    except Exception as error:
        if not _is_expected(error):
            raise
        _print_error(error)
        sys.exit(2)


def _is_expected(error: Exception) -> bool:
    from api.commands.expected_errors import EXPECTED_ERRORS  # slow to import, seldom needed

    return isinstance(error, EXPECTED_ERRORS)


def _print_error(error: Exception) -> None:

    from api import terminal
    from api.commands.error_text import join_title
    from api.commands.expected_errors import HINTS

    console = terminal.console(stderr=True, soft_wrap=True)
    title = (type(error).__doc__ or "").partition("\n")[0]
    if isinstance(error, Invalid):
        console.print(title)
        for fault in error.faults:
            console.print(f"  {fault.pointer or '/'}: {fault.detail}")
    elif (hint := HINTS.get(type(error))) is not None:
        detail = str(error).removesuffix(".")
        if detail.startswith(("no ", "there ", "a person ")):  # else it may begin with a name
            detail = detail[0].upper() + detail[1:]
        console.print(f"{detail}. {hint}".rstrip())
    else:
        console.print(join_title(title, str(error)))
