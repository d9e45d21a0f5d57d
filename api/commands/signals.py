"""casetrail signals FILE…"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import click
import msgspec

from api.commands.options import AS_JSON, EXISTING_FILE, FORMAT, HEADERS, QUERY, SHOP, parse_header
from api.commands.output import print_table
from api.commands.source_files import Beside, read_source_files
from api.composition import Desks, configured_desks, migrated_desks, prepare_database
from api.http.errors import MalformedBody
from api.http.problems import problem_of
from api.http.signal_bodies import MAX_SIGNALS, Item, parse_items
from api.routes.signal_results import CaseChangeView, change_view
from application.orders.batches import Arrival
from application.orders.intake import SignalOutcome
from domain.errors import CasetrailError, Invalid
from domain.orders.order_names import describe_name
from domain.orders.signal_body import DEFAULT_SHOP
from domain.people import OPERATOR_ACTOR
from infrastructure.encoded_text import UnreadableText, open_text
from infrastructure.mappings.documents import find_mapping_file, load_mapping, parse_mapping
from infrastructure.mappings.files import read_parts
from infrastructure.mappings.mapping import Delivery, Mapping
from infrastructure.mappings.parts import FileUnreadable
from infrastructure.postgres.databases import open_database
from infrastructure.settings import Settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=EXISTING_FILE)
@click.option("--mapping", help="Read what another system wrote, by this mapping document.")
@click.option(
    "--source",
    default=None,
    help="With --mapping, the name of the source [that of the mapping]; without, a source that was added.",
)
@SHOP
@HEADERS
@QUERY
@FORMAT
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and store nothing.")
@AS_JSON
@click.pass_obj
def signals(
    settings: Settings,
    files: tuple[Path, ...],
    mapping: str | None,
    source: str | None,
    shop: str,
    headers: tuple[str, ...],
    query: tuple[str, ...],
    form: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read signals from files, one JSON object per line (NDJSON).

    Files are UTF-8, or UTF-16 with a byte order mark, plain or packed by gzip. With --mapping, they are what
    another system wrote: JSON, NDJSON, XML, CSV or XLSX (see `casetrail sources check`); --source, --shop, --header,
    --query and --format are for that. With --source alone, they are read as the source says, each part is kept, and
    `casetrail sources deliveries NAME` lists what was not understood.

    Rejected lines are listed with file and line number; the other lines are stored, with a notice for
    what is odd about them. The exit status is 1 if a line was rejected.

    With --dry-run, the same is listed, and the cases that would change, and nothing is stored.
    """
    beside = Beside(form, dict(map(parse_header, headers)), dict(map(parse_header, query)))
    if mapping is None and source is not None and not dry_run:
        read_source_files(settings, source, files, beside, as_json)
        return
    document = load_mapping(find_mapping_file(mapping)) if mapping is not None else None
    counts: Counter[str] = Counter({str(outcome): 0 for outcome in SignalOutcome})
    refusals, notices = [], []
    with _desks(settings, dry_run) as desks:
        run = desks.dry_run() if dry_run else None
        if document is not None:
            common = {"source": source or document.name, "shop": shop}
        elif source is not None:
            added = desks.sources.find(source)
            document = parse_mapping(added.mapping.document)
            common = {"source": source, "shop": added.shop or DEFAULT_SHOP}
        if document is None:
            items = (item for file in files for item in _items(file))
        else:
            items = (one for file in files for one in _mapped(document, file, common, beside))
        for batch in _batches(items):
            sound = [(place, i) for place, i in batch if not isinstance(i, CasetrailError)]
            refusals += [(place, i) for place, i in batch if isinstance(i, CasetrailError)]
            now = desks.clock()
            result = (run or desks.intake).take([Arrival(i, now) for _, i in sound], OPERATOR_ACTOR)
            for (place, _), receipt in zip(sound, result.receipts, strict=True):
                counts[receipt.outcome] += 1
                notices += [(place, notice) for notice in receipt.notices]
                if receipt.problem is not None:
                    refusals.append((place, receipt.problem))
        changes = [change_view(change) for change in run.changes()] if run is not None else []
    counts["refused"] = len(refusals)
    for place, error in refusals:
        faults = error.faults if isinstance(error, Invalid) else ()
        for line in [f"{f.pointer or '/'}: {f.detail}" for f in faults] or [str(error)]:
            click.echo(f"{place}: {line}", err=True)
    for place, notice in notices:
        click.echo(f"{place}: notice: {notice.pointer or '/'}: {notice.detail}", err=True)
    if as_json:
        odd = [{"place": place, **msgspec.structs.asdict(notice)} for place, notice in notices]
        listed = [{"place": place, "problem": problem_of(error)} for place, error in refusals]
        dry = {"dry_run": True, "changes": changes} if dry_run else {}
        click.echo(msgspec.json.encode({**counts, "refusals": listed, "notices": odd, **dry}))
    else:
        click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
        if dry_run:
            _print_changes(changes)
    if refusals:
        raise SystemExit(1)


@contextmanager
def _desks(settings: Settings, dry_run: bool) -> Iterator[Desks]:
    """The desks on a database that may get signals; for a dry run, nothing is recorded in the log."""
    if dry_run:
        with open_database(settings) as dsn:
            prepare_database(dsn)
            with configured_desks(settings, dsn) as desks:
                yield desks
    else:
        with migrated_desks(settings) as desks:
            desks.ensure_policy()
            yield desks


def _print_changes(changes: Sequence[CaseChangeView]) -> None:
    """The cases that would change, after a line that says that nothing was stored."""
    count = "no case" if not changes else "1 case" if len(changes) == 1 else f"{len(changes)} cases"
    click.echo(f"dry run: nothing was stored; {count} would change")
    if changes:
        print_table(
            ("effects", "kind", "order", "queue", "priority", "cleared by"),
            (
                (
                    ", ".join(one.effects),
                    one.kind,
                    describe_name(one.order or "", one.shop or DEFAULT_SHOP),
                    one.queue,
                    str(one.priority),
                    ", ".join(f"{why.signal} ({why.rule})" for why in one.cleared or ()),
                )
                for one in changes
            ),
        )


def _batches(items: Iterator[tuple[str, Item]]) -> Iterator[list[tuple[str, Item]]]:
    while batch := list(islice(items, MAX_SIGNALS)):
        yield batch


def _items(file: Path) -> Iterator[tuple[str, Item]]:
    """Each line with its place. A file that cannot be read to its end is rejected from there on."""
    number = 0
    try:
        # Only a line feed ends a line. A line that is no UTF-8 is rejected by itself.
        with open_text(file, newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                for item in _parse_line(line.rstrip("\n").encode(errors="surrogateescape")):
                    yield f"{file}:{number}", item
    except UnreadableText as error:
        place = f"{file}:{number + 1}" if number else str(file)
        yield (
            place,
            MalformedBody(f"cannot be read from here on: {error}" if number else str(error)),
        )


def _parse_line(line: bytes) -> Iterator[Item]:
    """The signal of a line, or its error; nothing for an empty line."""
    try:
        items, _ = parse_items(line, "application/x-ndjson")
    except MalformedBody as error:
        items = [error]
    for item in items:
        is_malformed = isinstance(item, MalformedBody)
        yield MalformedBody(f"the line is not valid JSON: {item}") if is_malformed else item


def _mapped(
    document: Mapping, file: Path, common: dict[str, str], beside: Beside
) -> Iterator[tuple[str, Item]]:
    """Each signal of each delivery in a file with its place, or why there is none."""
    try:
        for part in read_parts(file, beside.form, rows_by=document.rows_by):
            if part.fault:
                yield part.place, MalformedBody(part.fault)
                continue
            delivery = Delivery(body=part.body, headers=beside.headers, query=beside.query)
            read = document.read(delivery, common)
            if not read.is_known:
                yield part.place, MalformedBody(document.no_rule_for(read.topic))
            for code in read.unknown_codes:
                yield part.place, MalformedBody(code.in_words)
            for one in read.signals:
                yield part.place, one.signal or Invalid(one.faults, "signal")
    except FileUnreadable as error:
        yield error.place, MalformedBody(error.detail)
