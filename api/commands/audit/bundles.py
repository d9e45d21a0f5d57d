"""casetrail audit export | population | key | rotate-key"""

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
from api.commands.options import FROM, TIME_HELP, TO, report_write_errors
from api.composition import desks, prepare_database
from api.configured_checkpoints import checkpoints_of, verified_checkpoints
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
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.export import Export, LogAltered, NothingToExport
from infrastructure.transparency.key_rotation import key_lines, rotate_checkpoint_key
from infrastructure.transparency.signing_keys import KeyUnusable, open_existing_signer
from infrastructure.verifier.population import AMOUNT_PATTERN

OUT_OPTION = click.option(
    "--out",
    required=True,
    type=click.Path(exists=False, path_type=Path),
    help="Directory to create for the bundle.",
)


class Amount(click.ParamType[str]):
    name = "AMOUNT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The amount as text, in the form that the API takes."""
        if re.fullmatch(AMOUNT_PATTERN, str(value)) is None:
            self.fail(f"{str(value)!a} is no amount such as 500 or 500.00", param, ctx)
        return str(value)


@click.command(epilog=TIME_HELP)
@OUT_OPTION
@click.option(
    "--case", "case", type=click.UUID, help="Only the trail of this case [the whole log]."
)
@FROM
@TO
@click.pass_obj
def export(
    settings: Settings, out: Path, case: UUID | None, since: datetime | None, until: datetime | None
) -> None:
    """Export events with a proof that the log holds them: of a case, a period, or all."""
    if (since is None) is not (until is None) or (case is not None and since is not None):
        raise click.UsageError(
            "Use --case, or both --from and --to, or none of them for all events."
        )
    require_ordered_period(since, until)
    start, end = optional_envelope_time(since), optional_envelope_time(until)
    parameters = {"case": str(case) if case is not None else None, "from": start, "to": end}

    def write(bundle: Export) -> int:
        if case is not None:
            return bundle.case(case)
        if start is not None and end is not None:
            return bundle.period(start, end)
        return bundle.everything()

    _write_bundle(settings, out, "export", parameters, write)


@click.command(epilog=TIME_HELP)
@OUT_OPTION
@click.option(
    "--type", "tag", required=True, help="Type of the events, such as adjustment.executed."
)
@click.option("--kind", help="Only this kind of adjustment or case, such as refund.")
@click.option("--over", type=Amount(), help="Only amounts above this one, such as 500.00.")
@click.option("--currency", help="Only this currency, such as EUR.")
@FROM
@TO
@click.option(
    "--since",
    "after",
    metavar="SIZE",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Only events after the checkpoint of this size.",
)
@click.pass_obj
def population(
    settings: Settings,
    /,
    out: Path,
    tag: str,
    after: int,
    since: datetime | None,
    until: datetime | None,
    **options: str | None,
) -> None:
    """Export all events of a type with a proof that none is missing.

    `casetrail verify` filters, counts and sums them again.
    """
    filters = {name: value or None for name, value in options.items()}
    wanted = PopulationParameters(type=tag, since=since, until=until, **filters)
    wanted.require_valid()
    question = manifest_question(wanted)
    parameters = {**question, "after": str(after) if after else None}
    _write_bundle(
        settings, out, "population", parameters, lambda bundle: bundle.population(question, after)
    )


@click.command()
@click.option(
    "--all",
    "as_all",
    is_flag=True,
    help="Also print former keys and those of former origins, a line each: FROM UNTIL KEY.",
)
@click.pass_obj
def key(settings: Settings, as_all: bool) -> None:
    """Print the public key that verifies checkpoints.

    After an accepted loss it is the key of the new origin. Give it to auditors apart from the bundles. This
    command never creates a key: with one that has signed nothing, every bundle would look forged.
    """
    try:
        open_existing_signer(settings.signing_key)
    except KeyUnusable as error:
        raise KeyUnusable(
            f"{error}. `serve` and `worker` create one at their first start. If they run, give this "
            f"command the same --home, CASETRAIL_HOME or {CHECKPOINT_KEY}."
        ) from None
    lines = key_lines(checkpoints_of(settings))
    click.echo("\n".join(lines) if as_all else lines[-1].split(" ", 2)[2])


@click.command()
@click.pass_obj
def rotate_key(settings: Settings) -> None:
    """Replace the signing key and print the new public key.

    Both keys sign the last checkpoint.
    """
    file = Path(settings.signing_key)
    if not file.is_file():
        raise click.UsageError(
            f"Only a key in a file can be rotated; {CHECKPOINT_KEY} names no file."
        )
    with open_database(settings) as dsn:
        prepare_database(dsn)
        checkpoints = verified_checkpoints(settings, dsn)
        with connect(dsn) as connection:
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            rotate_checkpoint_key(connection, checkpoints, file)
    click.echo(key_lines(checkpoints_of(settings))[-1].split(" ", 2)[2])


def _write_bundle(
    settings: Settings,
    out: Path,
    name: str,
    parameters: Mapping[str, str | None],
    write: Callable[[Export], int],
) -> None:
    """Write the bundle and record that it was written."""
    if out.exists():
        raise click.UsageError(f"{out} exists already: name a directory that does not exist yet.")
    with open_database(settings) as dsn:
        prepare_database(dsn)
        checkpoints = verified_checkpoints(settings, dsn)
        with (
            connect(dsn_for_role(dsn, PROJECTOR)) as connection,
            _atomic_directory(out) as directory,
        ):
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            checkpoints.make(connection)
            witnesses = open_witness_clients(settings, checkpoints)
            if witnesses is not None:
                witnesses.cosign_latest(connection)
            try:
                bundle = Export(connection, checkpoints.signer, directory)
                with report_write_errors(out):
                    written = write(bundle)
            except (NothingToExport, LogAltered) as error:
                raise click.ClickException(f"{error.__doc__} {error}") from None
            given = {parameter: value for parameter, value in parameters.items() if value}
            with desks(dsn) as working:
                record_local_question(
                    working, name, given, working.log.head(), bundle.manifest_digest
                )
            # The record of this export gets a checkpoint, too.
            checkpoints.make(connection)
    click.echo(f"{written} events in {out}")
    if bundle.answer is not None:
        sums = ", ".join(f"{total} {currency}" for currency, total in bundle.answer["sums"].items())
        click.echo(f"population: {bundle.answer['count']}" + (f", in total {sums}" if sums else ""))


@contextmanager
def _atomic_directory(out: Path) -> Iterator[Path]:
    """A temporary directory beside `out` that is renamed to it at the end, and removed on an error."""
    beside = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        yield beside
        with report_write_errors(out):
            beside.rename(out)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
