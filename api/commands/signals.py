"""casetrail signals FILE…"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from api.composition import migrated_desks
from api.http.problems import problem_of
from api.http.signal_bodies import MOST_SIGNALS, Item, items_of
from application.orders.batches import Arrival
from application.orders.intake import Outcome
from domain.errors import CasetrailError, Invalid
from domain.people import OPERATOR
from infrastructure.settings import Settings

FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.command()
@FILES
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def signals(settings: Settings, files: tuple[Path, ...], as_json: bool) -> None:
    """Take the signals in files of NDJSON. What is refused is told with file and line."""
    counts: Counter[str] = Counter({str(outcome): 0 for outcome in Outcome})
    refusals = []
    with migrated_desks(settings) as desks:
        desks.decide_by()
        for batch in _batches(files):
            sound = [(place, i) for place, i in batch if not isinstance(i, CasetrailError)]
            refusals += [(place, i) for place, i in batch if isinstance(i, CasetrailError)]
            now = desks.clock()
            taken = desks.intake.take([Arrival(i, now) for _, i in sound], OPERATOR)
            for (place, _), receipt in zip(sound, taken.receipts, strict=True):
                counts[receipt.outcome] += 1
                if receipt.problem is not None:
                    refusals.append((place, receipt.problem))
    counts["refused"] = len(refusals)
    for place, error in refusals:
        faults = error.faults if isinstance(error, Invalid) else ()
        for line in [f"{f.pointer or '/'}: {f.detail}" for f in faults] or [str(error)]:
            click.echo(f"{place}: {line}", err=True)
    if as_json:
        told = [{"place": place, "problem": problem_of(error)} for place, error in refusals]
        click.echo(msgspec.json.encode({**counts, "refusals": told}))
    else:
        click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    if refusals:
        raise SystemExit(1)


def _batches(files: tuple[Path, ...]) -> Iterator[list[tuple[str, Item]]]:
    batch: list[tuple[str, Item]] = []
    for file in files:
        # Text mode for its line ends, of whatever system; what is no UTF-8 is refused by its line.
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    raw = line.strip().encode(errors="surrogateescape")
                    (item,), _ = items_of(raw, "application/x-ndjson")
                    batch.append((f"{file}:{number}", item))
                if len(batch) == MOST_SIGNALS:
                    yield batch
                    batch = []
    if batch:
        yield batch
