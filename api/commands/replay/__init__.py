"""casetrail replay. To add a kind of data, add a file here."""

import click

from api.commands.replay.case_logs import case_log
from api.commands.replay.olist import olist


@click.group()
def replay() -> None:
    """Replay recorded data in simulated time, in a database of its own."""


replay.add_command(olist)
replay.add_command(case_log)
