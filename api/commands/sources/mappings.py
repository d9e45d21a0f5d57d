"""casetrail sources mapping on the database itself; propose, proposal, approve, reject and withdraw over the API."""

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from api.commands.api_client import API_HELP, api_client, require_success
from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, REASON
from api.commands.sources.manage import chosen_document
from api.composition import migrated_desks
from application.log.caller import operator_caller
from application.sources.mapping_desk import MappingSimulation
from domain.sources.mapping_governance import SHOWN
from domain.sources.source import ChooseMapping, Source
from infrastructure.reports.deliveries import DeliveryReports
from infrastructure.settings import Settings
from projections.deliveries import DELIVERIES

NAME = click.argument("name")
DOCUMENT = click.argument("document")
DIGEST = click.argument("digest")
NEWEST = click.option(
    "--deliveries",
    type=click.IntRange(0, 1_000),
    default=200,
    show_default=True,
    help="How many of the newest deliveries to compare.",
)


@click.command()
@NAME
@DOCUMENT
@REASON
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@NEWEST
@click.pass_obj
def mapping(
    settings: Settings, name: str, document: str, reason: str, dry_run: bool, deliveries: int
) -> None:
    """Read NAME by another DOCUMENT from here on: a file, or the name of one that ships.

    On the database itself, as its operator. If NAME has taken deliveries, it is listed as not confirmed until a
    person confirms it with `sources approve`. With CASETRAIL_TOKEN, `sources propose` asks a second person first.
    """
    ask = msgspec.convert({"reason": reason, **chosen_document(document)}, ChooseMapping)
    if dry_run:
        with desks_with_current_reports(settings, wait_for=DELIVERIES.name) as desks:
            source = desks.sources.find(name)
            rows = DeliveryReports(desks.datastore).page({"source": name}, None, deliveries)
            kept = desks.deliveries.kept([row.delivery for row in rows])
            choice = desks.mappings.read_document(ask)
            _print_simulation(desks.mappings.simulate(source, choice, kept))
        return
    with migrated_desks(settings) as desks:
        by = operator_caller(desks.clock())
        after = desks.mappings.choose(name, ask, by).source
    click.echo(f"{name} is read by {after.mapping.name} {after.mapping.digest[:SHOWN]}")
    if not after.is_confirmed:
        click.echo(_confirmation(after))


def _confirmation(source: Source) -> str:
    return (
        f"{source.name} has taken deliveries: another person confirms this with "
        f"`casetrail sources approve {source.name} {source.mapping.digest}`"
    )


@click.command(epilog=API_HELP)
@NAME
@DOCUMENT
@REASON
def propose(name: str, document: str, reason: str) -> None:
    """Propose that NAME is read by another DOCUMENT; while it has taken nothing, it is used at once."""
    after = _post(name, "", {"reason": reason, **chosen_document(document)})
    waiting = after["proposal"]
    if waiting is None:
        click.echo(f"{name} is read by {after['mapping']['name']} {after['mapping']['digest']}")
    else:
        click.echo(f"proposed {waiting['name']} {waiting['digest']}; another person approves it")


@click.command(epilog=API_HELP)
@NAME
@NEWEST
@AS_JSON
def proposal(name: str, deliveries: int, as_json: bool) -> None:
    """Show the proposed document of NAME, and what it would change."""
    with api_client() as client:
        url = f"/v1/sources/{name}/mapping/proposal"
        found = require_success(client.get(url, params={"deliveries": deliveries}))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    waiting = found["proposal"]
    click.echo(f"{waiting['name']} {waiting['digest']}")
    click.echo(f"proposed by {', '.join(waiting['proposed_by'])} at {waiting['proposed_at']}")
    click.echo(f"reason: {waiting['reason']}")
    _print_simulation(msgspec.convert(found["simulation"], MappingSimulation))


@click.command(epilog=API_HELP)
@NAME
@DIGEST
@click.option("--note", default="", help="A note for the record [none].")
def approve(name: str, digest: str, note: str) -> None:
    """Approve the document with this DIGEST that another person proposed for NAME, or that the operator chose.

    The first 8 digits or more will do.
    """
    after = _post(name, "/approve", {"digest": digest, "note": note})
    click.echo(f"{name} is read by {after['mapping']['name']} {after['mapping']['digest']}")


@click.command(epilog=API_HELP)
@NAME
@DIGEST
@REASON
def reject(name: str, digest: str, reason: str) -> None:
    """Reject the document with this DIGEST (or its first 8 digits or more) that was proposed for NAME."""
    _post(name, "/reject", {"digest": digest, "reason": reason})
    click.echo("rejected")


@click.command(epilog=API_HELP)
@NAME
@DIGEST
@REASON
def withdraw(name: str, digest: str, reason: str) -> None:
    """Withdraw the document with this DIGEST (or its first 8 digits or more) that you proposed for NAME."""
    _post(name, "/withdraw", {"digest": digest, "reason": reason})
    click.echo("withdrawn")


MAPPING_COMMANDS = (mapping, propose, proposal, approve, reject, withdraw)


def _post(name: str, path: str, body: Mapping[str, object]) -> Any:
    with api_client() as client:
        return require_success(client.post(f"/v1/sources/{name}/mapping{path}", json=body))


def _print_simulation(found: MappingSimulation) -> None:
    counts = {
        "same": found.same,
        "changed": found.changed,
        "newly understood": found.newly_understood,
        "no longer understood": found.no_longer_understood,
        "not readable": found.not_readable,
    }
    words = ", ".join(f"{count} {word}" for word, count in counts.items())
    click.echo(f"of the newest {found.looked_at} deliveries: {words}")
    for one in found.examples:
        click.echo(f"  {one.difference.replace('_', ' ')}: {one.delivery}")
        for when, read in (("now", one.before), ("then", one.after)):
            said = [*read.signals, *read.reasons] or ["nothing"]
            click.echo(f"    {when}: {', '.join(said)}")
