"""casetrail sources deliveries, delivery and read-again"""

import sys
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

import click
import msgspec

from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, WHY
from api.commands.personal_data import record_personal_reads
from api.composition import migrated_desks
from api.routes.delivery_views import (
    DeliveryDetailView,
    delivery_detail_view,
    delivery_view,
    settled_view,
)
from application.log.caller import operator_caller
from application.sources.delivery_events import place_of
from domain.errors import Invalid
from domain.orders.order_names import describe_name
from domain.sources.deliveries import DeliveryState, NotUnderstood, SettleDelivery
from domain.validation import faults_of
from infrastructure.process_log import escaped
from infrastructure.reports.deliveries import DeliveryReports, columns_of
from infrastructure.settings import Settings
from projections.deliveries import DELIVERIES

MOST: Final = 1_000
NAME = click.argument("name")
_ERASED = "its body was erased with the data of an order that it speaks of"


@click.command("read-again")
@NAME
@click.argument("ids", nargs=-1, type=click.UUID)
@click.pass_obj
def read_again(settings: Settings, name: str, ids: Sequence[UUID]) -> None:
    """Read again, by the mapping of now, what NAME sent and was not understood; or the deliveries IDS.

    At its own event times; what was recorded before is not recorded twice. What was set aside is read only by its id.
    """
    looked_at = changed = left = erased = 0
    with desks_with_current_reports(settings, wait_for=DELIVERIES.name) as working:
        working.ensure_policy()
        reports, last = DeliveryReports(working.datastore), None
        while found := _next(reports, name, ids, last):
            done = working.deliveries.read_again(name, found, operator_caller(working.clock()))
            looked_at, changed = looked_at + done.looked_at, changed + done.changed
            left, last = left + done.not_understood, found[-1]
            erased += done.erased
            if sys.stderr.isatty():
                click.echo(f"\r{looked_at} read", err=True, nl=False)
    skipped = f", {erased} skipped: what they speak of was erased" if erased else ""
    click.echo(f"{looked_at} read again, {changed} changed, {left} still not understood{skipped}")


def _next(
    reports: DeliveryReports, name: str, ids: Sequence[UUID], last: UUID | None
) -> Sequence[UUID]:
    """Those to read after the ones before, of which `last` was the last."""
    if not ids:
        return reports.not_understood(name, last)
    return ids if last is None else ()


@click.command()
@NAME
@click.option(
    "--not-understood", "state", flag_value=DeliveryState.NOT_UNDERSTOOD, help="Only these [all]."
)
@click.option("--understood", "state", flag_value=DeliveryState.UNDERSTOOD, help="Only these.")
@click.option(
    "--settled", "state", flag_value=DeliveryState.SETTLED, help="Only those that were set aside."
)
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many."
)
@AS_JSON
@click.pass_obj
def deliveries(settings: Settings, name: str, state: str | None, limit: int, as_json: bool) -> None:
    """List what NAME sent, the newest first (UTC), with what was not understood of it."""
    where: dict[str, object] = {"source": name}
    if state is not None:
        where.update(columns_of(DeliveryState(state)))
    with (
        desks_with_current_reports(settings, wait_for=DELIVERIES.name) as working,
        record_personal_reads(working, "casetrail sources deliveries"),
    ):
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
            f"{', set aside' * (row.settled and not row.understood)}"
        )
        _print_reasons(kept[row.delivery].readable_reasons)


@click.command()
@NAME
@click.argument("id", type=click.UUID)
@click.option("--body", "body_only", is_flag=True, help="Write the body alone, byte by byte.")
@AS_JSON
@click.pass_obj
def delivery(settings: Settings, name: str, id: UUID, body_only: bool, as_json: bool) -> None:
    """Show the delivery ID of NAME: its body, why it was not understood, its signals, and every reading (UTC).

    `casetrail sources deliveries NAME` lists the ids. This read is recorded.
    """
    with (
        migrated_desks(settings) as working,
        record_personal_reads(working, "casetrail sources delivery"),
    ):
        found = working.delivery_finder.find(working.sources.find(name), id, with_body=True)
    if body_only:
        if found.raw is None:
            raise click.ClickException(_ERASED)
        sys.stdout.buffer.write(found.raw.body)
        return
    view = delivery_detail_view(id, found, is_permitted=True)
    click.echo(msgspec.json.encode(view) if as_json else "\n".join(_describe(view)))


@click.command()
@NAME
@click.argument("id", type=click.UUID)
@WHY
@click.pass_obj
def settle(settings: Settings, name: str, id: UUID, reason: str) -> None:
    """Set the delivery ID of NAME aside: it is never to be understood.

    It is listed as settled, and can be read again by its id. Cases about its codes stay open.
    """
    if faults := faults_of({"reason": reason}, SettleDelivery):
        raise Invalid(faults, "the settlement")
    with migrated_desks(settings) as working:
        working.ensure_policy()
        done = working.settled_deliveries.settle(
            working.sources.find(name),
            id,
            SettleDelivery(reason=reason),
            operator_caller(working.clock()),
        )
    if done.already_settled:
        known = settled_view(done)
        click.echo(
            f"set aside already, by {known.by} on {known.at:%Y-%m-%d %H:%M:%SZ}: {known.reason}"
        )
    else:
        click.echo(f"{id} is set aside")
    for (table, code), case in done.open_codes.items():
        click.echo(
            f"the case {case} about the code {code!r} of {table} stays open: resolve it if no mapping is to read the code"
        )


def _describe(view: DeliveryDetailView) -> Iterator[str]:
    """A delivery in lines for a terminal: what strangers sent is escaped."""
    yield f"{view.received_at:%Y-%m-%d %H:%M:%SZ} {view.delivery} of {view.source}: {view.state}"
    place = f", {view.file}:{view.line}" if view.file else ""
    yield f"sender's id {escaped(view.sender_id)}{place}, {view.size} bytes, {escaped(view.media_type)}"
    if view.settled is not None:
        settled = view.settled
        yield f"set aside {settled.at:%Y-%m-%d %H:%M:%SZ} by {settled.by}: {escaped(settled.reason)}"
    for reading in view.readings:
        count = _what(reading.signals)
        yield f"read {reading.at:%Y-%m-%d %H:%M:%SZ} by {reading.by}, mapping {reading.mapping[:12]}: {count}"
        yield from _reason_lines(reading.reasons)
    for one in view.signals_stated:
        orders = ", ".join(describe_name(name.order, name.shop) for name in one.orders)
        other = "" if one.same else ", where it says something else"
        where = f" in {orders}{other}" if orders else ""
        yield f"signal {escaped(one.signal)} {one.type}: {one.state}{where}"
    if view.further_signals:
        yield f"and {view.further_signals} further signals"
    for header, value in view.headers.items():
        yield f"{escaped(header)}: {escaped(value)}"
    for parameter, value in view.query.items():
        yield f"?{escaped(parameter)}={escaped(value)}"
    if view.body is None:
        yield _ERASED
    else:
        yield "body:" if view.body_encoding == "utf-8" else "body, in base64:"
        yield from map(escaped, view.body.split("\n"))


def _reason_lines(reasons: Sequence[NotUnderstood]) -> Iterator[str]:
    for reason in reasons:
        pointer = f"{reason.pointer}: " if reason.pointer else ""
        yield f"  {reason.why}: {escaped(pointer + reason.detail)}"


def _print_reasons(reasons: Sequence[NotUnderstood]) -> None:
    for line in _reason_lines(reasons):
        click.echo(line)


def _what(signals: int) -> str:
    return f"{signals} signal{'s' * (signals != 1)}"
