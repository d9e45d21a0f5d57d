"""casetrail log loss | accept-loss | confirm-loss | attach-lost"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import click
import msgspec
from psycopg import Connection

from api.commands.loss_report import print_accepted, print_report
from api.commands.options import AS_JSON, EXISTING_FILE, REASON
from api.composition import Desks, configured_desks, prepare_database
from api.configured_checkpoints import checkpoints_of
from api.http.authentication import Principal, TokenCache
from application.log.caller import system_caller
from application.people.people_desk import token_digest
from domain.losses import attached_stream
from domain.people import OPERATOR_ACTOR
from domain.permissions import Permission, roles_with
from infrastructure.event_store.loss_acceptance import (
    LossNotAccepted,
    LossRequest,
    accept_loss,
    finish_acceptance,
    read_request,
    store_request,
)
from infrastructure.identity.access_tokens import AccessTokenVerifier
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.lost_events import NothingToAttach, sort_events
from infrastructure.transparency.lost_tail import (
    LossReport,
    NotALoss,
    NothingLost,
    find_loss,
    next_number,
)
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.outside_checkpoints import size_of_note

T = TypeVar("T")
TOKEN: Final = "CASETRAIL_TOKEN"
TOKEN_HELP: Final = (
    f"{TOKEN} is your own token; or name a file that holds it with --token-file. Two different people each run "
    "their command with their own token."
)
STREAM: Final = "lost event"
CHUNK: Final = 100
FOLLOWER = click.option(
    "--follower",
    "followers",
    multiple=True,
    metavar="NAME=POSITION",
    help="The last position that a follower of the feed has; repeatable.",
)
TOKEN_FILE = click.option(
    "--token-file", type=EXISTING_FILE, help=f"The file of your token [{TOKEN}]."
)


class OpenLog(NamedTuple):
    connection: Connection[tuple[object, ...]]
    checkpoints: Checkpoints
    desks: Desks


@click.group()
def log() -> None:
    """Go on after a loss of the log's last events, or attach what turns up of them."""


@log.command()
@FOLLOWER
@AS_JSON
@click.pass_obj
def loss(settings: Settings, followers: tuple[str, ...], as_json: bool) -> None:
    """Show what is missing at the end of the log, and which statements say so; change nothing."""
    with _open_log(settings) as opened:
        others = _other_sizes(settings, opened, _positions(followers))
        report = _find_loss(opened, others)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        print_report(report)


@log.command(name="accept-loss", epilog=TOKEN_HELP)
@REASON
@FOLLOWER
@TOKEN_FILE
@click.pass_obj
def accept(
    settings: Settings, reason: str, followers: tuple[str, ...], token_file: Path | None
) -> None:
    """Ask to go on without the lost events. Another person confirms it with `casetrail log confirm-loss`.

    Restore a later backup instead, if there is one: an accepted loss is shown in every later answer.
    """
    token, given = _read_token(token_file), _positions(followers)
    with _open_log(settings) as opened:
        if (finished := finish_acceptance(opened.connection, opened.checkpoints)) is not None:
            click.echo("An acceptance that was interrupted is finished.")
            print_accepted(finished)
            return
        who = _person(settings, opened.desks, token)
        _require_halted(settings, opened)
        others = _other_sizes(settings, opened, given)
        report = _find_loss(opened, others)
        request = LossRequest(
            report=report.digest,
            others=others,
            reason=reason,
            actor=who.actor,
            person=who.person,
            at=opened.desks.clock(),
        )
        store_request(opened.checkpoints, report, request)
    print_report(report)
    click.echo(
        f"\n{who.person} has asked for it. Another of {_roles()} confirms it: casetrail log confirm-loss"
    )


@log.command(name="confirm-loss", epilog=TOKEN_HELP)
@TOKEN_FILE
@click.pass_obj
def confirm(settings: Settings, token_file: Path | None) -> None:
    """Confirm what another person has asked for: the log goes on under a new origin."""
    token = _read_token(token_file)
    with _open_log(settings) as opened:
        connection, checkpoints, desks = opened
        if (finished := finish_acceptance(connection, checkpoints)) is not None:
            click.echo("An acceptance that was interrupted is finished.")
            print_accepted(finished)
            return
        number = next_number(connection, checkpoints)
        request = _or_fail(lambda: read_request(checkpoints, number))
        asked = _still_permitted(desks, request)
        who = _person(settings, desks, token)
        if asked & frozenset((who.person, *who.known_as)):
            raise click.ClickException(
                f"{who.person} is the person who has asked for it ({request.person}): another one confirms it."
            )
        report = _find_loss(opened, request.others)
        print_report(report)
        click.echo(f"\nasked for by {request.person}: {request.reason}")
        accepted = _or_fail(
            lambda: accept_loss(connection, checkpoints, request, who.person, desks.clock())
        )
    print_accepted(accepted)


@log.command(name="attach-lost")
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A bundle, or a file with an event on each line: of a bundle, or of the feed.",
)
@click.pass_obj
def attach(settings: Settings, source: Path) -> None:
    """Attach lost events that turned up again, as evidence. Nothing follows from them."""
    with _open_log(settings) as opened:
        found = _or_fail(lambda: sort_events(opened.connection, opened.checkpoints, source))
        desks = opened.desks
        caller = system_caller(OPERATOR_ACTOR, desks.clock(), "command:log")
        for origin in dict.fromkeys(event.origin for event in found.attachable):
            events = [event for event in found.attachable if event.origin == origin]
            for at in range(0, len(events), CHUNK):
                write = caller.write(attached_stream(origin), STREAM, 0, events[at : at + CHUNK])
                if desks.log.append_last(write, attempts=20) is None:
                    raise click.ClickException("Others attach at the same time: run it again.")
    for refused in found.refused[:20]:
        click.echo(f"not attached: {refused.why}")
    if len(found.refused) > 20:
        click.echo(f"and {len(found.refused) - 20} more")
    click.echo(
        f"{len(found.attachable)} events attached, {found.known} were attached before, "
        f"{len(found.refused)} are not lost events of this log"
    )


@contextmanager
def _open_log(settings: Settings) -> Iterator[OpenLog]:
    with open_database(settings) as dsn:
        prepare_database(dsn)
        with configured_desks(settings, dsn) as desks, connect(dsn) as connection:
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            yield OpenLog(connection, checkpoints_of(settings), desks)


def _require_halted(settings: Settings, opened: OpenLog) -> None:
    """Compare the log as a start does, which halts it. Raises ClickException if nothing is missing."""
    try:
        witnesses = open_witness_clients(settings, opened.checkpoints)
        if witnesses is not None:
            witnesses.require_continuation(opened.connection)
        opened.checkpoints.require_continuation(opened.connection)
    except (LogNotAsWitnessed, PositionsMissing):
        return
    raise click.ClickException(
        "Nothing is missing: the log has all that was signed or acknowledged. There is no loss to accept."
    )


def _find_loss(opened: OpenLog, others: dict[str, int]) -> LossReport:
    return _or_fail(lambda: find_loss(opened.connection, opened.checkpoints, others))


def _or_fail(act: Callable[[], T]) -> T:
    try:
        return act()
    except (LossNotAccepted, NotALoss, NothingLost, NothingToAttach) as error:
        text = str(error)
        raise click.ClickException(f"{text[:1].upper()}{text[1:].rstrip('.')}.") from None


def _other_sizes(settings: Settings, opened: OpenLog, given: dict[str, int]) -> dict[str, int]:
    """What followers and the witnesses say, by name."""
    witnesses = open_witness_clients(settings, opened.checkpoints)
    number = max(opened.checkpoints.outside.numbers(), default=1)
    note = opened.checkpoints.outside.of_origin(number).latest()
    if witnesses is None or note is None:
        return given
    found = dict(given)
    sizes = witnesses.cosigned_sizes(opened.connection, size_of_note(note), note)
    for name, size in sizes.items():
        if isinstance(size, int):
            found[f"witness {name}"] = size
        else:
            why = f"The witness {name} does not answer, so what it knows is not counted: {size}"
            click.echo(why, err=True)
    return found


def _positions(followers: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for text in followers:
        name, _, position = text.partition("=")
        if not (0 < len(name) <= 100 and name.isprintable() and position.isdecimal()):
            raise click.UsageError(f"--follower must be NAME=POSITION, not {text!r}")
        found[f"follower {name}"] = int(position)
    return found


def _read_token(file: Path | None) -> str:
    token = file.read_text(encoding="utf-8").strip() if file else os.environ.get(TOKEN, "")
    if not token:
        raise click.ClickException(
            f"{TOKEN} is not set. Set it to your own token, or name its file with --token-file."
        )
    return token


def _person(settings: Settings, desks: Desks, token: str) -> Principal:
    """The person whose token it is, who must act in person and may accept a loss."""
    tokens = TokenCache(desks.principals, AccessTokenVerifier(settings.issuers), desks.clock)
    who = tokens.resolve(token, token_digest(token))
    if who.actor.via or who.actor.delegate is not None:
        raise click.ClickException("An agent or a delegate cannot do this: use your own token.")
    if Permission.ACCEPT_LOSS not in who.authority.everywhere:
        raise click.ClickException(
            f"{who.person} may not do this: it takes two people who are {_roles()}, without a scope."
        )
    return who


def _still_permitted(desks: Desks, request: LossRequest) -> frozenset[str]:
    """All names of the person who has asked, who still may. Raises ClickException."""
    authority = desks.people.authority_of(request.person, desks.clock())
    if authority is None or Permission.ACCEPT_LOSS not in authority.everywhere:
        raise click.ClickException(
            f"{request.person} has asked for it, and may not any more: ask again."
        )
    return desks.principals.names_behind(request.actor) | {request.person}


def _roles() -> str:
    return " or ".join(roles_with(Permission.ACCEPT_LOSS))
