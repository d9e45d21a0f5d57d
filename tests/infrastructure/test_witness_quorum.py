"""Several witnesses with a quorum: none delays the others, and a minority cannot halt the log."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from infrastructure.health import HealthChecker
from infrastructure.postgres.datastore import Datastore
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.transparency.checkpoints import LogNotAsWitnessed, latest_checkpoint
from infrastructure.transparency.cosignatures import WitnessClients
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.transparency.witness_answers import WitnessObjects
from infrastructure.verifier.cosigned import find_cosignatures
from infrastructure.verifier.notes import COSIGNATURE, ML_DSA_44
from infrastructure.verifier.trust_policy import Group, TrustPolicy, Witness
from infrastructure.witness.cosigned_state import CosignedState
from projections import PROJECTIONS
from tests.infrastructure.bundles import NODE, BundleLog, verify_with_node, verify_with_python
from tests.infrastructure.test_witness import grow, restore, serve_witness

NAMES = ("a", "b", "c")
QUORUM = 2


class Answering(BaseHTTPRequestHandler):
    """Answers each request as it was told to."""

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answer(self)  # type: ignore[attr-defined]

    def log_message(self, format: str, *values: object) -> None:
        """Do not log each request."""


@contextmanager
def serve_answer(answer: Callable[[Any], None]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.answer = answer  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answers(status: int, body: str, kind: str = "text/plain") -> Callable[[Any], None]:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return send


class Witnesses:
    """A log with three witnesses of which two are a quorum; each may be replaced by another address."""

    def __init__(self, dsn: str, home: Path, stack: ExitStack) -> None:
        self.log = BundleLog(dsn, home)
        ours = self.log.checkpoints.signer.key
        kinds = (COSIGNATURE, ML_DSA_44, COSIGNATURE)
        states = [
            CosignedState(home / name, open_cosigner(home / name / "key", kind), [ours])
            for name, kind in zip(NAMES, kinds, strict=True)
        ]
        self.urls = {
            name: stack.enter_context(serve_witness(state))
            for name, state in zip(NAMES, states, strict=True)
        }
        self.keys = {name: state.cosigner.key for name, state in zip(NAMES, states, strict=True)}

    def policy(self, **urls: str) -> TrustPolicy:
        known = {**self.urls, **urls}
        witnesses = [Witness(name, self.keys[name], known[name]) for name in NAMES]
        return TrustPolicy([], witnesses, {"group": Group(QUORUM, NAMES)}, "group")

    def clients(self, **urls: str) -> WitnessClients:
        return WitnessClients(self.policy(**urls), self.log.checkpoints)

    def cosigned(self, connection: psycopg.Connection[Any]) -> list[str]:
        found = latest_checkpoint(connection)
        assert found is not None
        return [*find_cosignatures(found[1].encode(), self.policy()).names]


@pytest.fixture
def three(dsn: str, tmp_path: Path) -> Iterator[Witnesses]:
    with ExitStack() as stack:
        yield Witnesses(dsn, tmp_path, stack)


def is_halted(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("SELECT append_events()")
    except psycopg.errors.ReadOnlySqlTransaction:
        return True
    return False


def test_a_witness_that_never_answers_delays_nobody(
    three: Witnesses, connection: psycopg.Connection[Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        clients = three.clients(c=f"http://127.0.0.1:{silent.getsockname()[1]}")
        for _ in range(3):
            grow(three.log)
            started = time.monotonic()
            clients.cosign_latest(connection)
            assert time.monotonic() - started < 3
            assert three.cosigned(connection) == ["a", "b"]
        # It is not asked again before it has answered.
        silent.settimeout(0.2)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


def test_a_late_cosignature_is_kept_in_a_later_round(
    three: Witnesses, connection: psycopg.Connection[Any]
) -> None:
    go_on = threading.Event()

    def slowly(handler: Answering) -> None:
        go_on.wait(10)
        found = httpx2.post(f"{three.urls['c']}/add-checkpoint", content=handler.body)
        answers(found.status_code, found.text)(handler)

    with serve_answer(slowly) as url:
        clients = three.clients(c=url)
        grow(three.log)
        clients.cosign_latest(connection)
        assert three.cosigned(connection) == ["a", "b"]
        go_on.set()
        until = time.monotonic() + 10
        while len(three.cosigned(connection)) < 3 and time.monotonic() < until:
            clients.cosign_latest(connection)
            time.sleep(0.1)
    assert three.cosigned(connection) == [*NAMES]


OBJECTIONS = {
    "it claims a larger size": answers(409, "999999\n", "text/x.tlog.size"),
    "it claims a fork": answers(422, "it does not extend\n"),
}


@pytest.mark.parametrize("objection", OBJECTIONS)
def test_an_objection_against_the_quorum_does_not_halt_the_log(
    three: Witnesses,
    connection: psycopg.Connection[Any],
    caplog: pytest.LogCaptureFixture,
    objection: str,
) -> None:
    """Answers of witnesses are not authenticated, but cosignatures are."""
    grow(three.log)
    three.clients().cosign_latest(connection)
    grow(three.log)
    with serve_answer(OBJECTIONS[objection]) as url:
        clients = three.clients(c=url)
        clients.cosign_latest(connection)
        assert "The witness c at" in caplog.text
        assert not is_halted(connection)
        clients.require_continuation(connection)
        assert isinstance(clients.compare(connection)["c"], WitnessObjects)
    assert not is_halted(connection)
    assert three.log.checkpoints.outside.disputed() is None
    assert "c" not in three.cosigned(connection)


@pytest.mark.parametrize("objection", OBJECTIONS)
def test_an_objection_halts_the_log_if_the_others_are_no_quorum(
    three: Witnesses, connection: psycopg.Connection[Any], objection: str
) -> None:
    grow(three.log)
    three.clients().cosign_latest(connection)
    grow(three.log)
    with serve_answer(OBJECTIONS[objection]) as url:
        clients = three.clients(c=url, b="http://127.0.0.1:9")
        with pytest.raises(LogNotAsWitnessed, match="The witness c at"):
            clients.cosign_latest(connection)
    assert is_halted(connection)
    # Once a quorum has cosigned the log, the dispute is settled.
    three.clients().cosign_latest(connection)
    assert three.log.checkpoints.outside.disputed() is None


def test_a_lost_tail_that_a_quorum_has_cosigned_halts_the_log(
    three: Witnesses, connection: psycopg.Connection[Any]
) -> None:
    three.log.fill()
    three.clients().cosign_latest(connection)
    restore(connection, 12)
    outside = Path(str(three.log.checkpoints.outside.place))
    outside.rename(outside.with_name("moved-away"))
    three.log.checkpoints.make(connection)
    with pytest.raises(LogNotAsWitnessed, match="missing"):
        three.clients().require_continuation(connection)
    assert is_halted(connection)


def test_a_cosignature_of_another_key_is_not_kept(
    three: Witnesses, connection: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A witness that answers with the cosignature of another witness is no second one."""
    grow(three.log)
    clients = three.clients(b=three.urls["a"], c=three.urls["a"])
    clients.cosign_latest(connection)
    assert three.cosigned(connection) == ["a"]
    assert "did not answer with a cosignature of its key" in caplog.text


def test_each_witness_that_does_not_cosign_is_named(
    three: Witnesses, dsn: str, connection: psycopg.Connection[Any]
) -> None:
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    grow(three.log)
    three.clients(c="http://127.0.0.1:9").cosign_latest(connection)
    health = HealthChecker(Datastore(dsn), witnesses=three.policy().witnesses)
    now = datetime.now(UTC)
    silent = "the witness c has not cosigned the log since 20"
    assert not any("witness" in problem for problem in health.check(now).problems)
    found = [one for one in health.check(now + timedelta(minutes=1)).problems if "witness" in one]
    assert [one.startswith(silent) for one in found] == [True]


def test_a_bundle_has_all_cosignatures_and_needs_the_quorum(
    three: Witnesses, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    three.log.fill()
    three.clients(c="http://127.0.0.1:9").cosign_latest(connection)
    bundle = three.log.export("bundle", lambda export: export.everything())
    ours = three.log.checkpoints.signer.key.text
    lines = [f"log {ours}", *(f"witness {name} {three.keys[name].text}" for name in NAMES)]
    for quorum, members, verdicts in (
        ("2", "a b c", (True, False)),  # Node cannot check b
        ("any", "a b c", (True, True)),
        ("all", "a b c", (False, False)),
    ):
        file = tmp_path / "policy"
        file.write_text("\n".join([*lines, f"group g {quorum} {members}", "quorum g\n"]))
        told = verify_with_python(bundle, "--policy", file)
        assert told["verified"] == verdicts[0]
        assert [one["witness"] for one in told["witnesses"]] == ["a", "b"]
        assert told["key"] == ours
        if NODE is not None:
            by_node = verify_with_node(bundle, "--policy", file)
            assert by_node["verified"] == verdicts[1]
            assert [one["witness"] for one in by_node["witnesses"]] == ["a"]
            assert by_node["unchecked"] == ["b"]
            if not by_node["verified"]:
                assert "not checked: ML-DSA-44" in by_node["faults"][0]["detail"]
