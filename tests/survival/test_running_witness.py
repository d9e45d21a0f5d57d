"""A witness, a worker and audit commands as separate processes, with an outage and a key rotation."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.composition import desks, prepare_database
from infrastructure.health import HealthChecker
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.notes import (
    COSIGNATURE,
    NoteBroken,
    cosignature_time,
    parse_key,
    parse_witness_key,
)
from infrastructure.verifier.trust_policy import single_witness
from tests.survival.deadlines import NeglectedOrder, record_orders, seconds_from_now
from tests.survival.programs import Program, Programs, eventually, free_port


def output_of(program: Program) -> str:
    """The output of a command that succeeds."""
    assert program.ended(within=30) == 0, program.output
    return program.output.strip()


def test_the_log_is_cosigned_again_after_an_outage_and_a_key_rotation(
    server: EmbeddedPostgres, programs: Programs, tmp_path: Path
) -> None:
    dsn = server.dsn("casetrail")
    prepare_database(dsn)
    starting = programs.start("worker", DATABASE_URL=dsn)
    eventually("there is a key", (tmp_path / "home" / "checkpoint.key").exists, within=20)
    starting.terminate()
    key = output_of(programs.start("audit", "key", DATABASE_URL=dsn))
    port, state = free_port(), tmp_path / "witness"

    def witness(*keys: str) -> Program:
        logs = [word for key in keys for word in ("--log", key)]
        started = programs.start("witness", "--port", port, "--state", state, *logs)
        eventually("it answers", lambda: "CASETRAIL_WITNESS=" in started.output, within=20)
        return started

    first = witness(key)
    setting = re.search(r'CASETRAIL_WITNESS="(.*)"', first.output)
    assert setting is not None
    cosigner = setting[1].split(" ")[1]
    environment = {"DATABASE_URL": dsn, "CASETRAIL_WITNESS": setting[1]}
    worker = programs.start("worker", **environment)
    outside = next(
        eventually("there are checkpoints", lambda: [*tmp_path.glob("home/checkpoints/*")], 20)
        for _ in range(1)
    )[0]

    def is_cosigned() -> bool:
        try:
            note = (outside / "latest").read_bytes()
            return cosignature_time(note, parse_key(cosigner, COSIGNATURE)) > 0
        except (NoteBroken, FileNotFoundError):
            return False

    def grow(name: str) -> None:
        soon = seconds_from_now(3600)
        record_orders(dsn, [NeglectedOrder(f"{name}-{n}", soon, soon) for n in range(20)])

    eventually("it is cosigned", is_cosigned, within=20)
    first.kill()
    grow("away")
    eventually("nobody cosigns", lambda: not is_cosigned(), within=10)
    with desks(dsn) as working:
        health = HealthChecker(
            Datastore(dsn), witnesses=single_witness(parse_witness_key(cosigner)).witnesses
        )
        assert not _complaints(health, working.clock())
        assert _complaints(health, working.clock() + timedelta(minutes=1))
    assert worker.is_running
    missed = "does not cosign: http"
    eventually("the worker reports it", lambda: missed in worker.output, within=15)
    second = witness(key)
    eventually("it is cosigned again", is_cosigned, within=15)
    again = "cosigns again"
    eventually("the worker reports it", lambda: again in worker.output, within=15)

    rotated = output_of(programs.start("audit", "rotate-key", **environment))
    assert output_of(programs.start("audit", "key", **environment)) == rotated != key
    both = output_of(programs.start("audit", "key", "--all", **environment)).splitlines()
    assert [line.split(" ")[2] for line in both] == [key, rotated]
    grow("rotated")
    eventually("the new key is not known", lambda: "403" in worker.output, within=10)
    second.terminate()
    witness(key, rotated)
    eventually("it is cosigned with the new key", is_cosigned, within=15)

    bundle = tmp_path / "bundle"
    output_of(programs.start("audit", "export", "--out", bundle, **environment))
    verified = output_of(
        programs.start("verify", bundle, "--key", key, "--key", rotated, "--witness", cosigner)
    )
    assert f"by the key {rotated}" in verified
    assert "cosigned by the witness at 20" in verified
    assert not verify(bundle, key).verified
    assert worker.is_running


def _complaints(health: HealthChecker, now: datetime) -> list[str]:
    found = health.check(now.astimezone(UTC)).problems
    return [one for one in found if "has not cosigned the log since 20" in one]
