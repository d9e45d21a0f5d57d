"""casetrail sources check, and sources mappings"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from api.commands.missing_columns import MissingColumns
from api.commands.options import AS_JSON, EXISTING_FILE, FORMAT, HEADERS, QUERY, parse_header
from api.commands.sources.manage import print_shipped
from domain.errors import Fault
from infrastructure.mappings.documents import find_mapping_file, load_mapping, shipped_mappings
from infrastructure.mappings.files import read_parts
from infrastructure.mappings.mapping import Delivery, MappedDelivery, Mapping
from infrastructure.mappings.parts import FileUnreadable

COMMON = {"source": "check"}


@click.command("mappings")
@click.option(
    "--print",
    "printed",
    metavar="NAME",
    help="Print this document, to start one of your own from it.",
)
def list_mappings(printed: str | None) -> None:
    """List the mapping documents that ship with casetrail; or print one."""
    if printed is not None:
        print_shipped(printed, shipped_mappings())
        return
    for name, file in shipped_mappings().items():
        click.echo(f"{name}  {load_mapping(file).title}")


@click.command()
@click.argument("mapping")
@click.argument("samples", nargs=-1, type=EXISTING_FILE)
@HEADERS
@QUERY
@FORMAT
@AS_JSON
def check(
    mapping: str,
    samples: tuple[Path, ...],
    headers: tuple[str, ...],
    query: tuple[str, ...],
    form: str | None,
    as_json: bool,
) -> None:
    """Show the signals that MAPPING makes of samples, and the fields that nothing read.

    MAPPING is a file, or the name of a document that ships with casetrail. Nothing is sent or stored. The exit
    status is 1 if a sample was not understood.
    """
    document = load_mapping(find_mapping_file(mapping))
    if not samples and not as_json:
        rules = len(document.deliveries)
        click.echo(f"{document.name}: the document is valid, with {rules} rule{'s' * (rules != 1)}")
    for table in document.unused_tables:
        click.echo(f"{document.name}: nothing looks up the table {table}", err=True)
    beside = dict(map(parse_header, headers)), dict(map(parse_header, query))
    results = [one for sample in samples for one in _results(document, sample, form, *beside)]
    if as_json:
        click.echo(msgspec.json.encode([_view(place, result) for place, result, _ in results]))
    else:
        missing = MissingColumns()
        for place, result, row in results:
            _print(document, place, result, row, missing)
        for file, text in missing.lines():
            click.echo(f"{file}: {text}")
    if not all(
        isinstance(result, MappedDelivery) and result.is_understood for _, result, _ in results
    ):
        raise SystemExit(1)


def _results(
    document: Mapping,
    sample: Path,
    form: str | None,
    headers: dict[str, str],
    query: dict[str, str],
) -> Iterator[tuple[str, MappedDelivery | str, object]]:
    """What is read of each delivery in a sample, or why it cannot be read; and the delivery."""
    try:
        for part in read_parts(sample, form, rows_by=document.rows_by):
            delivery = Delivery(body=part.body, headers=headers, query=query)
            read = part.fault or document.read(delivery, COMMON, with_unread=True)
            yield part.place, read, part.body
    except FileUnreadable as error:
        yield error.place, error.detail, None


def _view(place: str, result: MappedDelivery | str) -> dict[str, object]:
    if isinstance(result, str):
        return {"place": place, "fault": result}
    return {
        "place": place,
        "topic": result.topic,
        "understood": result.is_understood,
        "signals": [{"signal": one.document, "faults": one.faults} for one in result.signals],
        "unknown_codes": result.unknown_codes,
        "unread": result.unread,
    }


def _print(
    document: Mapping,
    place: str,
    result: MappedDelivery | str,
    row: object,
    missing: MissingColumns,
) -> None:
    if isinstance(result, str):
        click.echo(f"{place}: {result}")
        return
    topic = f" ({result.topic})" if result.topic else ""
    if not result.is_known:
        click.echo(f"{place}: {document.no_rule_for(result.topic)}")
    else:
        click.echo(
            f"{place}{topic}: {len(result.signals)} signal{'s' * (len(result.signals) != 1)}"
        )
    explained = missing.explains(place, row, result)
    for one in result.signals:
        click.echo(f"  {msgspec.json.encode(one.document).decode()}")
        _print_faults([fault for fault in one.faults if fault.pointer not in explained])
    for code in result.unknown_codes:
        click.echo(f"  {code.in_words}")
    for path, example in result.unread.items():
        click.echo(f"  not read: {path} (such as {example!r})")


def _print_faults(faults: Iterable[Fault]) -> None:
    for fault in faults:
        click.echo(f"    {fault.pointer or '/'}: {fault.detail}")
