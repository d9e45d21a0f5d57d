"""Erasure on a server of its own: canaries are planted wherever personal data can be, their customer is
erased, and then no file and no response has one."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest

from application.log.recorder import leaf_digest
from domain.orders.order import order_stream
from domain.people import Role
from infrastructure.doctor.erasures import check_after_erasure
from infrastructure.doctor.findings import Verdict
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.transparency.export import Export
from infrastructure.verifier.bundle import verify
from projections import PROJECTIONS
from tests.api.running_service import RunningService, run_service
from tests.api.signals import send, signal
from tests.personal.canaries import IN_THE_CLEAR, Canaries, CanaryOrder
from tests.survival.programs import eventually, home_on_disk
from tests.tampering import without_triggers
from tests.witness_checkpoints import open_checkpoints

ERASE = {"basis": "consent_withdrawn", "reference": "DSR-17"}


class Scene:
    """A service over its own server, with the order of one customer."""

    def __init__(self, server: RunningService, postgres: EmbeddedPostgres, folder: Path) -> None:
        self.server = server
        self.postgres = postgres
        self.folder = folder
        self._clients: dict[str, httpx2.Client] = {}
        self.canaries = Canaries()
        now = datetime.now(UTC)
        people = server.service.desks.people
        for name, role in (("petra", Role.PRIVACY_OFFICER), ("ada", Role.AUDITOR)):
            people.add(name, [role], now)
            server.tokens[name] = people.issue_token(name, now)
        ProjectionRunner(server.dsn, PROJECTIONS).catch_up(wait=False)
        with server.client_as("shop") as shop:
            self.life = CanaryOrder(shop, self.client("ana"), self.canaries)

    def client(self, name: str) -> httpx2.Client:
        if name not in self._clients:
            self._clients[name] = self.server.client_as(name)
        return self._clients[name]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def personal_data(self, what: str, as_: str = "petra", **told: Any) -> httpx2.Response:
        body = {"customer": self.life.customer, **told}
        return self.client(as_).post(f"/v1/personal-data/{what}", json=body)

    def erased(self) -> dict[str, Any]:
        answer = self.personal_data("erasures", **ERASE)
        assert answer.status_code == 200, answer.text

        def done() -> dict[str, Any]:
            return self.complete(answer.json()["record"])

        return eventually("the keys are gone", done, within=10)

    def complete(self, of: str) -> dict[str, Any]:
        """Continue the last erasure of a record; empty while it is not complete."""
        desk = self.server.service.desks.privacy
        assert desk is not None
        record = desk.record(UUID(of))
        if record.unfinished is not None:
            desk.tick(record.id, datetime.now(UTC))
            return {}
        return {"keys": record.erasures[-1].keys, "record": str(record.id)}

    def readings(self) -> Iterator[tuple[str, bytes]]:
        """Everything that people can read of the order over HTTP."""
        clients = [self.client(name) for name in ("ana", "carla", "ada")]
        for address, headers in self.life.addresses():
            for client in clients:
                yield address, client.get(address, headers=headers).content

    def states(self) -> list[tuple[int, bytes, bytes]]:
        with psycopg.connect(self.server.dsn) as connection:
            return connection.execute(
                "SELECT notification_id, state, leaf FROM stored_events ORDER BY 1"
            ).fetchall()

    def bundle(self, name: str) -> Path:
        checkpoints = open_checkpoints(self.folder / "witness")
        with connect(self.server.dsn) as connection:
            checkpoints.make(connection)
            Export(connection, checkpoints.signer, self.folder / name).everything()
        return self.folder / name


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with home_on_disk() as home:
        postgres = EmbeddedPostgres(home).start()
        try:
            postgres.ensure_database("casetrail")
            dsn = postgres.dsn("casetrail")
            with run_service(dsn) as server:
                with (
                    psycopg.connect(dsn, autocommit=True) as connection,
                    without_triggers(connection),
                ):
                    # Compressed values cannot be searched.
                    for table in ("stored_events.state", "commands.result"):
                        name, column = table.split(".")
                        connection.execute(
                            f"ALTER TABLE {name} ALTER COLUMN {column} SET STORAGE EXTERNAL".encode()
                        )
                scene = Scene(server, postgres, tmp_path_factory.mktemp("scene"))
                yield scene
                scene.close()
        finally:
            postgres.leave()


def test_no_personal_text_is_written_to_the_server_or_a_backup(scene: Scene) -> None:
    shown = b"".join(content for _, content in scene.readings())
    planted = [text for text in scene.canaries.planted if not text.endswith("file")]
    assert [text for text in planted if text.encode() not in shown] == [], "not shown before"
    with psycopg.connect(scene.server.dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    data = scene.postgres.cluster.resolve()
    assert any(IN_THE_CLEAR.encode() in f.read_bytes() for f in files(data / "data" / "base")), (
        "no heap?"
    )
    assert any(IN_THE_CLEAR.encode() in f.read_bytes() for f in files(data / "data" / "pg_wal")), (
        "no WAL?"
    )
    assert scene.canaries.in_files([data]) == []
    backup = scene.folder / "backup"
    shutil.copytree(data, backup, ignore=shutil.ignore_patterns("postmaster.*", "*.s.*"))
    assert scene.canaries.in_files([scene.bundle("before")]) == []


def test_an_erased_customer_is_found_nowhere(
    scene: Scene, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    before = scene.states()
    first = [answer.json() for answer in scene.life.answers]
    done = scene.erased()
    assert done["keys"] >= 1

    # No response and no stored file has a canary.
    for address, content in scene.readings():
        assert scene.canaries.in_bytes(content) == [], address
    with psycopg.connect(scene.server.dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    evidence = scene.server.service.desks.vault
    assert evidence is not None
    folders = [scene.postgres.cluster.resolve(), scene.folder, Path(evidence.place).parent]
    assert scene.canaries.in_files([*folders, scene.bundle("after")]) == []
    out = capfd.readouterr()
    said = (caplog.text + out.out + out.err).encode()
    assert scene.canaries.in_bytes(said) == []

    # A retry gets the first response without the erased texts.
    for (client, address, request), told in zip(scene.life.repeats, first, strict=True):
        again = client.post(address, **request)
        assert again.status_code == 200, again.text
        assert again.headers["Idempotent-Replayed"] == "true"
        assert without_texts(again.json()) == without_texts(told)
        assert scene.canaries.in_bytes(again.content) == []
    shop = scene.client("shop")
    answer = send(shop, *scene.life.signals, Idempotency_Key=f"k-{scene.life.order}")
    assert answer.headers["Idempotent-Replayed"] == "true"
    unkeyed = send(shop, *scene.life.signals).json()
    assert {item["outcome"] for item in unkeyed["items"]} == {"duplicate"}

    # Every leaf is unchanged, and the bundles from before and after are verified.
    now = scene.states()
    assert now[: len(before)] == before
    assert all(leaf_digest(bytes(state)) == bytes(leaf) for _, state, leaf in now)
    for name in ("before", "after"):
        assert verify(scene.folder / name).verified, name


def test_decisions_keep_their_act_time_actor_and_reason(scene: Scene) -> None:
    ada = scene.client("ada")
    trail = ada.get(f"/v1/cases/{scene.life.case}/trail").json()
    view = ada.get(f"/v1/cases/{scene.life.case}").json()
    told = {line["type"]: line for line in trail["told"]}
    assert told["case.resolved"]["actor"]["person"] == "ana"
    assert told["case.detected"]["why"][0]["rule"]
    assert view["resolution"]["reason"] == "substituted"
    assert view["resolution"]["note"] == "[erased]"
    assert view["evidence"][0]["ref"] == scene.life.file
    assert told["case.data_erased"]["actor"]["person"] == "petra"
    ana = scene.client("ana")
    digest = scene.life.file.removeprefix("sha256:")
    gone = ana.get(f"/v1/evidence/{digest}")
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/evidence-erased")


def test_a_late_message_is_erased_by_a_second_erasure_and_every_proof_holds(scene: Scene) -> None:
    text = scene.canaries.new_canary("late")
    late = signal("customer.message_received", scene.life.order, channel="email", summary=text)
    answer = send(scene.client("shop"), late).json()
    assert answer["items"][0]["outcome"] == "recorded"
    for case in answer["items"][0].get("cases", ()):
        scene.life.resolve(scene.client("ana"), case["case"])
    held = scene.personal_data("find").json()
    assert held["orders"] == [{"order": scene.life.order, "shop": "default"}]
    assert [text] in [one["texts"] for one in held["texts"]]
    assert "arrived after the erasure at" in held["note"]
    petra = scene.client("petra")
    (listed,) = petra.get("/v1/personal-data/after-erasure").json()["items"]
    assert listed["order"] == scene.life.order
    assert scene.canaries.in_bytes(repr(listed).encode()) == []
    with connect(scene.server.dsn) as connection:
        assert check_after_erasure(connection).verdict is Verdict.WARNING

    before = scene.states()
    again = scene.personal_data("erasures", **ERASE).json()
    assert [one["orders"] for one in again["erasures"]] == [held["orders"]] * 2
    eventually("it is done", lambda: scene.complete(again["record"]), within=10)
    for address, content in scene.readings():
        assert scene.canaries.in_bytes(content) == [], address
    assert scene.personal_data("find").status_code == 404
    assert petra.get("/v1/personal-data/after-erasure").json()["items"] == []
    with connect(scene.server.dsn) as connection:
        assert check_after_erasure(connection).verdict is Verdict.OK
    now = scene.states()
    assert now[: len(before)] == before
    assert all(leaf_digest(bytes(state)) == bytes(leaf) for _, state, leaf in now)
    scene.bundle("again")
    for name in ("before", "after", "again"):
        assert verify(scene.folder / name).verified, name


def test_a_restored_backup_cannot_be_read_without_the_keys(scene: Scene) -> None:
    assert scene.canaries.in_files([scene.folder / "backup"]) == []
    lines = scene.server.service.desks.log.trail(order_stream(scene.life.order))
    assert lines
    assert scene.canaries.in_bytes(repr(lines).encode()) == []


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def without_texts(told: Any) -> Any:
    """A response without the texts that can be erased."""
    if isinstance(told, dict):
        return {
            name: without_texts(value)
            for name, value in told.items()
            if name not in ("note", "title")
        }
    if isinstance(told, list):
        return [without_texts(one) for one in told]
    return told
