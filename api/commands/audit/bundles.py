"""casetrail audit export | population | key | rotate-key"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from api.commands.audit.recording import record_local_question
from api.commands.options import TimeParameter, report_write_errors
from api.composition import checkpoints_of, desks, prepare_database, verified_checkpoints
from api.http.times import require_ordered_period
from api.routes.questions.bundles import (
    PopulationParameters,
    manifest_question,
    optional_envelope_time,
)
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import PROJECTOR, dsn_for_role
from infrastructure.settings import CHECKPOINT_KEY, Settings
from infrastructure.transparency.cosignatures import open_witness_client
from infrastructure.transparency.export import Export, LogAltered, NothingToExport
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.key_rotation import rotate_checkpoint_key
from infrastructure.transparency.signing_keys import KeyUnusable, open_existing_signer
from infrastructure.verifier.population import AMOUNT_PATTERN

OUT_OPTION = click.option(
    "--out",
    required=True,
    type=click.Path(exists=False, path_type=Path),
    help="The directory to make.",
)


class Amount(click.ParamType[str]):
    name = "AMOUNT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """As questions have it by every other way."""
        if re.fullmatch(AMOUNT_PATTERN, str(value)) is None:
            self.fail(f"{str(value)!a} is no amount: 500 or 500.00", param, ctx)
        return str(value)


FROM_OPTION = click.option("--from", "start", type=TimeParameter(), help="Recorded then or later.")
TO_OPTION = click.option("--to", "end", type=TimeParameter(), help="Recorded before.")


@click.command()
@OUT_OPTION
@click.option("--case", "case", type=click.UUID, help="One case's trail.")
@FROM_OPTION
@TO_OPTION
@click.pass_obj
def export(
    settings: Settings,
    out: Path,
    case: UUID | None,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Events with the proof that they are the log's: a case's, a period's, or all of them."""
    if (start is None) is not (end is None) or (case is not None and start is not None):
        raise click.UsageError("Either --case, or --from and --to, or none of them for everything.")
    require_ordered_period(start, end)
    since, until = optional_envelope_time(start), optional_envelope_time(end)
    told = {"case": str(case) if case is not None else None, "from": since, "to": until}

    def write(bundle: Export) -> int:
        if case is not None:
            return bundle.case(case)
        if since is not None and until is not None:
            return bundle.period(since, until)
        return bundle.everything()

    _write_bundle(settings, out, "export", told, write)


@click.command()
@OUT_OPTION
@click.option("--type", "tag", required=True, help="Of which events: adjustment.executed.")
@click.option("--kind", help="Of which kind: refund.")
@click.option("--over", type=Amount(), help="Of more than this amount.")
@click.option("--currency", help="In this currency.")
@FROM_OPTION
@TO_OPTION
@click.option("--since", type=click.IntRange(min=0), default=0, help="After this checkpoint [0].")
@click.pass_obj
def population(
    settings: Settings,
    /,
    out: Path,
    tag: str,
    since: int,
    start: datetime | None,
    end: datetime | None,
    **asked: str | None,
) -> None:
    """A list with the proof that it is complete: whoever verifies filters, counts and sums anew."""
    said = {name: value or None for name, value in asked.items()}
    wanted = PopulationParameters(type=tag, since=start, until=end, **said)
    wanted.require_valid()
    question = manifest_question(wanted)
    told = {**question, "after": str(since) if since else None}
    _write_bundle(
        settings, out, "population", told, lambda bundle: bundle.population(question, since)
    )


@click.command()
@click.option("--all", "as_all", is_flag=True, help="Those before it too: FROM UNTIL KEY.")
@click.pass_obj
def key(settings: Settings, as_all: bool) -> None:
    """The public key that checkpoints are verified by: hand it to auditors by another way. None is
    made: one that has signed nothing would tell them that everything is forged."""
    try:
        open_existing_signer(settings.signing_key)
    except KeyUnusable as error:
        raise KeyUnusable(
            f"{error}. `serve` or `worker` makes one when it first starts. If they run, give this command "
            f"what they have: --home or CASETRAIL_HOME, or {CHECKPOINT_KEY}."
        ) from None
    checkpoints = checkpoints_of(settings)
    checkpoints.last_external()
    former = read_former_keys(checkpoints.outside) if as_all else []
    click.echo("".join(one.line for one in former), nl=False)
    since = f"{former[-1].until if former else 0} - " if as_all else ""
    click.echo(f"{since}{checkpoints.signer.key.text}")


@click.command()
@click.pass_obj
def rotate_key(settings: Settings) -> None:
    """Sign with a new key from now on; the last checkpoint is signed by both. Prints its public key."""
    file = Path(settings.signing_key)
    if not file.is_file():
        raise click.UsageError(f"only a key that lies in a file is rotated: {CHECKPOINT_KEY}")
    with open_database(settings) as dsn:
        prepare_database(dsn)
        checkpoints = verified_checkpoints(settings, dsn)
        with connect(dsn) as connection:
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            click.echo(rotate_checkpoint_key(connection, checkpoints, file).key.text)


def _write_bundle(
    settings: Settings,
    out: Path,
    name: str,
    told: Mapping[str, str | None],
    write: Callable[[Export], int],
) -> None:
    """Make the bundle, and record that it was made."""
    if out.exists():
        raise click.UsageError(f"{out} exists already.")
    with open_database(settings) as dsn:
        prepare_database(dsn)
        checkpoints = verified_checkpoints(settings, dsn)
        with (
            connect(dsn_for_role(dsn, PROJECTOR)) as connection,
            _atomic_directory(out) as directory,
        ):
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            checkpoints.make(connection)
            witness = open_witness_client(settings.witness, checkpoints)
            if witness is not None:
                witness.cosign_latest(connection)
            try:
                bundle = Export(connection, checkpoints.signer, directory)
                with report_write_errors(out):
                    many = write(bundle)
            except (NothingToExport, LogAltered) as error:
                raise click.ClickException(f"{error.__doc__} {error}") from None
            asked = {parameter: said for parameter, said in told.items() if said}
            with desks(dsn) as working:
                record_local_question(
                    working, name, asked, working.log.head(), bundle.manifest_digest
                )
            # That somebody took it along is witnessed as well.
            checkpoints.make(connection)
    click.echo(f"{many} events in {out}")
    if bundle.answer is not None:
        sums = ", ".join(f"{total} {currency}" for currency, total in bundle.answer["sums"].items())
        click.echo(f"asked for: {bundle.answer['count']}" + (f", in all {sums}" if sums else ""))


@contextmanager
def _atomic_directory(out: Path) -> Iterator[Path]:
    """The directory is there once all of it is, and not before: it is made beside."""
    beside = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        yield beside
        with report_write_errors(out):
            beside.rename(out)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
