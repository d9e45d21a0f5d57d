"""casetrail migrate"""

import click

from api.composition import witnessed
from infrastructure.event_store import migrations, rights
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import script
from infrastructure.settings import Settings


@click.command()
@click.option("--print-roles", is_flag=True, help="What an administrator runs where we may not.")
@click.pass_obj
def migrate(settings: Settings, print_roles: bool) -> None:
    """Bring the database's schema and the rights in it up to date.

    Where writes were halted and the log is again the one that was witnessed, they go on.
    """
    if print_roles:
        click.echo(script(settings.database_url))
        click.echo(rights.script(), nl=False)
        return
    with open_database(settings) as dsn:
        applied = migrations.migrate(dsn, again=True)
        with connect(dsn) as connection:
            halted = connection.execute("SELECT FROM log_head WHERE halted").fetchone()
        if halted is not None:
            witnessed(settings, dsn)
            click.echo("writes go on")
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do")
