"""casetrail people: keys, logins, agents and delegates that act for a person"""

import re
from datetime import datetime, timedelta

import click
import msgspec

from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, REASON, TimeParameter
from api.commands.output import print_table
from api.composition import migrated_desks
from domain.access_errors import PrincipalNotFound
from domain.identities import IdentityKind
from domain.permissions import Permission
from domain.principals import KeyScope
from infrastructure.reports.principals import PrincipalList
from infrastructure.settings import Settings
from projections.principals import PRINCIPALS, PrincipalRow

_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_LONGEST = timedelta(days=3_660)
NAME = click.argument("name")
AGENT = click.option("--agent", help="An agent of the person to act as [the person].")
ISSUER = click.option("--issuer", required=True, help="The issuer's address: `iss` of its tokens.")
SUBJECT = click.option("--subject", required=True, help="The account's id there: `sub` of tokens.")


def _parse_duration(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> timedelta | None:
    """A number of minutes, hours or days: 90m, 12h, 30d. Raises BadParameter."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    span = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta()
    if not timedelta() < span <= _LONGEST:
        raise click.BadParameter(
            f"{text!r} is not a time span: write a number with m, h or d, for example 90m, 12h or 30d; "
            "at most ten years"
        )
    return span


@click.command()
@NAME
@AGENT
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([str(one) for one in Permission]),
    help="Allow only this permission; repeatable [all that the person has].",
)
@click.option("--queue", "queues", multiple=True, help="Allow only this queue; repeatable [all].")
@click.option(
    "--region", "regions", multiple=True, help="Allow only this region; repeatable [all]."
)
@click.option(
    "--expires-in",
    "span",
    callback=_parse_duration,
    help="When the key expires: 90m, 12h, 30d [never].",
)
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
    """Issue an API key for a person and print it.

    It is shown only once: casetrail stores its digest alone.
    """
    scope = KeyScope(frozenset(permissions) or None, queues or None, regions or None)
    with migrated_desks(settings) as working:
        now = working.clock()
        expires_at = now + span if span is not None else None
        issued = working.principals_desk.issue_key(
            name, now, agent=agent, scope=scope, expires_at=expires_at
        )
    click.echo(issued)


@click.command()
@NAME
@AS_JSON
@click.pass_obj
def tokens(settings: Settings, name: str, as_json: bool) -> None:
    """List a person's keys, logins, agents and delegates, including those that have ended."""
    with desks_with_current_reports(settings, wait_for=PRINCIPALS.name) as working:
        rows = PrincipalList(working.datastore).of(name)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    columns = ("kind", "principal", "agent", "allows", "since", "until", "ended", "reason")
    print_table(columns, map(_table_row, rows))


def _table_row(row: PrincipalRow) -> tuple[str | None, ...]:
    times = (row.since, row.until, row.ended_at)
    shown = (f"{one:%Y-%m-%d %H:%M} UTC" if one else None for one in times)
    return row.kind, row.principal, row.agent, _describe_scope(row), *shown, row.reason


def _describe_scope(row: PrincipalRow) -> str:
    if row.issuer is not None:
        return f"{row.subject} at {row.issuer}"
    if row.kind != IdentityKind.KEY:
        return ""
    limits = (("", row.permissions), ("queues ", row.queues), ("regions ", row.regions))
    texts = [f"{what}{', '.join(names)}" for what, names in limits if names is not None]
    return "; ".join(texts) or "all that the person may do"


@click.command()
@click.argument("key")
@REASON
@click.pass_obj
def revoke(settings: Settings, key: str, reason: str) -> None:
    """Revoke a key, by the name that `people tokens` shows (`key:…`).

    Running services stop accepting it within 5 seconds.
    """
    with desks_with_current_reports(settings, wait_for=PRINCIPALS.name) as working:
        working.record_build()
        stream = PrincipalList(working.datastore).key(key)
        if stream is None:
            raise PrincipalNotFound(f"no key {key}")
        person = working.principals_desk.revoke_key(stream, reason, working.clock())
    click.echo(f"A key of {person} was revoked.")


@click.command()
@NAME
@ISSUER
@SUBJECT
@AGENT
@click.pass_obj
def link(settings: Settings, name: str, issuer: str, subject: str, agent: str | None) -> None:
    """Link a single sign-on account to a person, or to an agent of the person."""
    with migrated_desks(settings) as working:
        working.principals_desk.link(name, issuer, subject, working.clock(), agent=agent)
    click.echo(f"{subject} at {issuer} is linked to {agent or name}.")


@click.command()
@ISSUER
@SUBJECT
@REASON
@click.pass_obj
def unlink(settings: Settings, issuer: str, subject: str, reason: str) -> None:
    """Unlink a single sign-on account: it can no longer sign in here."""
    with migrated_desks(settings) as working:
        working.principals_desk.unlink(issuer, subject, reason, working.clock())
    click.echo(f"{subject} at {issuer} is no longer linked.")


@click.command()
@NAME
@click.argument("agent")
@click.pass_obj
def agent(settings: Settings, name: str, agent: str) -> None:
    """Register an agent of a person: the person is responsible for its acts."""
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
    """Retire an agent: its keys and logins stop working."""
    with migrated_desks(settings) as working:
        working.principals_desk.retire_agent(agent, reason, working.clock())
    click.echo(f"{agent} was retired.")


@click.command()
@click.argument("person")
@click.argument("delegate")
@click.option(
    "--until",
    required=True,
    type=TimeParameter(),
    help="When the delegation ends: 2026-12-24T18:00+01:00.",
)
@REASON
@click.pass_obj
def delegate(settings: Settings, person: str, delegate: str, until: datetime, reason: str) -> None:
    """Let DELEGATE act for PERSON until a time. Each act counts as the act of both."""
    with migrated_desks(settings) as working:
        working.principals_desk.delegate(person, delegate, until, reason, working.clock())
    click.echo(f"{delegate} may act for {person} until {until.isoformat()}.")


@click.command()
@click.argument("person")
@click.argument("delegate")
@REASON
@click.pass_obj
def end_delegation(settings: Settings, person: str, delegate: str, reason: str) -> None:
    """End a delegation before its time."""
    with migrated_desks(settings) as working:
        working.principals_desk.end_delegation(person, delegate, reason, working.clock())
    click.echo(f"{delegate} can no longer act for {person}.")


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
