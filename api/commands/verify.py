"""casetrail verify BUNDLE | RECEIPT"""

import json
import sys
from collections.abc import Sequence
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
from infrastructure.verifier.cosigned import Cosigned, Outcome
from infrastructure.verifier.notes import ED25519, WITNESS_KINDS, NoteBroken, parse_key
from infrastructure.verifier.receipts import FIRST_LINE, ReceiptVerdict, is_receipt, verify_receipt
from infrastructure.verifier.trust_policy import (
    NO_WITNESS,
    PolicyBroken,
    TrustPolicy,
    parse_policy,
    single_witness,
)


class PublicKey(click.ParamType[str]):
    """A public key of one of these kinds, as `casetrail audit key` or a witness prints it."""

    name = "KEY"

    def __init__(self, *kinds: bytes) -> None:
        self._kinds = kinds

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return parse_key(str(value), *self._kinds).text
        except NoteBroken as error:
            self.fail(f"{escape_for_terminal(str(value))} cannot be used: {error}", param, ctx)


class PolicyFile(click.ParamType[TrustPolicy]):
    """A trust policy (c2sp.org/tlog-policy)."""

    name = "FILE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> TrustPolicy:
        try:
            return parse_policy(Path(str(value)).read_bytes())
        except OSError as error:
            self.fail(f"{value} cannot be read: {error.strerror}", param, ctx)
        except PolicyBroken as error:
            self.fail(escape_for_terminal(f"{value}: {error}"), param, ctx)


@click.command()
@click.argument("bundle", metavar="BUNDLE|RECEIPT", type=click.Path(exists=True, path_type=Path))
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
    type=PublicKey(*WITNESS_KINDS),
    help="Public key of a witness that must have cosigned it.",
)
@click.option(
    "--policy",
    type=PolicyFile(),
    help="File with the logs that are accepted and the quorum of witnesses that must have cosigned it "
    "(c2sp.org/tlog-policy).",
)
@click.option(
    "--envelope",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The event, for a receipt that does not contain it.",
)
@AS_JSON
def verify(
    bundle: Path,
    keys: tuple[str, ...],
    witness: str | None,
    policy: TrustPolicy | None,
    envelope: Path | None,
    as_json: bool,
) -> None:
    """Verify a bundle (a directory or an archive of it) or a receipt without a database or network.

    Without --key, compare the printed key of a bundle with the one that the owner gave you. A receipt needs
    --key or --policy. The exit status is 1 if the bundle or the receipt is broken, or not cosigned as the policy requires.
    """
    if witness is not None and policy is not None:
        raise click.UsageError("Use --witness or --policy: a policy names every witness.")
    found: Verdict | ReceiptVerdict
    content = _receipt_content(bundle)
    if content is not None:
        found = _verdict_on_receipt(content, keys, witness, policy, envelope)
    elif envelope is not None:
        raise click.UsageError("--envelope is for a receipt; a bundle contains its events.")
    else:
        found = _verdict_on_bundle(bundle, keys, witness, policy, as_json=as_json)
    if as_json:
        click.echo(json.dumps(found.document, separators=(",", ":")))
    elif isinstance(found, Verdict):
        is_trusted = bool(keys or (policy is not None and policy.logs))
        _print_verdict(terminal.console(soft_wrap=True), found, is_trusted)
    else:
        _print_receipt(terminal.console(soft_wrap=True), found)
    sys.exit(0 if found.verified else 1)


def _receipt_content(place: Path) -> bytes | None:
    """The content of a receipt; None for a bundle."""
    if not place.is_file():
        return None
    with open(place, "rb") as file:
        start = file.read(len(FIRST_LINE) + 1)
        return start + file.read() if is_receipt(start) else None


def _verdict_on_receipt(
    content: bytes,
    keys: Sequence[str],
    witness: str | None,
    policy: TrustPolicy | None,
    envelope: Path | None,
) -> ReceiptVerdict:
    if witness is not None:
        policy = single_witness(parse_key(witness, *WITNESS_KINDS))
    trust = (policy or NO_WITNESS).with_logs(map(parse_key, keys))
    if not trust.logs:
        raise click.UsageError(
            "A receipt holds no key: give the log's with --key, or a --policy that lists the log."
        )
    return verify_receipt(content, trust, envelope.read_bytes() if envelope is not None else None)


def _verdict_on_bundle(
    bundle: Path,
    keys: Sequence[str],
    witness: str | None,
    policy: TrustPolicy | None,
    *,
    as_json: bool,
) -> Verdict:
    try:
        with open_bundle(bundle) as directory:
            return verdict_on(directory, *keys, witness=witness, policy=policy)
    except BundleBroken as broken:
        if isinstance(broken, NotABundle) and not as_json:
            raise click.ClickException(
                f"{escape_for_terminal(str(bundle))} is not a bundle: {broken.fault.detail}. "
                "`casetrail audit export` makes a bundle, a directory or a tar."
            ) from None
        return Verdict(False, [broken.fault])


def _print_faults(console: Console, faults: Sequence[Fault]) -> None:
    for fault in faults[:MOST_FAULTS]:
        console.print(
            escape_for_terminal(f"{_describe_place(fault)}: {fault.detail} ({fault.code})")
        )
    if len(faults) > MOST_FAULTS:
        console.print(f"and {len(faults) - MOST_FAULTS} more errors")


def _print_cosigned(console: Console, witnesses: Sequence[Cosigned]) -> None:
    for name, at in witnesses:
        moment = datetime.fromtimestamp(at, UTC)
        console.print(escape_for_terminal(f"cosigned by {name} at {moment:%Y-%m-%dT%H:%M:%SZ}"))


def _print_verdict(console: Console, found: Verdict, is_trusted: bool) -> None:
    _print_faults(console, found.faults)
    if not found.verified:
        _print_not_verified(console, found.outcome)
        return
    console.print(f"verified: {found.events} events of a log of {found.size}, root {found.root}")
    if found.answer is not None:
        sums = ", ".join(f"{total} {name}" for name, total in found.answer["sums"].items())
        console.print(f"complete: {found.answer['count']} events; {sums or 'no amounts'}")
    console.print(f"proven: {found.proves}")
    if found.cosigned is not None:
        _print_cosigned(console, [Cosigned("the witness", found.cosigned)])
    _print_cosigned(console, found.witnesses or ())
    if is_trusted:
        console.print(f"signed by the key {escape_for_terminal(found.key or '')}")
    else:
        console.print(
            f"signed by the key in the bundle; compare it with the owner's: {escape_for_terminal(found.key or '')}"
        )


def _print_not_verified(console: Console, outcome: Outcome) -> None:
    if outcome is Outcome.BROKEN:
        console.print("BROKEN")
        return
    console.print(
        "NOT COSIGNED: the log has signed it and nothing in it is wrong, but the policy requires more witnesses. "
        "Get it again when they have cosigned it."
    )


def _print_receipt(console: Console, found: ReceiptVerdict) -> None:
    _print_faults(console, found.faults)
    if not found.verified:
        _print_not_verified(console, found.outcome)
        return
    console.print(
        f"verified: the event at position {found.position} of a log of {found.size}, root {found.root}"
    )
    console.print(f"proven: {found.proves}")
    _print_cosigned(console, found.cosigned)
    console.print(f"signed by the key {escape_for_terminal(found.key or '')}")


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
