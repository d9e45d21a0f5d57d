"""casetrail people token | tokens | revoke | link | unlink | agent | retire | delegate | end-delegation"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import click
import msgspec
from rich.console import Console
from rich.table import Table

from api.commands.options import Moment
from api.composition import Desks, desks, make_ready, migrated_desks
from domain.access_errors import PrincipalNotFound
from domain.identities import Means
from domain.permissions import Permission
from domain.principals import KeyScope
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.roles import READER, acting_as
from infrastructure.projections.positions import Positions
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.reports.principals import PrincipalList
from infrastructure.settings import Settings
from projections import PROJECTIONS
from projections.principals import PRINCIPALS, PrincipalRow

_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_LONGEST = timedelta(days=3_660)
_PATIENCE_SECONDS = 30.0
REASON = click.option("--reason", required=True, help="Why; it stands in the trail.")
AGENT = click.option("--agent", help="For this agent of the person's [the person].")


def _span(context: click.Context, parameter: click.Parameter, told: str | None) -> timedelta | None:
    """A number of minutes, hours or days: 90m, 12h, 30d."""
    if told is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", told)
    span = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta()
    if not timedelta() < span <= _LONGEST:
        raise click.BadParameter(f"{told!r} is no span of up to ten years, such as 90m, 12h or 30d")
    return span


@click.command()
@click.argument("name")
@AGENT
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([str(one) for one in Permission]),
    help="Good for this alone, and other ones named [all that the person may].",
)
@click.option("--queue", "queues", multiple=True, help="Good for this queue alone [all].")
@click.option("--region", "regions", multiple=True, help="Good for this region alone [all].")
@click.option("--expires-in", "span", callback=_span, help="Such as 12h or 30d [never].")
@click.pass_obj
def token(
    settings: Settings,
    name: str,
    agent: str | None,
    permissions: tuple[str, ...],
    queues: tuple[str, ...],
    regions: tuple[str, ...],
    span: timedelta | None,
) -> None:
    """Issue a key for a person. It is shown this once: only its digest is kept."""
    scope = KeyScope(frozenset(permissions) or None, queues or None, regions or None)
    with migrated_desks(settings) as working:
        now = working.clock()
        expires_at = now + span if span is not None else None
        issued = working.principals_desk.issue_key(
            name, now, agent=agent, scope=scope, expires_at=expires_at
        )
    click.echo(issued)


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def tokens(settings: Settings, name: str, as_json: bool) -> None:
    """Who may come as a person: keys, logins, agents and delegates, ended ones too."""
    with _caught_up(settings) as working:
        rows = PrincipalList(working.datastore).of(name)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table()
    for column in ("kind", "principal", "agent", "good for", "since", "until", "ended", "reason"):
        table.add_column(column, overflow="fold")
    for row in rows:
        ends = (row.since, row.until, row.ended_at)
        table.add_row(
            row.kind,
            row.principal,
            row.agent or "",
            _reach(row),
            *(f"{one:%Y-%m-%d %H:%M} UTC" if one else "" for one in ends),
            row.reason or "",
        )
    Console().print(table)


def _reach(row: PrincipalRow) -> str:
    if row.issuer is not None:
        return f"{row.subject} at {row.issuer}"
    if row.kind != Means.KEY:
        return ""
    told = (("", row.permissions), ("queues ", row.queues), ("regions ", row.regions))
    narrowed = [f"{what}{', '.join(names)}" for what, names in told if names is not None]
    return "; ".join(narrowed) or "all that the person may"


@click.command()
@click.argument("key")
@REASON
@click.pass_obj
def revoke(settings: Settings, key: str, reason: str) -> None:
    """End a key, by its name (`key:…`): no service takes it for longer than 5 seconds after."""
    with _caught_up(settings) as working:
        working.tell_build()
        stream = PrincipalList(working.datastore).key(key)
        if stream is None:
            raise PrincipalNotFound(f"no key {key}")
        person = working.principals_desk.revoke_key(stream, reason, working.clock())
    click.echo(f"A key of {person} was revoked.")


@click.command()
@click.argument("name")
@click.option("--issuer", required=True, help="Its address, as its tokens say it in `iss`.")
@click.option("--subject", required=True, help="What its tokens call the person in `sub`.")
@AGENT
@click.pass_obj
def link(settings: Settings, name: str, issuer: str, subject: str, agent: str | None) -> None:
    """Take whom an issuer calls by a subject for a person, or for an agent of the person's."""
    with migrated_desks(settings) as working:
        working.principals_desk.link(name, issuer, subject, working.clock(), agent=agent)
    click.echo(f"{subject} at {issuer} is {agent or name} from now on.")


@click.command()
@click.option("--issuer", required=True)
@click.option("--subject", required=True)
@REASON
@click.pass_obj
def unlink(settings: Settings, issuer: str, subject: str, reason: str) -> None:
    """Take a subject of an issuer for nobody any more."""
    with migrated_desks(settings) as working:
        working.principals_desk.unlink(issuer, subject, reason, working.clock())
    click.echo(f"{subject} at {issuer} is nobody here from now on.")


@click.command()
@click.argument("name")
@click.argument("agent")
@click.pass_obj
def agent(settings: Settings, name: str, agent: str) -> None:
    """Register an agent of a person: what it does is the person's doing."""
    with migrated_desks(settings) as working:
        working.principals_desk.register_agent(name, agent, working.clock())
    click.echo(
        f"{agent} is an agent of {name}. Next: casetrail people token {name} --agent {agent}"
    )


@click.command()
@click.argument("agent")
@REASON
@click.pass_obj
def retire(settings: Settings, agent: str, reason: str) -> None:
    """Retire an agent: its keys and logins let nobody in any more."""
    with migrated_desks(settings) as working:
        working.principals_desk.retire_agent(agent, reason, working.clock())
    click.echo(f"{agent} was retired.")


@click.command()
@click.argument("person")
@click.argument("delegate")
@click.option("--until", required=True, type=Moment(), help="Such as 2026-12-24T18:00+01:00.")
@REASON
@click.pass_obj
def delegate(settings: Settings, person: str, delegate: str, until: datetime, reason: str) -> None:
    """Let somebody act for a person for a time: it counts as the act of both."""
    with migrated_desks(settings) as working:
        working.principals_desk.delegate(person, delegate, until, reason, working.clock())
    click.echo(f"{delegate} may act for {person} until {until.isoformat()}.")


@click.command()
@click.argument("person")
@click.argument("delegate")
@REASON
@click.pass_obj
def end_delegation(settings: Settings, person: str, delegate: str, reason: str) -> None:
    """Let somebody act for a person no longer."""
    with migrated_desks(settings) as working:
        working.principals_desk.end_delegation(person, delegate, reason, working.clock())
    click.echo(f"{delegate} acts for {person} no longer.")


@contextmanager
def _caught_up(settings: Settings) -> Iterator[Desks]:
    """The desks, with a report of principals that has seen all: ours to bring up, if no worker does."""
    with open_database(settings) as dsn:
        make_ready(dsn)
        ProjectionRunner(dsn, PROJECTIONS).catch_up(wait=False)
        positions = Positions(acting_as(dsn, READER))
        try:
            with desks(dsn) as working:
                if not positions.wait(PRINCIPALS.name, working.log.head(), _PATIENCE_SECONDS):
                    click.echo("The report is behind: the newest may be missing.", err=True)
                yield working
        finally:
            positions.close()


PRINCIPAL_COMMANDS: tuple[click.Command, ...] = (
    token,
    tokens,
    revoke,
    link,
    unlink,
    agent,
    retire,
    delegate,
    end_delegation,
)
