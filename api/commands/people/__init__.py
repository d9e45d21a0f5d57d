"""casetrail people: people, their roles, and the principals that act for them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import click
import msgspec

from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, REASON, TIME_HELP, TimeParameter
from api.commands.output import print_table
from api.commands.people.grants import GRANT_COMMANDS, print_grants
from api.commands.people.principals import PRINCIPAL_COMMANDS
from api.commands.people.reviews import REVIEW_COMMANDS
from api.composition import migrated_desks
from api.routes.people import person_view, review_lines
from application.log.caller import Caller, operator_caller
from application.people.people_desk import PeopleDesk
from domain.errors import Invalid
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Role
from domain.validation import faults_of
from infrastructure.settings import Settings

ROLES = click.Choice([str(role) for role in Role])
NAME = click.argument("name")
CONFIRM = "casetrail people confirm"
Request = TypeVar("Request", bound=msgspec.Struct)
T = TypeVar("T")


@click.group()
def people() -> None:
    """Manage people, their roles, keys, logins, agents and delegates."""


for _command in (*PRINCIPAL_COMMANDS, *GRANT_COMMANDS, *REVIEW_COMMANDS):
    people.add_command(_command)


@people.command(epilog="Example: casetrail people add ana --role handler")
@NAME
@click.option("--role", "roles", multiple=True, required=True, type=ROLES, help="Repeatable.")
@click.option(
    "--skill",
    "skills",
    multiple=True,
    help="Offer the person only work that needs this skill; repeatable [all work].",
)
@click.pass_obj
def add(settings: Settings, name: str, roles: tuple[str, ...], skills: tuple[str, ...]) -> None:
    """Add a person with one or more roles."""
    with migrated_desks(settings) as desks:
        desks.people.add(name, [Role(role) for role in roles], desks.clock(), skills)
    click.echo(f"{name} was added. Next: casetrail people token {name}")


@people.command(name="list")
@AS_JSON
@click.pass_obj
def show(settings: Settings, as_json: bool) -> None:
    """List people with the roles that they have now."""
    with desks_with_current_reports(settings) as desks:
        now = desks.clock()
        views = [person_view(person, now) for person in desks.people.everybody()]
    if as_json:
        click.echo(msgspec.json.encode(views))
        return
    rows = (
        (
            view.name,
            ", ".join(view.known_as),
            ", ".join(view.roles),
            f"{view.left_at:%Y-%m-%d}" if view.left_at else "",
        )
        for view in views
    )
    print_table(("name", "known as", "roles", "left"), rows)


@people.command(
    epilog="Example: casetrail people grant ana --role team_lead --region BR-SP --until 2026-12-24 "
    "--reason 'Holiday cover'"
)
@NAME
@click.option("--role", required=True, type=ROLES)
@click.option("--queue", "queues", multiple=True, help="Only in this queue; repeatable [all].")
@click.option(
    "--region",
    "regions",
    multiple=True,
    help="Only in this region, such as BR or BR-SP; repeatable [all].",
)
@click.option(
    "--until",
    type=TimeParameter(),
    help="When the grant ends, such as 2026-12-24T18:00+01:00 [never].",
)
@REASON
@click.pass_obj
def grant(settings: Settings, /, name: str, **options: object) -> None:
    """Grant a role to a person, everywhere or in some queues or regions."""
    until = options["until"]
    options["until"] = until.isoformat() if isinstance(until, datetime) else None
    request = _parse_request(options, GrantRole)
    with migrated_desks(settings) as desks:
        desks.ensure_policy()
        queues = desks.policy.current.document.queues
        done = desks.people.give(name, request, queues, operator_caller(desks.clock()))
    given = done.person.grants[-1]
    click.echo(f"{name} has grant {given.grant}: {request.role}")
    if given.is_controlled:
        click.echo(
            f"It is listed as unconfirmed until another person runs: {CONFIRM} {name} {given.grant}"
        )


@people.command(name="revoke-grant")
@NAME
@click.argument("grant")
@REASON
@click.pass_obj
def revoke(settings: Settings, name: str, grant: str, reason: str) -> None:
    """Revoke a grant, by the id that `people review` shows."""
    request = _parse_request({"reason": reason}, ChangePersonStatus)
    _change(settings, lambda desk, caller: desk.revoke(name, grant, request, caller))
    click.echo(f"grant {grant} of {name} was revoked")


@people.command()
@NAME
@REASON
@click.pass_obj
def leave(settings: Settings, name: str, reason: str) -> None:
    """Record that a person has left: nobody can act under any of their names any more."""
    request = _parse_request({"reason": reason}, ChangePersonStatus)
    _change(settings, lambda desk, caller: desk.leave(name, request, caller))
    click.echo(f"{name} has left")


@people.command(name="return")
@NAME
@REASON
@click.pass_obj
def come_back(settings: Settings, name: str, reason: str) -> None:
    """Record that a person has returned: grants that have not ended are valid again."""
    request = _parse_request({"reason": reason}, ChangePersonStatus)
    _change(settings, lambda desk, caller: desk.come_back(name, request, caller))
    click.echo(f"{name} has come back")


@people.command(name="same-as")
@NAME
@click.argument("other")
@REASON
@click.pass_obj
def same_as(settings: Settings, name: str, other: str, reason: str) -> None:
    """Record that two accounts belong to one person. It cannot be undone."""
    request = _parse_request({"other": other, "reason": reason}, LinkPersonName)
    done = _change(settings, lambda desk, caller: desk.same_as(name, request, caller))
    click.echo(f"one person: {', '.join(sorted(done.person.known_as))}")


@people.command(epilog=TIME_HELP)
@click.option("--at", type=TimeParameter(), help="Review what was recorded until this time [now].")
@AS_JSON
@click.pass_obj
def review(settings: Settings, at: datetime | None, as_json: bool) -> None:
    """List every grant of every person: role, scope, who gave it, why, and until when."""
    with desks_with_current_reports(settings) as desks:
        lines = review_lines(desks.people.everybody(at), at or desks.clock())
    print_grants(lines, as_json)


def _change(settings: Settings, act: Callable[[PeopleDesk, Caller], T]) -> T:
    """Carry out a command on people as the operator."""
    with migrated_desks(settings) as desks:
        return act(desks.people, operator_caller(desks.clock()))


def _parse_request(members: Mapping[str, object], kind: type[Request]) -> Request:
    """The request that the API would accept. Raises Invalid with every fault."""
    if faults := faults_of(members, kind):
        raise Invalid(faults, "the command")
    return msgspec.convert(members, kind)
