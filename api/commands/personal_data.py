"""casetrail personal-data: what is held of a customer, legal holds, and erasure."""

from __future__ import annotations

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
from application.log.caller import Caller, operator
from application.log.sealing import noting_what_is_read
from application.privacy.privacy_desk import PrivacyDesk
from domain.errors import Invalid
from domain.orders.purchase_signals import CustomerId
from domain.privacy import ErasureBasis, PrivacyRecord
from domain.validation import faults_of
from infrastructure.settings import Settings

CUSTOMER = click.argument("customer")
HERE = "CUSTOMER is the shop's id of the customer; `-` reads it from standard input, so that it stands in no list of processes."


@click.group(name="personal-data")
def personal_data() -> None:
    """What is held of a customer, legal holds, and erasure."""


@personal_data.command(epilog=HERE)
@CUSTOMER
@AS_JSON
@click.pass_obj
def show(settings: Settings, customer: str, as_json: bool) -> None:
    """Every line of the log with personal texts of theirs. That you looked is recorded."""
    with migrated_desks(settings) as desks, noted(desks, "casetrail personal-data show"):
        held = _desk(desks).held(_named(customer))
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
    _tell(console, held.record)


@personal_data.command(epilog=HERE)
@CUSTOMER
@click.option("--reason", required=True, help="Kept for ever, in the clear: name nobody.")
@click.option("--reference", default="", help="The number of the proceeding.")
@click.pass_obj
def hold(settings: Settings, customer: str, reason: str, reference: str) -> None:
    """Place a legal hold: nothing of the customer is erased while it lasts."""
    _done(
        settings, customer, lambda desk, whose, by: desk.hold(whose, reason, reference, by).record
    )


@personal_data.command(epilog=HERE)
@CUSTOMER
@click.argument("number", metavar="HOLD", type=click.IntRange(1))
@click.option("--reason", required=True, help="Kept for ever, in the clear: name nobody.")
@click.pass_obj
def release(settings: Settings, customer: str, number: int, reason: str) -> None:
    """Release a legal hold."""
    _done(
        settings, customer, lambda desk, whose, by: desk.release(whose, number, reason, by).record
    )


@personal_data.command(epilog=HERE)
@CUSTOMER
@click.option(
    "--basis",
    required=True,
    type=click.Choice([str(basis) for basis in ErasureBasis]),
    help="Why it must go (GDPR, article 17).",
)
@click.option("--reference", default="", help="The number of the request.")
@click.confirmation_option(prompt="What is erased cannot be brought back. Erase it?")
@click.pass_obj
def erase(settings: Settings, customer: str, basis: str, reference: str) -> None:
    """Erase all that is personal in what is recorded of the customer. Decisions and proofs stay."""

    def act(desk: PrivacyDesk, whose: str, by: Caller) -> PrivacyRecord:
        ordered = desk.erase(whose, ErasureBasis(basis), reference, by).record
        return desk.record(ordered.id)  # for by now it may be carried out

    _done(settings, customer, act)


def _done(
    settings: Settings, customer: str, act: Callable[[PrivacyDesk, str, Caller], PrivacyRecord]
) -> None:
    """What was done by whoever runs the machine, and what is then recorded of the customer."""
    with migrated_desks(settings) as desks:
        by = operator(desks.clock())
        record = act(_desk(desks), _named(customer), by)
    _tell(Console(highlight=False), record)


@contextmanager
def noted(desks: Desks, what: str) -> Iterator[None]:
    """Whose personal data is opened in here is noted at its end. On the command line, it is the
    operating system that says who asks."""
    with noting_what_is_read() as orders:
        yield
    if orders:
        desks.reads.note(desks.clock(), f"cli:{getpass.getuser()}", None, what, orders)


def _named(customer: str) -> str:
    """Raises Invalid."""
    told = sys.stdin.readline().rstrip("\n") if customer == "-" else customer
    try:
        return msgspec.convert(told, CustomerId)
    except msgspec.ValidationError:
        raise Invalid(faults_of(told, CustomerId), "CUSTOMER") from None


def _desk(desks: Desks) -> PrivacyDesk:
    assert desks.privacy is not None
    return desks.privacy


def _tell(console: Console, record: PrivacyRecord) -> None:
    for hold in record.holds:
        until = f", released {hold.released_at:%Y-%m-%d}" if hold.released_at else ", it lasts"
        told = f"legal hold {hold.hold} since {hold.placed_at:%Y-%m-%d}{until}: {hold.reason}"
        console.print(told, markup=False)
    for one in record.erasures:
        done = f"done {one.completed_at:%Y-%m-%d %H:%M}Z" if one.completed_at else "under way"
        console.print(
            f"erasure {one.erasure} ({one.basis}), ordered {one.ordered_at:%Y-%m-%d %H:%M}Z, {done}: "
            f"{len(one.orders)} orders, {len(one.cases)} cases, {len(one.files)} files, {one.keys} keys",
            markup=False,
        )
