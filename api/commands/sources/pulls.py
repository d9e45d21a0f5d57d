"""casetrail sources pull, pull-settings, pull-secret and pulls: on the database itself."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, EXISTING_FILE, REASON, TIME_HELP, TimeParameter
from api.commands.sources.manage import (
    NAME,
    SECRET_FILE,
    change,
    print_shipped,
    read_secret,
    shipped_or_file,
)
from application.log.caller import operator_caller
from application.sources.pull_desk import Progress, describe
from domain.errors import Invalid
from domain.sources.pull_settings import ChoosePull, RotatePullSecret
from domain.sources.pulls import PullEnd
from domain.validation import faults_of
from infrastructure.pulls.documents import load_pull, parse_pull, shipped_pulls
from infrastructure.settings import Settings
from projections.deliveries import DELIVERIES


@click.command(help=f"Fetch from the lists of NAME what did not come by webhook.\n\n{TIME_HELP}")
@NAME
@click.option("--since", type=TimeParameter(), help="What was changed since then [since the last pull].")  # fmt: skip
@AS_JSON
@click.pass_obj
def pull(settings: Settings, name: str, since: datetime | None, as_json: bool) -> None:
    """Fetch from the lists of NAME what its webhooks did not bring.

    Items that were recorded before are skipped. The exit status is 1 if the pull did not reach its end.
    """
    with (
        desks_with_current_reports(settings, wait_for=DELIVERIES.name) as working,
        _stop_at_a_signal() as stop,
    ):
        working.ensure_policy()
        pulled = working.pulls.pull(name, since, stop.wait, _show if sys.stderr.isatty() else None)
    if sys.stderr.isatty():
        click.echo(err=True)
    click.echo(msgspec.json.encode(pulled) if as_json else describe(pulled))
    if pulled.examples and not as_json:
        click.echo(f"had not come by webhook: {', '.join(pulled.examples)}")
    if pulled.ended is not PullEnd.COMPLETE:
        raise SystemExit(1)


def _show(progress: Progress) -> None:
    click.echo(
        f"\r{progress.pages} pages, {progress.listed} listed, {progress.recorded} signals recorded",
        err=True,
        nl=False,
    )


@contextmanager
def _stop_at_a_signal() -> Iterator[threading.Event]:
    """Set by an interrupt: what was pulled stays, and the pull is recorded as stopped."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command("pull-settings")
@NAME
@click.argument("document")
@click.option("--address", help="Where its lists are [as the document says].")
@click.option("--every-minutes", type=int, help="How often the worker pulls [only `sources pull` does].")  # fmt: skip
@click.option("--grace-minutes", type=int, help="What is younger is left to its webhook [5; 0 without a webhook].")  # fmt: skip
@SECRET_FILE
@REASON
@click.pass_obj
def pull_settings(
    settings: Settings,
    name: str,
    document: str,
    address: str | None,
    every_minutes: int | None,
    grace_minutes: int | None,
    secret_file: Any,
    reason: str,
) -> None:
    """Say where the lists of NAME are, and by which DOCUMENT they are read: a file, or the name of one that ships.

    The secret is what the system knows us by, such as an access token; left out, it stays as it is.
    """
    raw = {
        "reason": reason,
        **shipped_or_file("pull", document, shipped_pulls(), load_pull),
        "address": address,
        "every_minutes": every_minutes,
        "grace_minutes": grace_minutes,
        "secret": read_secret(secret_file),
    }
    raw = {key: value for key, value in raw.items() if value is not None}
    if faults := faults_of(raw, ChoosePull):
        raise Invalid(faults, "the pull")
    ask = msgspec.convert(raw, ChoosePull)
    after = change(
        settings, lambda d: d.sources.choose_pull(name, ask, operator_caller(d.clock())).source
    )
    assert after.pull is not None
    every = after.pull.every_minutes
    often = f"every {every} minutes by the worker" if every else "by `casetrail sources pull` only"
    click.echo(f"{name} is pulled from {after.pull.address} by {after.pull.document.name}, {often}")


@click.command("pull-secret")
@NAME
@SECRET_FILE
@click.pass_obj
def pull_secret(settings: Settings, name: str, secret_file: Any) -> None:
    """Give the pulls of NAME another secret, from now on; the one before is destroyed."""
    secret = read_secret(secret_file)
    if secret is None:
        raise click.UsageError("give --secret-file")
    raw = {"secret": secret}
    if faults := faults_of(raw, RotatePullSecret):
        raise Invalid(faults, "the secret")
    ask = msgspec.convert(raw, RotatePullSecret)
    change(
        settings,
        lambda d: d.sources.rotate_pull_secret(name, ask, operator_caller(d.clock())).source,
    )
    click.echo(f"{name} is pulled with the new secret")


@click.command("pulls")
@click.argument("files", nargs=-1, type=EXISTING_FILE)
@click.option(
    "--print",
    "printed",
    metavar="NAME",
    help="Print this document, to start one of your own from it.",
)
def list_pulls(files: tuple[Path, ...], printed: str | None) -> None:
    """List the pull documents that ship with casetrail; or check FILES, or print one."""
    if printed is not None:
        if files:
            raise click.UsageError("give either FILES or --print NAME")
        print_shipped(printed, shipped_pulls())
        return
    for file in files or shipped_pulls().values():
        document = parse_pull(load_pull(file), str(file))
        click.echo(f"{document.pull}  {document.title}")
