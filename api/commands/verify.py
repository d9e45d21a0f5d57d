"""casetrail verify BUNDLE"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from api.commands.options import AS_JSON
from infrastructure.verifier.archives import open_bundle
from infrastructure.verifier.bundle import MOST_FAULTS, Verdict
from infrastructure.verifier.bundle import verify as verdict_on
from infrastructure.verifier.bundle_format import BundleBroken, Fault
from infrastructure.verifier.notes import COSIGNATURE, ED25519, NoteBroken, parse_key


class PublicKey(click.ParamType[str]):
    name = "KEY"

    def __init__(self, kind: bytes) -> None:
        self._kind = kind

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return parse_key(str(value), self._kind).text
        except NoteBroken as error:
            self.fail(f"{escape_for_terminal(str(value))} cannot be used: {error}", param, ctx)


@click.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=PublicKey(ED25519),
    help="The public key that its owner gave you (`casetrail audit key`); any of several will do.",
)
@click.option("--witness", type=PublicKey(COSIGNATURE), help="This witness must have cosigned it.")
@AS_JSON
def verify(bundle: Path, keys: tuple[str, ...], witness: str | None, as_json: bool) -> None:
    """Check a bundle, a directory or its archive, without a database and without a network. Ends with
    1 if it is broken."""
    try:
        with open_bundle(bundle) as directory:
            found = verdict_on(directory, *keys, witness=witness)
    except BundleBroken as broken:
        found = Verdict(False, [broken.fault])
    if as_json:
        click.echo(json.dumps(found.document, separators=(",", ":")))
    else:
        _print_verdict(Console(highlight=False, soft_wrap=True, markup=False), found, bool(keys))
    sys.exit(0 if found.verified else 1)


def _print_verdict(console: Console, found: Verdict, is_trusted: bool) -> None:
    for fault in found.faults[:MOST_FAULTS]:
        console.print(
            escape_for_terminal(f"{_describe_place(fault)}: {fault.detail} ({fault.code})")
        )
    if len(found.faults) > MOST_FAULTS:
        console.print(f"and {len(found.faults) - MOST_FAULTS} more")
    if not found.verified:
        console.print("BROKEN")
        return
    console.print(f"verified: {found.events} events of a log of {found.size}, root {found.root}")
    if found.answer is not None:
        sums = ", ".join(f"{total} {name}" for name, total in found.answer["sums"].items())
        console.print(f"complete: {found.answer['count']} events asked for; {sums or 'no amounts'}")
    console.print(f"proven: {found.proves}")
    if found.cosigned is not None:
        at = datetime.fromtimestamp(found.cosigned, UTC)
        console.print(f"cosigned by the witness at {at:%Y-%m-%dT%H:%M:%SZ}")
    if is_trusted:
        console.print(f"by the key {escape_for_terminal(found.key or '')}")
    else:
        console.print(
            f"by the key that came with it, to be compared: {escape_for_terminal(found.key or '')}"
        )


def escape_for_terminal(text: str) -> str:
    """Without what moves, hides or turns around other text on a terminal."""
    return "".join(
        one if one.isprintable() and one != "\\" else one.encode("unicode_escape").decode()
        for one in text
    )


def _describe_place(fault: Fault) -> str:
    line = f" line {fault.line}" if fault.line is not None else ""
    position = f" position {fault.position}" if fault.position is not None else ""
    return f"{fault.file}{line}{position}"
