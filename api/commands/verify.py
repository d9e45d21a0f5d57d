"""casetrail verify BUNDLE"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from api.options import AS_JSON
from infrastructure.verifier.archives import opened_bundle
from infrastructure.verifier.bundle import MOST_FAULTS, Verdict
from infrastructure.verifier.bundle import verify as verdict_on
from infrastructure.verifier.files import Broken, Fault


@click.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="The public key that its owner gave you (`casetrail audit key`); any of several will do.",
)
@click.option("--witness", metavar="KEY", help="This witness must have cosigned it.")
@AS_JSON
def verify(bundle: Path, keys: tuple[str, ...], witness: str | None, as_json: bool) -> None:
    """Check a bundle, a directory or its archive, without a database and without a network. Ends with
    1 if it is broken."""
    try:
        with opened_bundle(bundle) as directory:
            found = verdict_on(directory, *keys, witness=witness)
    except Broken as broken:
        found = Verdict(False, [broken.fault])
    if as_json:
        click.echo(json.dumps(found.told, ensure_ascii=False, separators=(",", ":")))
    else:
        _tell(Console(highlight=False, soft_wrap=True, markup=False), found, bool(keys))
    sys.exit(0 if found.verified else 1)


def _tell(console: Console, found: Verdict, is_trusted: bool) -> None:
    for fault in found.faults[:MOST_FAULTS]:
        console.print(f"{_place(fault)}: {fault.detail} ({fault.code})")
    if len(found.faults) > MOST_FAULTS:
        console.print(f"and {len(found.faults) - MOST_FAULTS} more")
    if not found.verified:
        console.print("BROKEN")
        return
    console.print(f"verified: {found.events} events of a log of {found.size}, root {found.root}")
    if found.answer is not None:
        sums = ", ".join(f"{total} {name}" for name, total in found.answer["sums"].items())
        console.print(f"complete: {found.answer['count']} events asked for; {sums or 'no amounts'}")
    if found.cosigned is not None:
        at = datetime.fromtimestamp(found.cosigned, UTC)
        console.print(f"cosigned by the witness at {at:%Y-%m-%dT%H:%M:%SZ}")
    if is_trusted:
        console.print(f"by the key {found.key}")
    else:
        console.print(f"by the key that came with it, to be compared: {found.key}")


def _place(fault: Fault) -> str:
    line = f" line {fault.line}" if fault.line is not None else ""
    position = f" position {fault.position}" if fault.position is not None else ""
    return f"{fault.file}{line}{position}"
