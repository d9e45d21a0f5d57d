"""casetrail sources …"""

import click

from api.commands.sources.check import check, list_mappings
from api.commands.sources.deliveries import deliveries, delivery, read_again, settle
from api.commands.sources.manage import add, list_sources, pause, resume, rotate
from api.commands.sources.mappings import MAPPING_COMMANDS
from api.commands.sources.pulls import list_pulls, pull, pull_secret, pull_settings
from api.commands.sources.watch import watch


@click.group()
def sources() -> None:
    """The systems that send, and the mapping documents that read them."""


for command in (
    *(
        add,
        list_sources,
        *MAPPING_COMMANDS,
        rotate,
        pause,
        resume,
        deliveries,
        delivery,
        read_again,
        settle,
    ),
    *(check, list_mappings, watch, pull, pull_settings, pull_secret, list_pulls),
):
    sources.add_command(command)
sources.add_command(read_again, "remap")
