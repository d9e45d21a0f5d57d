"""casetrail migrate"""

import click

from api.configured_checkpoints import verified_checkpoints
from infrastructure.event_store import migrations, rights
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import roles_script
from infrastructure.settings import Settings


@click.command()
@click.option(
    "--print-roles",
    is_flag=True,
    help="Print the SQL that an administrator runs where this login may not create roles.",
)
@click.pass_obj
def migrate(settings: Settings, print_roles: bool) -> None:
    """Update the database's schema, roles and rights to this version.

    If writes were halted and the log matches its checkpoints again, it allows writes again.
    """
    if print_roles:
        click.echo(roles_script(settings.database_url))
        click.echo(rights.event_trigger_script(), nl=False)
        return
    with open_database(settings) as dsn:
        applied = migrations.migrate(dsn, again=True)
        with connect(dsn) as connection:
            halted = connection.execute("SELECT FROM log_head WHERE halted").fetchone()
        if halted is not None:
            verified_checkpoints(settings, dsn)
            click.echo("writes are allowed again")
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do")
