"""python -m infrastructure.verifier BUNDLE [KEY [WITNESS]] [--policy FILE]
python -m infrastructure.verifier receipt FILE [KEY] [--policy FILE] [--envelope FILE]

Prints the verdict as JSON; exits with 0 if the bundle or the receipt is verified, else with 1."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from infrastructure.verifier.bundle import GIVEN_KEY, Verdict, verify
from infrastructure.verifier.bundle_format import Fault
from infrastructure.verifier.notes import NoteBroken, parse_key
from infrastructure.verifier.receipts import ReceiptVerdict, verify_receipt
from infrastructure.verifier.trust_policy import NO_WITNESS, PolicyBroken, TrustPolicy, parse_policy

GIVEN_POLICY = "POLICY"


def main() -> int:
    words = sys.argv[1:]
    is_receipt = words[:1] == ["receipt"]
    parser = ArgumentParser(prog="python -m infrastructure.verifier", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("key", nargs="?")
    parser.add_argument("--policy", type=Path)
    if is_receipt:
        parser.add_argument("--envelope", type=Path)
    else:
        parser.add_argument("witness", nargs="?")
    given = parser.parse_args(words[1:] if is_receipt else words)
    if is_receipt and given.key is None and given.policy is None:
        parser.error("a receipt holds no key: give the log's KEY, or a --policy that lists the log")
    found: Verdict | ReceiptVerdict
    try:
        policy = parse_policy(given.policy.read_bytes()) if given.policy is not None else None
        if is_receipt:
            envelope = given.envelope.read_bytes() if given.envelope is not None else None
            found = _receipt(given.file.read_bytes(), given.key, policy, envelope)
        else:
            keys = [given.key] if given.key is not None else []
            found = verify(given.file, *keys, witness=given.witness, policy=policy)
    except PolicyBroken as error:
        fault = Fault("policy", GIVEN_POLICY, str(error), error.line)
        found = ReceiptVerdict(False, [fault]) if is_receipt else Verdict(False, [fault])
    print(json.dumps(found.document, separators=(",", ":")))
    return 0 if found.verified else 1


def _receipt(
    content: bytes, key: str | None, policy: TrustPolicy | None, envelope: bytes | None
) -> ReceiptVerdict:
    try:
        keys = [parse_key(key)] if key is not None else []
    except NoteBroken as error:
        detail = f"the key cannot be used: {error}"
        return ReceiptVerdict(False, [Fault("key", GIVEN_KEY, detail)])
    return verify_receipt(content, (policy or NO_WITNESS).with_logs(keys), envelope)


sys.exit(main())
