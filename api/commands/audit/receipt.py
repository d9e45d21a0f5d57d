"""casetrail audit receipt"""

from pathlib import Path

import click

from api.commands.options import report_write_errors
from api.composition import prepare_database
from api.configured_checkpoints import verified_checkpoints
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.postgres.roles import PROJECTOR, dsn_for_role
from infrastructure.settings import Settings
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.export import LogAltered
from infrastructure.transparency.receipts import Receipts
from infrastructure.transparency.witness_policy import read_witness_policy


@click.command()
@click.argument("position", type=click.IntRange(min=1))
@click.option(
    "--out",
    required=True,
    type=click.Path(exists=False, path_type=Path),
    help="File to create for the receipt, such as decision.tlog-proof; the envelope goes into a file beside "
    "it, with the ending .envelope.",
)
@click.option(
    "--signed-only",
    is_flag=True,
    help="Do not require the quorum of witnesses, only the log's signature.",
)
@click.pass_obj
def receipt(settings: Settings, position: int, out: Path, signed_only: bool) -> None:
    """Write the receipt of the event at a position of the log.

    `casetrail verify` and `node verifiers/verify.mjs receipt` check it.
    """
    envelope_file = out.with_suffix(".envelope")
    for file in (out, envelope_file):
        if file.exists():
            raise click.UsageError(f"{file} exists already: name a file that does not exist yet.")
    policy = read_witness_policy(settings)
    with open_database(settings) as dsn:
        prepare_database(dsn)
        checkpoints = verified_checkpoints(settings, dsn)
        with connect(dsn_for_role(dsn, PROJECTOR)) as connection:
            checkpoints.make(connection)
            witnesses = open_witness_clients(settings, checkpoints)
            if witnesses is not None:
                witnesses.cosign_latest(connection)
        datastore = Datastore(dsn)
        try:
            receipts = Receipts(datastore, policy, checkpoints.opened)
            envelope = receipts.envelope(position)
            if envelope is None:
                raise click.ClickException(f"The log has no event at position {position}.")
            made = receipts.receipt(position, envelope, cosigned=not signed_only)
        except LogAltered as error:
            raise click.ClickException(f"{error.__doc__} {error}") from None
        finally:
            datastore.close()
    with report_write_errors(out):
        envelope_file.write_bytes(envelope)
        out.write_bytes(made)
    click.echo(f"{out} and {envelope_file}")
