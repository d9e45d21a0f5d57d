"""casetrail sources add, list, rotate, pause and resume: on the database itself."""

import secrets as random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import UNSET, structs

from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, REASON, SHOP
from api.commands.output import print_table
from api.composition import Desks, migrated_desks
from application.log.caller import operator_caller
from application.sources.refused_deliveries import RefusedFor, list_refused_deliveries
from domain.errors import Invalid
from domain.fault_texts import not_one_of
from domain.orders.signal_body import DEFAULT_SHOP
from domain.sources.pulls import SourcePulls
from domain.sources.signature_schemes import (
    Adyen,
    SignatureScheme,
    StandardWebhooks,
    Stripe,
    Zendesk,
)
from domain.sources.source import AddSource, PauseSource, RotateSecret, Source
from domain.validation import faults_of
from infrastructure.encoded_text import describe_undecodable
from infrastructure.mappings.documents import describe_missing, read_mapping, shipped_mappings
from infrastructure.reports.deliveries import DeliveryReports, SourceTraffic
from infrastructure.settings import Settings
from projections.deliveries import DELIVERIES

NAME = click.argument("name")
SECRET_FILE = click.option(
    "--secret-file",
    type=click.File("r", encoding="utf-8"),
    help="What the sender signs with: a file with one line, or - for standard input.",
)
GENERATE = click.option(
    "--generate", is_flag=True, help="Make a secret, and print it once: for the sender."
)
MAPPING_HELP = "The document that reads it: a file, or the name of one that ships."
SCHEME_HELP = (
    "How its deliveries are signed: shopify, stripe, adyen, woocommerce, easypost, aftership, zendesk, "
    'standard_webhooks, or JSON such as {"scheme": "hmac", "header": "X-Signature"} [no webhook].'
)
SECRET_BYTES = 32
_MADE_BY_THE_SENDER = (Stripe, Adyen, Zendesk, StandardWebhooks)
"""The schemes whose senders make the secret, in a form of their own."""


def _parse_scheme(_: click.Context, __: click.Parameter, text: str | None) -> Any:
    """A scheme by its name or as JSON. Raises BadParameter."""
    if text is None:
        return UNSET
    try:
        raw = msgspec.json.decode(text) if text.startswith("{") else {"scheme": text}
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"not readable as JSON: {error}") from None
    if faults := faults_of(raw, SignatureScheme):
        raise click.BadParameter("; ".join(f"{f.pointer or '/'}: {f.detail}" for f in faults))
    return msgspec.convert(raw, SignatureScheme)


def chosen_document(mapping: str) -> dict[str, str]:
    """The mapping as a command has it. Raises click.BadParameter."""
    return shipped_or_file("mapping", mapping, shipped_mappings(), read_mapping)


def shipped_or_file(
    member: str, document: str, shipped: Collection[str], read: Callable[[Path], str]
) -> dict[str, str]:
    """A document of a command: the name of one that ships, as `member`, or the text of a file. Raises
    click.BadParameter."""
    if document in shipped:
        return {member: document}
    file = Path(document)
    if not file.is_file():
        raise click.BadParameter(describe_missing(file, shipped))
    return {"document": read(file)}


def print_shipped(name: str, shipped: Mapping[str, Path]) -> None:
    """Print the text of a document that ships. Raises click.BadParameter."""
    if name not in shipped:
        raise click.BadParameter(f"none that ships: {not_one_of(name, [*shipped])}")
    click.echo(shipped[name].read_text(encoding="utf-8"), nl=False)


def _secret(given: Any, generate: bool, scheme: Any = None) -> str | None:
    if given is not None and generate:
        raise click.UsageError("give either --secret-file or --generate")
    if generate and isinstance(scheme, _MADE_BY_THE_SENDER):
        name = scheme.__struct_config__.tag
        raise click.UsageError(
            f"{name} makes the secret: copy it to a file, and give --secret-file"
        )
    if generate:
        return random.token_urlsafe(SECRET_BYTES)
    return read_secret(given)


def read_secret(file: Any) -> str | None:
    """The secret in an opened file of one line; None without a file. Raises click.BadParameter."""
    try:
        return file.read().rstrip("\r\n") if file is not None else None
    except UnicodeDecodeError as error:
        detail = f"{file.name} is no text: {describe_undecodable(error)}"
        raise click.BadParameter(detail, param_hint="--secret-file") from None


@click.command()
@NAME
@click.option("--mapping", required=True, help=MAPPING_HELP)
@click.option("--owner", required=True, help="The team that has its problems, as policy names it.")
@SHOP
@click.option("--scheme", callback=_parse_scheme, help=SCHEME_HELP)
@click.option(
    "--sender-shop", help="The shop as the sender names it; what speaks of others is kept unread."
)
@SECRET_FILE
@GENERATE
@click.pass_obj
def add(
    settings: Settings,
    name: str,
    mapping: str,
    owner: str,
    shop: str,
    scheme: Any,
    sender_shop: str | None,
    secret_file: Any,
    generate: bool,
) -> None:
    """Add the source NAME: a system that sends.

    With a scheme it has a webhook at /v1/sources/NAME/webhook. Without one, its files are read with `casetrail
    signals --source NAME`.
    """
    secret = _secret(secret_file, generate, scheme)
    raw = {
        "name": name,
        "owner": owner,
        **chosen_document(mapping),
        **({"shop": shop} if shop != DEFAULT_SHOP else {}),
        **({"secret": secret} if secret is not None else {}),
        **({"sender_shop": sender_shop} if sender_shop is not None else {}),
    }
    if faults := faults_of(raw, AddSource):
        raise Invalid(faults, "the source")
    ask = structs.replace(msgspec.convert(raw, AddSource), scheme=scheme)
    with migrated_desks(settings) as working:
        working.ensure_policy()
        working.sources.add(ask, operator_caller(working.clock()))
    click.echo(f"added {name}")
    if scheme is not UNSET:
        click.echo(f"webhook: /v1/sources/{name}/webhook")
    if generate:
        click.echo(f"secret (shown only now): {secret}")


@click.command("list")
@AS_JSON
@click.pass_obj
def list_sources(settings: Settings, as_json: bool) -> None:
    """List the sources: when each last spoke (UTC), how much, and what was refused or not understood."""
    with desks_with_current_reports(settings, wait_for=DELIVERIES.name) as working:
        found, now = working.sources.everything(), working.clock()
        names = [one.name for one in found]
        traffic = DeliveryReports(working.datastore).traffic(names, now)
        refused = list_refused_deliveries(working.log, names, now)
        pulls = working.pulls.states(names)
    rows = [
        _source_row(one, traffic[one.name], refused[one.name], pulls[one.name]) for one in found
    ]
    if as_json:
        click.echo(msgspec.json.encode(rows))
    elif rows:
        print_table([*rows[0]], [[*row.values()] for row in rows])
    else:
        click.echo("no sources; `casetrail sources add` makes one")


def _waits(source: Source) -> str:
    """What another person has to decide about the mapping."""
    if source.proposal is not None:
        return f" ({source.proposal.mapping.digest[:12]} is proposed)"
    return "" if source.is_confirmed else " (not confirmed)"


def _source_row(
    source: Source, sent: SourceTraffic, refused: Sequence[RefusedFor], pulls: SourcePulls
) -> dict[str, object]:
    return {
        "source": source.name,
        "mapping": f"{source.mapping.name} {source.mapping.digest[:12]}{_waits(source)}",
        "shop": source.shop or DEFAULT_SHOP,
        "owner": source.owner,
        "state": f"paused: {source.paused_for}" if source.paused_for else "active",
        "last": _minute(sent.last_received_at),
        "deliveries": sent.deliveries,
        "in 24 h": sent.deliveries_24h,
        "not understood": sent.not_understood,
        "refused in 7 d": sum(one.count for one in refused),
        "refused for": _refused_for(refused),
        "pulled": _last_pull(pulls),
        "next pull": source.pull and _minute(pulls.next_due(source.pull)),
    }


def _refused_for(refused: Sequence[RefusedFor]) -> str | None:
    """The reasons, the latest first."""
    if not refused:
        return None
    return ", ".join(f"{one.count} {one.problem} (last {_minute(one.last_at)})" for one in refused)


def _last_pull(pulls: SourcePulls) -> str | None:
    """When it was pulled last, with what result."""
    last = pulls.last
    if last is None:
        return None
    lost = f", {last.missing} not by webhook" if last.missing else ""
    return f"{_minute(pulls.last_at)} {last.ended}: {last.detail or f'{last.listed} listed{lost}'}"


def _minute(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else None


@click.command()
@NAME
@SECRET_FILE
@GENERATE
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, 24 * 14),
    default=24.0,
    show_default=True,
    help="How long the secret before stays valid.",
)
@click.pass_obj
def rotate(
    settings: Settings, name: str, secret_file: Any, generate: bool, overlap_hours: float
) -> None:
    """Give NAME another secret; the one before stays valid for a while."""
    secret = _secret(secret_file, generate)
    if secret is None:
        raise click.UsageError("give --secret-file or --generate")
    raw = {"secret": secret, "overlap_hours": overlap_hours}
    if faults := faults_of(raw, RotateSecret):
        raise Invalid(faults, "the secret")
    ask = msgspec.convert(raw, RotateSecret)
    after = change(settings, lambda d: d.sources.rotate(name, ask, _by(d)).source)
    click.echo(f"{name} has {len(after.secrets)} secrets so far")
    for one in after.secrets[-2:]:
        click.echo(f"  since {one.since:%Y-%m-%d %H:%M} until {one.until or 'another follows'}")
    if generate:
        click.echo(f"secret (shown only now): {secret}")


@click.command()
@NAME
@REASON
@click.pass_obj
def pause(settings: Settings, name: str, reason: str) -> None:
    """Keep what NAME sends, and read nothing of it until `resume`."""
    change(settings, lambda d: d.sources.pause(name, PauseSource(reason=reason), _by(d)).source)
    click.echo(f"{name} is paused; what it sends is kept")


@click.command()
@NAME
@REASON
@click.pass_obj
def resume(settings: Settings, name: str, reason: str) -> None:
    """Let NAME go on; `read-again` then reads what came while it was paused."""
    change(settings, lambda d: d.sources.resume(name, PauseSource(reason=reason), _by(d)).source)
    click.echo(
        f"{name} goes on; `casetrail sources read-again {name}` reads what came while it was paused"
    )


def _by(working: Desks) -> Any:
    return operator_caller(working.clock())


def change(settings: Settings, act: Callable[[Desks], Source]) -> Source:
    """Run a command on a source; return the source after it."""
    with migrated_desks(settings) as working:
        return act(working)
