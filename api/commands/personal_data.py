"""casetrail personal-data show | hold | release | erase"""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.commands.options import AS_JSON
from api.composition import Desks, migrated_desks
from application.log.caller import Caller, operator_caller
from application.log.sealing import track_personal_reads
from application.privacy.privacy_desk import PrivacyDesk
from domain.errors import Invalid
from domain.orders.purchase_signals import CustomerId
from domain.privacy import ErasureBasis, PrivacyRecord
from domain.validation import faults_of
from infrastructure.settings import Settings

CUSTOMER = click.argument("customer")
CUSTOMER_HELP = (
    "CUSTOMER is the shop's id of the customer; `-` reads it from standard input, so that no list of "
    "processes shows it."
)
HOLD_REASON = click.option(
    "--reason", required=True, help="Why. It is kept for ever and readable: name nobody."
)


@click.group(name="personal-data")
def personal_data() -> None:
    """Show or erase a customer's personal data, or place a legal hold on it."""


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@AS_JSON
@click.pass_obj
def show(settings: Settings, customer: str, as_json: bool) -> None:
    """List every event with personal data of a customer. This read is recorded."""
    with (
        migrated_desks(settings) as desks,
        record_personal_reads(desks, "casetrail personal-data show"),
    ):
        held = _desk(desks).held(_parse_customer_id(customer))
    if as_json:
        click.echo(msgspec.json.encode(held))
        return
    console = Console(highlight=False)
    console.print(f"record {held.record.id}", markup=False)
    console.print(f"{len(held.orders)} orders, {len(held.cases)} cases, {len(held.files)} files")
    table = Table("position", "what", "recorded", "texts")
    for one in held.texts:
        table.add_row(
            str(one.position),
            one.type,
            f"{one.recorded_at:%Y-%m-%d %H:%M}",
            escape(" · ".join(one.texts)),
        )
    console.print(table)
    _print_record(console, held.record)


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@HOLD_REASON
@click.option("--reference", default="", help="Number of the proceeding [none].")
@click.pass_obj
def hold(settings: Settings, customer: str, reason: str, reference: str) -> None:
    """Place a legal hold: it prevents erasure of the customer's data until it is released."""
    _run_command(
        settings, customer, lambda desk, whose, by: desk.hold(whose, reason, reference, by).record
    )


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@click.argument("number", metavar="HOLD", type=click.IntRange(1))
@HOLD_REASON
@click.pass_obj
def release(settings: Settings, customer: str, number: int, reason: str) -> None:
    """Release a legal hold, by the number that `show` lists."""
    _run_command(
        settings, customer, lambda desk, whose, by: desk.release(whose, number, reason, by).record
    )


@personal_data.command(epilog=CUSTOMER_HELP)
@CUSTOMER
@click.option(
    "--basis",
    required=True,
    type=click.Choice([str(basis) for basis in ErasureBasis]),
    help="Legal basis (GDPR, article 17).",
)
@click.option("--reference", default="", help="Number of the request [none].")
@click.option("--yes", is_flag=True, help="Erase without asking for confirmation.")
@click.pass_obj
def erase(settings: Settings, customer: str, basis: str, reference: str, yes: bool) -> None:
    """Erase a customer's personal data for ever. Decisions and proofs stay."""

    def act(desk: PrivacyDesk, whose: str, by: Caller) -> PrivacyRecord:
        if not yes:
            found = desk.preview_erasure(whose)
            click.confirm(
                f"Customer {whose}: {len(found.orders)} orders and {len(found.cases)} cases are affected. "
                "Erased data cannot be restored. Erase it?",
                abort=True,
            )
        ordered = desk.erase(whose, ErasureBasis(basis), reference, by).record
        return desk.record(ordered.id)  # it may be carried out by now

    _run_command(settings, customer, act)


def _run_command(
    settings: Settings, customer: str, act: Callable[[PrivacyDesk, str, Caller], PrivacyRecord]
) -> None:
    """Carry out a command as the operator and print the customer's record."""
    with migrated_desks(settings) as desks:
        by = operator_caller(desks.clock())
        record = act(_desk(desks), _parse_customer_id(customer), by)
    _print_record(Console(highlight=False), record)


@contextmanager
def record_personal_reads(desks: Desks, what: str) -> Iterator[None]:
    """Record the orders whose personal data is read inside, as reads of the system account."""
    with track_personal_reads() as orders:
        yield
    if orders:
        desks.reads.note(desks.clock(), f"cli:{getpass.getuser()}", None, what, orders)


def _parse_customer_id(customer: str) -> str:
    """The argument, or standard input's first line for `-`. Raises Invalid."""
    text = sys.stdin.readline().rstrip("\n") if customer == "-" else customer
    try:
        return msgspec.convert(text, CustomerId)
    except msgspec.ValidationError:
        raise Invalid(faults_of(text, CustomerId), "CUSTOMER") from None


def _desk(desks: Desks) -> PrivacyDesk:
    assert desks.privacy is not None
    return desks.privacy


def _print_record(console: Console, record: PrivacyRecord) -> None:
    for hold in record.holds:
        until = f", released {hold.released_at:%Y-%m-%d}" if hold.released_at else ", in force"
        line = f"legal hold {hold.hold} since {hold.placed_at:%Y-%m-%d}{until}: {hold.reason}"
        console.print(line, markup=False)
    for one in record.erasures:
        done = f"done {one.completed_at:%Y-%m-%d %H:%M}Z" if one.completed_at else "under way"
        console.print(
            f"erasure {one.erasure} ({one.basis}), ordered {one.ordered_at:%Y-%m-%d %H:%M}Z, {done}: "
            f"{len(one.orders)} orders, {len(one.cases)} cases, {len(one.files)} files, {one.keys} keys",
            markup=False,
        )
