"""casetrail witness"""

from __future__ import annotations

import logging
from pathlib import Path

import click

from api.commands.addresses import HOST, address_of
from api.serving import AddressUnusable, listen
from infrastructure.settings import WITNESS, Settings
from infrastructure.transparency.signing_keys import cosigner
from infrastructure.verifier.notes import NoteBroken, key_of
from infrastructure.witness.memory import Memory
from infrastructure.witness.server import WitnessServer

DEFAULT_PORT = 8341


@click.command()
@HOST
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    metavar="KEY",
    help="The public key of a log (`casetrail audit key`). Several, where a key was rotated.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Its key, and what it has cosigned last [witness of the home].",
)
@click.pass_obj
def witness(
    settings: Settings, host: str, port: int, logs: tuple[str, ...], state: Path | None
) -> None:
    """Cosign how logs grow, for somebody else than their owner: best on another machine."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    directory = state or settings.home / "witness"
    try:
        keys = [key_of(text) for text in logs]
    except NoteBroken as error:
        raise click.UsageError(f"--log: {error}") from None
    memory = Memory(directory, cosigner(directory / "witness.key"), keys)
    try:
        listener = listen(host, port)
    except AddressUnusable as error:
        raise click.ClickException(f"{error.__doc__} {error}") from None
    with listener, WitnessServer(listener, memory) as server:
        address = address_of(listener)
        click.echo(f'{WITNESS}="{address} {memory.cosigner.key.text}"')
        server.serve_forever()
