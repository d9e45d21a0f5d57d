"""casetrail personal-data show | after-erasure | hold | release | erase"""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console

from api import terminal
from api.commands.options import AS_JSON, SHOP
from api.composition import Desks, migrated_desks
from api.tables import Table
from application.log.caller import Caller, operator_caller
from application.log.sealing import track_personal_reads
from application.privacy.privacy_desk import PrivacyDesk
from application.privacy.views import RecordView
from domain.errors import Invalid
from domain.orders.purchase_signals import CustomerId
from domain.orders.signal_body import DEFAULT_SHOP, OrderId, ShopName, order_key
from domain.privacy import DataSubject, ErasureBasis, PrivacyRecord
from domain.validation import faults_of
from infrastructure.settings import Settings

CUSTOMER = click.argument("customer", required=False)
ORDER = click.option(
    "--order", metavar="ORDER", help="Only this order, instead of all orders of CUSTOMER."
)
CUSTOMER_HELP = (
    "CUSTOMER is the shop's id of the customer; `-` reads it from standard input, so that no list of "
    "processes shows it. For a guest, or an order of which only a message is known, give --order."
)
MOST_LISTED = 1_000
HOLD_REASON = click.option(
    "--reason", required=True, help="Why. It is kept for ever and readable: name nobody."
)


@click.group(name="personal-data")
def personal_data() -> None:
    """Show or erase the personal data of a customer or an order, or place a legal hold on it."""


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@ORDER
@SHOP
@AS_JSON
@click.pass_obj
def show(
    settings: Settings, customer: str | None, order: str | None, shop: str, as_json: bool
) -> None:
    """List every event with personal data of a customer or of an order. This read is recorded."""
    whose = _parse_subject(customer, order, shop)
    with (
        migrated_desks(settings) as desks,
        record_personal_reads(desks, "casetrail personal-data show"),
    ):
        held = _desk(desks).held(whose)
    if as_json:
        click.echo(msgspec.json.encode(held))
        return
    console = terminal.console()
    console.print(f"record {held.record.id}")
    console.print(f"{len(held.orders)} orders, {len(held.cases)} cases, {len(held.files)} files")
    table = Table("position", "what", "recorded", "texts")
    for one in held.texts:
        table.add_row(
            str(one.position), one.type, f"{one.recorded_at:%Y-%m-%d %H:%M}", " · ".join(one.texts)
        )
    table.print_on(console)
    if held.deliveries:
        sent = Table("delivery", "source", "received", "what it says")
        for each in held.deliveries:
            text = each.body or f"speaks of {each.other_orders} other orders too"
            sent.add_row(
                str(each.delivery), each.source, f"{each.received_at:%Y-%m-%d %H:%M}", text
            )
        sent.print_on(console)
    if held.note is not None:
        console.print(held.note)
    _print_record(console, held.record)


@personal_data.command(name="after-erasure")
@AS_JSON
@click.pass_obj
def after_erasure(settings: Settings, as_json: bool) -> None:
    """List the orders with personal data that arrived after their erasure. It shows no text."""
    with migrated_desks(settings) as desks:
        found = _desk(desks).held_after_erasure("", MOST_LISTED)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    if not found:
        click.echo("No personal data arrived after an erasure.")
        return
    table = Table("order", "shop", "what arrived")
    for one in found:
        table.add_row(one.order, one.shop, one.note)
    table.print_on(terminal.console())
    click.echo(
        "Erase each with `casetrail personal-data erase --order ORDER --shop SHOP --basis …`."
    )


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@ORDER
@SHOP
@HOLD_REASON
@click.option("--reference", default="", help="Number of the proceeding [none].")
@click.pass_obj
def hold(
    settings: Settings,
    customer: str | None,
    order: str | None,
    shop: str,
    reason: str,
    reference: str,
) -> None:
    """Place a legal hold: it prevents erasure of the data until it is released."""
    whose = _parse_subject(customer, order, shop)
    _run_command(settings, lambda desk, by: desk.hold(whose, reason, reference, by).record)


@personal_data.command(epilog=CUSTOMER_HELP)
@click.argument("words", metavar="[CUSTOMER] HOLD", nargs=-1, required=True)
@ORDER
@SHOP
@HOLD_REASON
@click.pass_obj
def release(
    settings: Settings, words: tuple[str, ...], order: str | None, shop: str, reason: str
) -> None:
    """Release a legal hold, by the number that `show` lists."""
    *customers, last = words
    if len(customers) > 1:
        raise click.UsageError(f"Got unexpected extra argument ({last})")
    if not last.isdecimal() or int(last) < 1:
        raise click.BadParameter(f"{last} is not the number of a hold", param_hint="HOLD")
    whose = _parse_subject(customers[0] if customers else None, order, shop)
    _run_command(settings, lambda desk, by: desk.release(whose, int(last), reason, by).record)


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@ORDER
@SHOP
@click.option(
    "--basis",
    required=True,
    type=click.Choice([str(basis) for basis in ErasureBasis]),
    help="Legal basis (GDPR, article 17).",
)
@click.option("--reference", default="", help="Number of the request [none].")
@click.option("--yes", is_flag=True, help="Erase without asking for confirmation.")
@click.pass_obj
def erase(
    settings: Settings,
    customer: str | None,
    order: str | None,
    shop: str,
    basis: str,
    reference: str,
    yes: bool,
) -> None:
    """Erase the personal data of a customer or of an order for ever. Decisions and proofs stay."""
    whose = _parse_subject(customer, order, shop)

    def act(desk: PrivacyDesk, by: Caller) -> PrivacyRecord:
        if not yes:
            found = desk.preview_erasure(whose)
            click.confirm(
                f"{whose}: "
                f"{len(found.orders)} orders and {len(found.cases)} cases are affected. "
                "Erased data cannot be restored. Erase it?",
                abort=True,
            )
        ordered = desk.erase(whose, ErasureBasis(basis), reference, by).record
        return desk.record(ordered.id)  # it may be carried out by now

    _run_command(settings, act)


def _run_command(settings: Settings, act: Callable[[PrivacyDesk, Caller], PrivacyRecord]) -> None:
    """Carry out a command as the operator and print the record."""
    with migrated_desks(settings) as desks:
        record = act(_desk(desks), operator_caller(desks.clock()))
    _print_record(terminal.console(), record)


@contextmanager
def record_personal_reads(desks: Desks, what: str) -> Iterator[None]:
    """Record the orders whose personal data is read inside, as reads of the system account."""
    with track_personal_reads() as orders:
        yield
    if orders:
        desks.reads.note(desks.clock(), f"cli:{getpass.getuser()}", None, what, orders)


def _parse_subject(customer: str | None, order: str | None, shop: str) -> DataSubject:
    """The customer, from standard input's first line for `-`, or the order. Raises Invalid."""
    if (customer is None) == (order is None):
        raise click.UsageError("Give either CUSTOMER or --order.")
    if order is not None:
        named = _parse(order, OrderId, "ORDER"), _parse(shop, ShopName, "SHOP")
        return DataSubject(order=order_key(*named))
    if shop != DEFAULT_SHOP:
        raise click.UsageError("Use --shop with --order.")
    text = sys.stdin.readline().rstrip("\n") if customer == "-" else customer
    return DataSubject(customer=_parse(text, CustomerId, "CUSTOMER"))


def _parse(text: str | None, kind: Any, name: str) -> str:
    try:
        return str(msgspec.convert(text, kind))
    except msgspec.ValidationError:
        raise Invalid(faults_of(text, kind), name) from None


def _desk(desks: Desks) -> PrivacyDesk:
    assert desks.privacy is not None
    return desks.privacy


def _print_record(console: Console, record: PrivacyRecord | RecordView) -> None:
    for hold in record.holds:
        until = f", released {hold.released_at:%Y-%m-%d}" if hold.released_at else ", in force"
        line = f"legal hold {hold.hold} since {hold.placed_at:%Y-%m-%d}{until}: {hold.reason}"
        console.print(line)
    for one in record.erasures:
        done = f"done {one.completed_at:%Y-%m-%d %H:%M}Z" if one.completed_at else "under way"
        console.print(
            f"erasure {one.erasure} ({one.basis}), ordered {one.ordered_at:%Y-%m-%d %H:%M}Z, {done}: "
            f"{len(one.orders)} orders, {len(one.cases)} cases, {len(one.files)} files, {one.keys} keys",
            markup=False,
        )
