"""`casetrail serve` under traffic while its keys are gone, and while the disk of its database, of the
write-ahead log, of the keys or of the evidence is full: nothing is acknowledged that cannot be read back,
`/readyz` names the cause, and afterwards all goes on."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx2
import psycopg
import pytest
from msgspec import Struct

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.intact_logs import assert_log_is_intact
from tests.survival.clients import run_clients, tokens_of, wait_for_success
from tests.survival.log_checks import wait_for_reports, whole_log
from tests.survival.programs import Programs, eventually, free_port, wait_until_answering
from tests.survival.small_disks import fill, small_disk
from tests.survival.test_supervised_database import (
    CATCH_UP_SECONDS,
    FIRST_SUCCESS_SECONDS,
    NOTICED_SECONDS,
    RECOVERY_SECONDS,
    takes_writes,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root")
NAMED_SECONDS = 40
"""The server notices a full disk of its write-ahead log when it needs the next file of it."""
FAULT_SECONDS = 2
HOME_MEGABYTES = 260
STORE_MEGABYTES = 1
WAL_MEGABYTES = 64


class Place(Struct):
    """Where the service under test keeps its things. `small`: the disk that is filled."""

    home: Path
    small: Path

    @property
    def keys(self) -> Path:
        return self.home / "keys"


@contextmanager
def full(place: Place) -> Iterator[Callable[[], object]]:
    """Yields what keeps the disk full: what the database frees is taken, too."""
    fill(place.small)
    try:
        yield lambda: fill(place.small)
    finally:
        (place.small / "fill").unlink()


@contextmanager
def keys_gone(place: Place) -> Iterator[Callable[[], object]]:
    moved = place.keys.rename(place.keys.with_name("moved"))
    try:
        yield lambda: None
    finally:
        shutil.rmtree(place.keys, ignore_errors=True)
        moved.rename(place.keys)


class Case(Struct, frozen=True):
    on_small_disk: str
    """What of the home is on the disk that is filled."""
    megabytes: int
    fault: Callable[[Place], object]
    status: int
    """Of `/readyz` during the fault."""
    named: str
    """What it says."""


CASES = {
    "keys gone": Case("", 1, keys_gone, 503, "the key store has no keys of this database"),
    "disk of keys full": Case("keys", STORE_MEGABYTES, full, 503, "No space left on device"),
    "disk of evidence full": Case("evidence", STORE_MEGABYTES, full, 200, "the evidence store"),
    "disk of the database full": Case("postgres", 220, full, 503, "disk"),
    "disk of the write-ahead log full": Case("pg_wal", WAL_MEGABYTES, full, 503, "disk is full"),
}


@contextmanager
def placed_on(case: Case) -> Iterator[Place]:
    with ExitStack() as stack:
        place = Place(
            *(stack.enter_context(small_disk(m)) for m in (HOME_MEGABYTES, case.megabytes))
        )
        place.home = place.home / "home"
        if case.on_small_disk == "postgres":
            place.home = place.small / "home"
        place.home.mkdir()
        server = EmbeddedPostgres(place.home)
        try:
            if case.on_small_disk == "pg_wal":
                server.start()
                server.stop()
                wal = server.cluster / "data" / "pg_wal"
                owner = wal.stat()
                shutil.move(wal, place.small / "wal")
                for path in (place.small / "wal", *(place.small / "wal").rglob("*")):
                    os.chown(path, owner.st_uid, owner.st_gid)
                wal.symlink_to(place.small / "wal")
            elif case.on_small_disk in ("keys", "evidence"):
                (place.small / case.on_small_disk).mkdir()
                (place.home / case.on_small_disk).symlink_to(place.small / case.on_small_disk)
            yield place
        finally:
            server.stop()


class Uploads:
    """Evidence files, and which of them were acknowledged."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=10)
        self._refused = 0
        self.kept: dict[str, bytes] = {}

    def send(self) -> None:
        content = f"a photo of parcel {len(self.kept) + self._refused}".encode()
        with suppress(httpx2.TransportError):
            answer = self._http.post("/v1/evidence", content=content)
            if answer.status_code < 300:
                self.kept[answer.json()["ref"]] = content
            else:
                assert answer.status_code >= 500, answer.text
                self._refused += 1

    def assert_can_be_read_back(self, *, refused: bool) -> None:
        assert len(self.kept) >= 2, "before the fault and after it"
        assert self._refused or not refused
        for ref, content in self.kept.items():
            got = self._http.get(f"/v1/evidence/{ref.removeprefix('sha256:')}")
            assert (got.status_code, got.content) == (200, content)

    def close(self) -> None:
        self._http.close()


def need_next_wal_file(server: EmbeddedPostgres) -> None:
    """Else the server writes to the one that it has for as long as there is room in it."""
    with (
        suppress(psycopg.OperationalError),
        psycopg.connect(server.dsn(), connect_timeout=1, autocommit=True) as connection,
    ):
        connection.execute("SELECT pg_switch_wal()")


def ready(url: str) -> tuple[int, str]:
    answer = httpx2.get(f"{url}/readyz", timeout=10)
    return answer.status_code, " ".join(answer.json()["problems"])


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost_while_a_store_is_gone_or_full(name: str, programs: Programs) -> None:
    case = CASES[name]
    with placed_on(case) as place:
        try:
            check(case, place, programs, name)
        finally:
            programs.end()


def check(case: Case, place: Place, programs: Programs, name: str) -> None:
    server = EmbeddedPostgres(place.home).start()
    server.ensure_database("casetrail")
    dsn = server.dsn("casetrail")
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    server.leave()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    service = programs.start(
        "--home", place.home, "serve", "--port", port, CASETRAIL_HOME=str(place.home)
    )
    wait_until_answering(service, url)
    uploads = Uploads(url, tokens[1])
    with closing(uploads), run_clients(url, tokens, seed=900) as (ledger, follower):
        wait_for_success(ledger, within=15)
        wait_for_reports(dsn, within=15)
        uploads.send()
        assert len(uploads.kept) == 1
        began = time.monotonic()
        with case.fault(place) as again:  # type: ignore[attr-defined]
            seen: list[tuple[int, str]] = []

            def is_named() -> bool:
                again()
                uploads.send()
                if case.on_small_disk == "pg_wal":
                    need_next_wal_file(server)
                seen.append(ready(url))
                return seen[-1][0] == case.status and case.named in seen[-1][1]

            try:
                eventually(f"/readyz names {name}", is_named, NAMED_SECONDS)
            except AssertionError as error:
                raise AssertionError(f"{error}; it said {seen[-1]}\n{service.output}") from None
            named = time.monotonic()
            time.sleep(FAULT_SECONDS)
        ended = time.monotonic()
        eventually("writes", lambda: takes_writes(server), NOTICED_SECONDS + RECOVERY_SECONDS)
        possible = time.monotonic()
        wait_for_success(ledger, within=FIRST_SUCCESS_SECONDS)
        success = time.monotonic()
        wait_for_reports(dsn, within=CATCH_UP_SECONDS)
        print(
            f"{name}: named after {named - began:.1f} s; then writes are possible after "
            f"{possible - ended:.1f} s, first success {success - possible:.1f} s later, reports "
            f"{time.monotonic() - possible:.1f} s later; unanswered {dict(ledger.unanswered)}"
        )
        uploads.send()
        uploads.assert_can_be_read_back(refused=case.on_small_disk == "evidence")
    eventually("it is ready again", lambda: ready(url)[0] == 200, 10)
    assert service.is_running
    assert "Traceback" not in service.output, service.output
    lines = whole_log(dsn)
    ledger.assert_holds(lines)
    ledger.assert_answers_are_given_again(url)
    follower.assert_saw_all_once(lines)
    assert_texts_are_readable(url, tokens[0], [one.signal.order for one in ledger.promised])
    assert service.terminate(within=30) == 0
    with_server = server.start()
    assert_log_is_intact(with_server.dsn("casetrail"))
    with_server.leave()


def assert_texts_are_readable(url: str, token: str, orders: list[str]) -> None:
    """The personal data of acknowledged signals can be read: their keys were kept."""
    chosen = [order for order in dict.fromkeys(orders) if not order.startswith("shared")]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=20) as http:
        for order in [*chosen[:20], *chosen[-40:]]:
            told = http.get(f"/v1/orders/{order}")
            assert told.status_code == 200, told.text
            assert f"C-{order}" in told.text, told.text
