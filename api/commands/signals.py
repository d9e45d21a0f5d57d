"""casetrail signals FILE…"""

from collections import Counter
from collections.abc import Iterator
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
from infrastructure.settings import Settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=EXISTING_FILE)
@AS_JSON
@click.pass_obj
def signals(settings: Settings, files: tuple[Path, ...], as_json: bool) -> None:
    """Read signals from files, one JSON object per line (NDJSON).

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
        text = (
            f"the line is not valid JSON: {error}"
            if isinstance(error, MalformedBody)
            else str(error)
        )
        for line in [f"{f.pointer or '/'}: {f.detail}" for f in faults] or [text]:
            click.echo(f"{place}: {line}", err=True)
    if as_json:
        listed = [{"place": place, "problem": problem_of(error)} for place, error in refusals]
        click.echo(msgspec.json.encode({**counts, "refusals": listed}))
    else:
        click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    if refusals:
        raise SystemExit(1)


def _batches(files: tuple[Path, ...]) -> Iterator[list[tuple[str, Item]]]:
    batch: list[tuple[str, Item]] = []
    for file in files:
        # Text mode reads the line ends of every system. A line that is no UTF-8 is rejected by itself.
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    raw = line.strip().encode(errors="surrogateescape")
                    (item,), _ = parse_items(raw, "application/x-ndjson")
                    batch.append((f"{file}:{number}", item))
                if len(batch) == MAX_SIGNALS:
                    yield batch
                    batch = []
    if batch:
        yield batch
