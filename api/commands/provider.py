"""casetrail provider"""

import socket
import threading
from pathlib import Path

import click

from api.commands.addresses import HOST, PROVIDER_PORT, address_of, port_option, provider_ledger
from api.commands.options import NEW_FILE
from api.serving import AddressUnusable, listen, wait_for_parent_to_end
from infrastructure.payments.provider.server import ProviderServer
from infrastructure.process_log import log_to_standard_error
from infrastructure.settings import PAYMENTS, Settings


@click.command()
@HOST
@port_option(PROVIDER_PORT)
@click.option(
    "--ledger", type=NEW_FILE, help="File that stores its refunds [provider.sqlite in the home]."
)
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input ends.")
@click.option("--beside", "descriptor", type=int, hidden=True, help="Serve this inherited socket.")
@click.pass_obj
def provider(
    settings: Settings,
    host: str,
    port: int,
    ledger: Path | None,
    until_eof: bool,
    descriptor: int | None,
) -> None:
    """Run a payment provider for trials. It stores refunds in a file and can be made to fail."""
    log_to_standard_error()
    file = ledger or provider_ledger(settings.home)
    try:
        # An inherited socket outlives this process: clients that connect after a kill wait.
        given = socket.socket(fileno=descriptor) if descriptor is not None else None
        listener = given or listen(host, port)
    except AddressUnusable as error:
        raise click.ClickException(str(error)) from None
    with listener, ProviderServer(listener, file) as server:
        address = address_of(listener)
        if given is None:
            click.echo(f"Payment provider on {address} ({PAYMENTS}=local:{address}), ledger {file}")
        if until_eof:
            threading.Thread(target=_end_at_eof, args=(server,), daemon=True).start()
        server.serve_forever()


def _end_at_eof(server: ProviderServer) -> None:
    wait_for_parent_to_end()
    server.shutdown()
