"""casetrail replay: recorded data, lived through. A command for each kind: one file here."""

import click

from api.commands.replay.case_logs import case_log
from api.commands.replay.olist import olist


@click.group()
def replay() -> None:
    """Live through recorded data in virtual time, with the real commands and the real log."""


replay.add_command(olist)
replay.add_command(case_log)
