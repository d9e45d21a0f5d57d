"""casetrail witness"""

from pathlib import Path

import click

from api.commands.addresses import HOST, address_of, port_option
from api.commands.options import DIRECTORY
from api.serving import AddressUnusable, listen
from infrastructure.process_log import log_to_standard_error
from infrastructure.settings import WITNESS, Settings
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.verifier.notes import ML_DSA_44, NoteBroken, parse_key
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
@click.option(
    "--ml-dsa",
    is_flag=True,
    help="Make an ML-DSA-44 key, which is safe against quantum computers too, instead of Ed25519. "
    "Recommended for a new witness.",
)
@click.pass_obj
def witness(
    settings: Settings,
    host: str,
    port: int,
    logs: tuple[str, ...],
    state: Path | None,
    ml_dsa: bool,
) -> None:
    """Run a witness: it cosigns checkpoints of logs if they only grow.

    Run it under another owner and on another machine than the log. It prints the setting that a
    service needs to use it alone, and the line of a policy with several witnesses.
    """
    log_to_standard_error()
    directory = state or settings.home / "witness"
    try:
        keys = [parse_key(text) for text in logs]
    except NoteBroken as error:
        raise click.UsageError(f"--log: {error}") from None
    kind = ML_DSA_44 if ml_dsa else None
    memory = CosignedState(directory, open_cosigner(directory / "witness.key", kind), keys)
    try:
        listener = listen(host, port)
    except AddressUnusable as error:
        raise click.ClickException(str(error)) from None
    with listener, WitnessServer(listener, memory) as server:
        address, key = address_of(listener), memory.cosigner.key
        click.echo(f'{WITNESS}="{address} {key.text}"')
        click.echo(f"witness {key.name} {key.text} {address}")
        server.serve_forever()
