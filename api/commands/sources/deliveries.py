"""casetrail sources deliveries, and sources read-again"""

import sys
from typing import Final

import click
import msgspec

from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON
from api.routes.source_views import delivery_view
from application.log.caller import operator_caller
from application.sources.delivery_events import place_of
from infrastructure.reports.deliveries import DeliveryReports
from infrastructure.settings import Settings
from projections.deliveries import DELIVERIES

MOST: Final = 1_000
NAME = click.argument("name")


@click.command("read-again")
@NAME
@click.pass_obj
def read_again(settings: Settings, name: str) -> None:
    """Read again, by the mapping of now, what NAME sent and was not understood.

    At its own event times; what was recorded before is not recorded twice.
    """
    looked_at = changed = left = 0
    with desks_with_current_reports(settings, wait_for=DELIVERIES.name) as working:
        working.ensure_policy()
        reports, last = DeliveryReports(working.datastore), None
        while found := reports.not_understood(name, last):
            done = working.deliveries.read_again(name, found, operator_caller(working.clock()))
            looked_at, changed = looked_at + done.looked_at, changed + done.changed
            left, last = left + done.not_understood, found[-1]
            if sys.stderr.isatty():
                click.echo(f"\r{looked_at} read", err=True, nl=False)
    click.echo(f"{looked_at} read again, {changed} changed, {left} still not understood")


@click.command()
@NAME
@click.option("--understood/--not-understood", default=None, help="Only these [all].")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many."
)
@AS_JSON
@click.pass_obj
def deliveries(
    settings: Settings, name: str, understood: bool | None, limit: int, as_json: bool
) -> None:
    """List what NAME sent, the newest first (UTC), with what was not understood of it."""
    where: dict[str, object] = {"source": name}
    if understood is not None:
        where["understood"] = understood
    with desks_with_current_reports(settings, wait_for=DELIVERIES.name) as working:
        working.sources.find(name)
        rows = DeliveryReports(working.datastore).page(where, None, limit + 1)
        rows, more = rows[:limit], len(rows) > limit
        kept = working.deliveries.kept([row.delivery for row in rows])
    if more:
        further = f"; --limit shows up to {MOST:,}" if limit < MOST else ""
        click.echo(f"these are the newest {limit}, and there are more{further}", err=True)
    if as_json:
        click.echo(msgspec.json.encode([delivery_view(row, kept[row.delivery]) for row in rows]))
        return
    for row in rows:
        topic = f" {row.topic}" if row.topic else ""
        place = place_of(kept[row.delivery])
        sender_id = row.sender_id if place is None else place.in_words
        click.echo(
            f"{row.received_at:%Y-%m-%d %H:%M:%SZ} {row.delivery}{topic} {sender_id}: {_what(row.signals)}"
        )
        for reason in kept[row.delivery].readable_reasons:
            pointer = f"{reason.pointer}: " if reason.pointer else ""
            click.echo(f"  {reason.why}: {pointer}{reason.detail}")


def _what(signals: int) -> str:
    return f"{signals} signal{'s' * (signals != 1)}"
