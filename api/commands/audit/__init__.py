"""casetrail audit: answers and proofs for auditors."""

import click

from api.commands.audit.ask import ask
from api.commands.audit.attack import attack
from api.commands.audit.bundles import export, key, population, rotate_key
from api.commands.audit.lists import access, statement
from api.commands.audit.reads import reads
from api.commands.audit.receipt import receipt
from api.commands.audit.refusals import refusals
from api.commands.audit.reperform import reperform
from api.commands.audit.sample import sample


@click.group()
def audit() -> None:
    """Answer auditors' questions, and export proofs that nothing was altered or left out."""


for _command in (
    ask,
    reperform,
    reads,
    refusals,
    export,
    population,
    sample,
    receipt,
    access,
    statement,
    key,
    rotate_key,
    attack,
):
    audit.add_command(_command)
