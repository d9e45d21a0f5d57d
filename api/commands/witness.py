"""casetrail witness"""

import logging
from pathlib import Path

import click

from api.commands.addresses import HOST, address_of, port_option
from api.commands.options import DIRECTORY
from api.serving import AddressUnusable, listen
from infrastructure.settings import WITNESS, Settings
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.verifier.notes import NoteBroken, parse_key
from infrastructure.witness.cosigned_state import CosignedState
from infrastructure.witness.server import WitnessServer

DEFAULT_PORT = 8341


@click.command()
@HOST
@port_option(DEFAULT_PORT)
@click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    metavar="KEY",
    help="Public key of a log (`casetrail audit key` prints it); repeat it for a rotated key.",
)
@click.option(
    "--state",
    type=DIRECTORY,
    help="Directory of its key and of the last checkpoints it cosigned [witness in the home].",
)
@click.pass_obj
def witness(
    settings: Settings, host: str, port: int, logs: tuple[str, ...], state: Path | None
) -> None:
    """Run a witness: it cosigns checkpoints of logs if they only grow.

    Run it under another owner and on another machine than the log. It prints the setting that a
    service needs to use it.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    directory = state or settings.home / "witness"
    try:
        keys = [parse_key(text) for text in logs]
    except NoteBroken as error:
        raise click.UsageError(f"--log: {error}") from None
    memory = CosignedState(directory, open_cosigner(directory / "witness.key"), keys)
    try:
        listener = listen(host, port)
    except AddressUnusable as error:
        raise click.ClickException(str(error)) from None
    with listener, WitnessServer(listener, memory) as server:
        address = address_of(listener)
        click.echo(f'{WITNESS}="{address} {memory.cosigner.key.text}"')
        server.serve_forever()
