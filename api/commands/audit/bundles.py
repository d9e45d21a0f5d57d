"""casetrail audit export | population | key"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click

from api.composition import make_ready, witnessed
from infrastructure.database_roles import PROJECTOR, acting_as
from infrastructure.databases import open_database
from infrastructure.event_store.datastore import connect
from infrastructure.settings import Settings
from infrastructure.transparency.exporting import Export, LogAltered, NothingToExport
from infrastructure.transparency.signing import signer

OUT = click.option(
    "--out",
    required=True,
    type=click.Path(exists=False, path_type=Path),
    help="The directory to make.",
)
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Moment(click.ParamType[str]):
    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """In UTC, as envelopes have it."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is no time: 2026-10-01 or 2026-10-01T00:00:00Z", param, ctx)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime(_MOMENT)


FROM = click.option("--from", "start", type=Moment(), help="Recorded then or later.")
TO = click.option("--to", "end", type=Moment(), help="Recorded before.")


@click.command()
@OUT
@click.option("--case", "case", type=click.UUID, help="One case's trail.")
@FROM
@TO
@click.pass_obj
def export(
    settings: Settings, out: Path, case: UUID | None, start: str | None, end: str | None
) -> None:
    """Events with the proof that they are the log's: a case's, a period's, or all of them."""
    if (start is None) is not (end is None) or (case is not None and start is not None):
        raise click.UsageError("Either --case, or --from and --to, or none of them for everything.")
    with _exporting(settings, out) as bundle:
        if case is not None:
            many = bundle.case(case)
        elif start is not None and end is not None:
            many = bundle.period(start, end)
        else:
            many = bundle.everything()
    click.echo(f"{many} events in {out}")


@click.command()
@OUT
@click.option("--type", "tag", required=True, help="Of which events: adjustment.executed.")
@click.option("--kind", help="Of which kind: refund.")
@click.option("--over", help="Of more than this amount.")
@click.option("--currency", help="In this currency.")
@FROM
@TO
@click.option("--since", type=click.IntRange(min=0), default=0, help="After this checkpoint [0].")
@click.pass_obj
def population(
    settings: Settings,
    /,
    out: Path,
    tag: str,
    since: int,
    start: str | None,
    end: str | None,
    **asked: str | None,
) -> None:
    """A list with the proof that it is complete: whoever verifies filters, counts and sums anew."""
    question = {"type": _tag(tag), **asked, "from": start, "to": end}
    with _exporting(settings, out) as bundle:
        many = bundle.population({name: said for name, said in question.items() if said}, since)
    click.echo(f"{many} events in {out}")


@click.command()
@click.pass_obj
def key(settings: Settings) -> None:
    """The public key that checkpoints are verified by: hand it to auditors by another way."""
    click.echo(signer(settings.signing_key).key.text)


@contextmanager
def _exporting(settings: Settings, out: Path) -> Iterator[Export]:
    if out.exists():
        raise click.UsageError(f"{out} exists already.")
    with open_database(settings) as dsn:
        make_ready(dsn)
        checkpoints = witnessed(settings, dsn)
        with connect(acting_as(dsn, PROJECTOR)) as connection:
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            checkpoints.make(connection)
            try:
                yield Export(connection, checkpoints.signer, out)
            except (NothingToExport, LogAltered) as error:
                raise click.ClickException(f"{error.__doc__} {error}") from None


def _tag(told: str) -> str:
    """As it is stored: adjustments are part of their case."""
    noun, _, act = told.partition(".")
    return f"case.adjustment_{act}" if noun == "adjustment" else told
