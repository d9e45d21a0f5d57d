"""casetrail verify BUNDLE"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from api import terminal
from api.commands.options import AS_JSON
from infrastructure.verifier.archives import NotABundle, open_bundle
from infrastructure.verifier.bundle import MOST_FAULTS, Verdict
from infrastructure.verifier.bundle import verify as verdict_on
from infrastructure.verifier.bundle_format import BundleBroken, Fault
from infrastructure.verifier.notes import COSIGNATURE, ED25519, NoteBroken, parse_key


class PublicKey(click.ParamType[str]):
    """A public key of one kind, as `casetrail audit key` or a witness prints it."""

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
    help="Public key that must have signed it (the owner's `casetrail audit key`); repeat it to accept any "
    "of several.",
)
@click.option(
    "--witness",
    type=PublicKey(COSIGNATURE),
    help="Public key of a witness that must have cosigned it.",
)
@AS_JSON
def verify(bundle: Path, keys: tuple[str, ...], witness: str | None, as_json: bool) -> None:
    """Verify a bundle (a directory or an archive of it) without a database or network.

    Without --key, compare the printed key with the one that the owner gave you. The exit status is 1
    if the bundle is broken.
    """
    try:
        with open_bundle(bundle) as directory:
            found = verdict_on(directory, *keys, witness=witness)
    except BundleBroken as broken:
        if isinstance(broken, NotABundle) and not as_json:
            raise click.ClickException(
                f"{escape_for_terminal(str(bundle))} is not a bundle: {broken.fault.detail}. "
                "`casetrail audit export` makes a bundle, a directory or a tar."
            ) from None
        found = Verdict(False, [broken.fault])
    if as_json:
        click.echo(json.dumps(found.document, separators=(",", ":")))
    else:
        _print_verdict(terminal.console(soft_wrap=True), found, bool(keys))
    sys.exit(0 if found.verified else 1)


def _print_verdict(console: Console, found: Verdict, is_trusted: bool) -> None:
    for fault in found.faults[:MOST_FAULTS]:
        console.print(
            escape_for_terminal(f"{_describe_place(fault)}: {fault.detail} ({fault.code})")
        )
    if len(found.faults) > MOST_FAULTS:
        console.print(f"and {len(found.faults) - MOST_FAULTS} more errors")
    if not found.verified:
        console.print("BROKEN")
        return
    console.print(f"verified: {found.events} events of a log of {found.size}, root {found.root}")
    if found.answer is not None:
        sums = ", ".join(f"{total} {name}" for name, total in found.answer["sums"].items())
        console.print(f"complete: {found.answer['count']} events; {sums or 'no amounts'}")
    console.print(f"proven: {found.proves}")
    if found.cosigned is not None:
        at = datetime.fromtimestamp(found.cosigned, UTC)
        console.print(f"cosigned by the witness at {at:%Y-%m-%dT%H:%M:%SZ}")
    if is_trusted:
        console.print(f"signed by the key {escape_for_terminal(found.key or '')}")
    else:
        console.print(
            f"signed by the key in the bundle; compare it with the owner's: {escape_for_terminal(found.key or '')}"
        )


def escape_for_terminal(text: str) -> str:
    """The text with control and formatting characters escaped."""
    return "".join(
        one if one.isprintable() and one != "\\" else one.encode("unicode_escape").decode()
        for one in text
    )


def _describe_place(fault: Fault) -> str:
    line = f" line {fault.line}" if fault.line is not None else ""
    position = f" position {fault.position}" if fault.position is not None else ""
    return f"{fault.file}{line}{position}"
