"""casetrail signals FILE…"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import msgspec

from api.commands.options import AS_JSON, EXISTING_FILE
from api.composition import migrated_desks
from api.http.errors import MalformedBody
from api.http.problems import problem_of
from api.http.signal_bodies import MAX_SIGNALS, Item, parse_items
from application.orders.batches import Arrival
from application.orders.intake import SignalOutcome
from domain.errors import CasetrailError, Invalid
from domain.people import OPERATOR_ACTOR
from infrastructure.encoded_text import UnreadableText, open_text
from infrastructure.settings import Settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=EXISTING_FILE)
@AS_JSON
@click.pass_obj
def signals(settings: Settings, files: tuple[Path, ...], as_json: bool) -> None:
    """Read signals from files, one JSON object per line (NDJSON).

    Files are UTF-8, or UTF-16 with a byte order mark, plain or packed by gzip.
    Rejected lines are listed with file and line number; the other lines are stored. The exit
    status is 1 if a line was rejected.
    """
    counts: Counter[str] = Counter({str(outcome): 0 for outcome in SignalOutcome})
    refusals = []
    with migrated_desks(settings) as desks:
        desks.ensure_policy()
        for batch in _batches(files):
            sound = [(place, i) for place, i in batch if not isinstance(i, CasetrailError)]
            refusals += [(place, i) for place, i in batch if isinstance(i, CasetrailError)]
            now = desks.clock()
            result = desks.intake.take([Arrival(i, now) for _, i in sound], OPERATOR_ACTOR)
            for (place, _), receipt in zip(sound, result.receipts, strict=True):
                counts[receipt.outcome] += 1
                if receipt.problem is not None:
                    refusals.append((place, receipt.problem))
    counts["refused"] = len(refusals)
    for place, error in refusals:
        faults = error.faults if isinstance(error, Invalid) else ()
        for line in [f"{f.pointer or '/'}: {f.detail}" for f in faults] or [str(error)]:
            click.echo(f"{place}: {line}", err=True)
    if as_json:
        listed = [{"place": place, "problem": problem_of(error)} for place, error in refusals]
        click.echo(msgspec.json.encode({**counts, "refusals": listed}))
    else:
        click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    if refusals:
        raise SystemExit(1)


def _batches(files: tuple[Path, ...]) -> Iterator[list[tuple[str, Item]]]:
    items = (item for file in files for item in _items(file))
    while batch := list(islice(items, MAX_SIGNALS)):
        yield batch


def _items(file: Path) -> Iterator[tuple[str, Item]]:
    """Each line with its place. A file that cannot be read to its end is rejected from there on."""
    number = 0
    try:
        # Only a line feed ends a line. A line that is no UTF-8 is rejected by itself.
        with open_text(file, newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                for item in _parse_line(line.encode(errors="surrogateescape")):
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
