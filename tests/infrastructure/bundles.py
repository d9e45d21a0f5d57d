"""Bundles of a small log, and functions that run both verifiers on them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from infrastructure.postgres.datastore import connect
from infrastructure.transparency.export import Export
from tests.infrastructure.log_growth import append_in_one
from tests.witness_checkpoints import open_checkpoints

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")
CASE = UUID(int=7)
MANY = 40


def envelope(stream, version, at, **event):
    document = {
        "stream": str(stream),
        "version": version,
        "recorded_at": f"2026-10-{at:02d}T10:00:00.5Z",
        "actor": {"person": "ana"},
        "event": event,
    }
    state = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return StoredEvent(stream, version, event["type"], state)


def money(amount):
    return {"amount": amount, "currency": "BRL"}


def proposed_and_executed(n, kind, amount, at):
    stream, adjustment = uuid4(), str(UUID(int=n))
    wanted = {"adjustment": adjustment, "kind": kind, "amount": money(amount)}
    done = {"adjustment": adjustment, "amount": money(amount)}
    return (
        envelope(stream, 1, at, type="case.adjustment_proposed", **wanted),
        envelope(stream, 2, at, type="case.adjustment_executed", **done),
    )


class BundleLog:
    """A log with checkpoints, and the bundles that are exported from it."""

    def __init__(self, dsn, home):
        self.dsn = dsn
        self.checkpoints = open_checkpoints(home)
        self.home = home

    def append(self, *events):
        append_in_one(self.dsn, events)
        with connect(self.dsn) as connection:
            return self.checkpoints.make(connection)

    def export(self, name, write):
        with connect(self.dsn) as connection:
            write(Export(connection, self.checkpoints.signer, self.home / name))
        return self.home / name

    def fill(self):
        """Append forty events of two cases, then a few adjustments."""
        other, events = uuid4(), []
        for n in range(MANY):
            stream = CASE if n % 3 == 0 else other
            version = 1 + sum(event.originator_id == stream for event in events)
            events.append(
                envelope(stream, version, 1 + n // 2, type="case.note_added", note=f"«{n}»")
            )
        self.append(*events)
        first, second = proposed_and_executed(1, "refund", "700.50", 22)
        self.append(first)
        since = self.append(*proposed_and_executed(2, "refund", "900.00", 22)).size
        self.append(
            second,
            *proposed_and_executed(3, "refund", "500.00", 23),
            *proposed_and_executed(4, "refund", "500.01", 24),
            *proposed_and_executed(5, "reship", "800", 25),
        )
        return since


def verify_with_python(bundle, *key):
    return run_verifier([sys.executable, "-m", "infrastructure.verifier", str(bundle), *key])


def verify_with_node(bundle, *key):
    return run_verifier([NODE, str(ROOT / "verifiers" / "verify.mjs"), str(bundle), *key])


def run_verifier(command):
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout, ran.stderr
    document = json.loads(ran.stdout)
    assert ran.returncode == (0 if document["verified"] else 1)
    return document
