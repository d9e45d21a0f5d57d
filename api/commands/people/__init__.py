"""casetrail people: who works here, what they may do, and who may come as whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.commands.options import AS_JSON, Moment
from api.commands.people.principals import PRINCIPAL_COMMANDS
from api.composition import Desks, desks, make_ready, migrated_desks
from api.routes.people import person_view, review_lines
from application.log.caller import operator
from domain.errors import Invalid
from domain.grants import ChangeStanding, GiveRole, NameOther
from domain.people import Role
from domain.validation import faults_of
from infrastructure.postgres.databases import open_database
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import Settings
from projections import PROJECTIONS

ROLES = click.Choice([str(role) for role in Role])
WHY = click.option("--reason", required=True, help="It stands in the record.")
A_TIME = "AT is a time such as 2026-11-21T12:00:00Z; one without an offset is taken for UTC."
Ask = TypeVar("Ask", bound=msgspec.Struct)


@click.group()
def people() -> None:
    """People who work here, what they may do, and the keys, logins, agents and delegates that act for them."""


for _command in PRINCIPAL_COMMANDS:
    people.add_command(_command)


@people.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, type=ROLES)
@click.option("--skill", "skills", multiple=True, help="Offer only work of these [all of it].")
@click.pass_obj
def add(settings: Settings, name: str, roles: tuple[str, ...], skills: tuple[str, ...]) -> None:
    """Add a person."""
    with migrated_desks(settings) as desks:
        desks.people.add(name, [Role(role) for role in roles], desks.clock(), skills)
    click.echo(f"{name} was added. Next: casetrail people token {name}")


@people.command(name="list")
@AS_JSON
@click.pass_obj
def show(settings: Settings, as_json: bool) -> None:
    """Everybody, with the roles that are theirs now."""
    with _reported_desks(settings) as desks:
        now = desks.clock()
        views = [person_view(person, now) for person in desks.people.everybody()]
    if as_json:
        click.echo(msgspec.json.encode(views))
        return
    table = Table()
    for column in ("name", "known as", "roles", "left"):
        table.add_column(column, overflow="fold")
    for view in views:
        left = f"{view.left_at:%Y-%m-%d}" if view.left_at else ""
        table.add_row(view.name, ", ".join(view.known_as), ", ".join(view.roles), left)
    Console().print(table)


@people.command()
@click.argument("name")
@click.option("--role", required=True, type=ROLES)
@click.option("--queue", "queues", multiple=True, help="Only for this queue [all of them].")
@click.option("--region", "regions", multiple=True, help="Only for BR, or BR-SP [everywhere].")
@click.option("--until", type=Moment(), help="As 2026-12-24, or 2026-12-24T18:00+01:00 [for good].")
@WHY
@click.pass_obj
def grant(
    settings: Settings,
    name: str,
    role: str,
    queues: tuple[str, ...],
    regions: tuple[str, ...],
    until: datetime | None,
    reason: str,
) -> None:
    """Give a person a role."""
    end = until.isoformat() if until is not None else None
    told = {"role": role, "queues": queues, "regions": regions, "until": end, "reason": reason}
    ask = _asked(told, GiveRole)
    with migrated_desks(settings) as desks:
        desks.decide_by()
        queues_there = desks.policy.current.document.queues
        done = desks.people.give(name, ask, queues_there, operator(desks.clock()))
    click.echo(f"{name} has grant {done.person.grants[-1].grant}: {role}")


@people.command(name="revoke-grant")
@click.argument("name")
@click.argument("grant")
@WHY
@click.pass_obj
def revoke(settings: Settings, name: str, grant: str, reason: str) -> None:
    """Take a grant back."""
    ask = _asked({"reason": reason}, ChangeStanding)
    with migrated_desks(settings) as desks:
        desks.people.revoke(name, grant, ask, operator(desks.clock()))
    click.echo(f"grant {grant} of {name} was revoked")


@people.command()
@click.argument("name")
@WHY
@click.pass_obj
def leave(settings: Settings, name: str, reason: str) -> None:
    """A person has left: nothing more may be done under any of their names."""
    ask = _asked({"reason": reason}, ChangeStanding)
    with migrated_desks(settings) as desks:
        desks.people.leave(name, ask, operator(desks.clock()))
    click.echo(f"{name} has left")


@people.command(name="return")
@click.argument("name")
@WHY
@click.pass_obj
def come_back(settings: Settings, name: str, reason: str) -> None:
    """A person has come back: the grants that have not ended are good again."""
    ask = _asked({"reason": reason}, ChangeStanding)
    with migrated_desks(settings) as desks:
        desks.people.come_back(name, ask, operator(desks.clock()))
    click.echo(f"{name} has come back")


@people.command(name="same-as")
@click.argument("name")
@click.argument("other")
@WHY
@click.pass_obj
def same_as(settings: Settings, name: str, other: str, reason: str) -> None:
    """Two names are one human. It cannot be undone."""
    ask = _asked({"other": other, "reason": reason}, NameOther)
    with migrated_desks(settings) as desks:
        done = desks.people.same_as(name, ask, operator(desks.clock()))
    click.echo(f"one human: {', '.join(sorted(done.person.known_as))}")


@people.command(epilog=A_TIME)
@click.option("--at", type=Moment(), help="As it was recorded until then [now].")
@AS_JSON
@click.pass_obj
def review(settings: Settings, at: datetime | None, as_json: bool) -> None:
    """Every grant of everybody: who may what, why, by whom and until when."""
    with _reported_desks(settings) as desks:
        lines = review_lines(desks.people.everybody(at), at or desks.clock())
    if as_json:
        click.echo(msgspec.json.encode(lines))
        return
    table = Table()
    for column in ("person", "grant", "role", "where", "given", "by", "why", "until", "good"):
        table.add_column(column, overflow="fold")
    for line in lines:
        one = line.grant
        where = [*one.queues, *one.regions, *([str(one.case)] if one.case else [])]
        end = one.revoked_at or one.until
        table.add_row(
            line.person,
            one.grant,
            one.role,
            ", ".join(where) or "everywhere",
            f"{one.granted_at:%Y-%m-%d %H:%M}",
            one.granted_by,
            escape(one.reason or ""),
            f"{end:%Y-%m-%d %H:%M}" if end else "",
            "yes" if one.lives else "no",
        )
    Console().print(table)


@contextmanager
def _reported_desks(settings: Settings) -> Iterator[Desks]:
    """With the reports at the head of the log, unless a worker sees to that: they list the names."""
    with open_database(settings) as dsn:
        make_ready(dsn)
        ProjectionRunner(dsn, PROJECTIONS).catch_up(wait=False)
        with desks(dsn) as working:
            yield working


def _asked(told: Mapping[str, object], kind: type[Ask]) -> Ask:
    """What the route would take. Raises Invalid with every fault."""
    if faults := faults_of(told, kind):
        raise Invalid(faults, "the command")
    return msgspec.convert(told, kind)
