"""casetrail migrate"""

import click

from infrastructure.databases import open_database
from infrastructure.event_store import migrations
from infrastructure.settings import Settings


@click.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database's schema up to date."""
    with open_database(settings) as dsn:
        applied = migrations.migrate(dsn)
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do")
