"""A verifier of checkpoints and inclusion proofs that is not ours: aics-tlog, in an environment of its own."""

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infrastructure.verifier.receipts import Receipt

PYTHON = Path(__file__).parents[1] / ".tools" / "aics-tlog" / "python"
INSTALL = "tests/install_aics_tlog.sh .tools/aics-tlog"


def aics_tlog(*words: object) -> dict[str, Any]:
    """The answer of one of its commands. Skips the test where it is not installed."""
    if not PYTHON.exists():
        pytest.skip(f"aics-tlog is not installed: `{INSTALL}` does it (it needs Python 3.12)")
    command = [str(PYTHON), "-m", "aics_tlog", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == (0 if found["ok"] else 1)
    return found


def verify_with_aics_tlog(
    folder: Path, receipt: Receipt, key: str, witnesses: Sequence[str] = (), quorum: int = 0
) -> dict[str, Any]:
    """Its answer on the parts of a receipt (it does not read tlog-proof): the checkpoint with the quorum,
    then the inclusion of the envelope."""
    assert receipt.extra is not None
    (folder / "note").write_bytes(receipt.note)
    (folder / "leaf").write_bytes(receipt.extra)
    hashes = [base64.b64encode(digest).decode() for digest in receipt.hashes]
    (folder / "proof").write_text("".join(f"{line}\n" for line in hashes))
    signers = [word for witness in witnesses for word in ("--witness-key", witness)]
    signed = aics_tlog(
        *("verify-checkpoint", "--note", folder / "note", "--log-key", key, *signers),
        *("--quorum", quorum),
    )
    if not signed["ok"]:
        return signed
    return aics_tlog(
        *("verify-inclusion", "--leaf", folder / "leaf", "--index", receipt.leaf_index),
        *("--checkpoint", folder / "note", "--proof", folder / "proof"),
    )
