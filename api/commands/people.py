"""casetrail people add | token"""

import click

from api.composition import migrated_desks
from domain.people import Role
from infrastructure.settings import Settings

ROLES = click.Choice([str(role) for role in Role])


@click.group()
def people() -> None:
    """People who work here, and the tokens that they or their programs come with."""


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


@people.command()
@click.argument("name")
@click.pass_obj
def token(settings: Settings, name: str) -> None:
    """Issue a token for a person. It is shown this once: only its digest is kept."""
    with migrated_desks(settings) as desks:
        click.echo(desks.people.issue_token(name, desks.clock()))
