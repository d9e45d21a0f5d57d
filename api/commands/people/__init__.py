"""casetrail people: who works here, and who may come as whom."""

import click

from api.commands.people.principals import PRINCIPAL_COMMANDS
from api.composition import migrated_desks
from domain.people import Role
from infrastructure.settings import Settings

ROLES = click.Choice([str(role) for role in Role])


@click.group()
def people() -> None:
    """People who work here, and the keys, logins, agents and delegates that act for them."""


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
