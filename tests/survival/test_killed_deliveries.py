"""Deliveries of a source under kills of the API, the worker and the database: what was acknowledged is stored with
its signals, what was not is stored whole or not at all, and nothing is stored twice.

`CASETRAIL_PROOFS=whole` sends 2,000 instead of 400, and kills five times as often.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx2
from msgspec import Struct, field

from api.composition import desks, prepare_database
from domain.orders.events import SignalRecorded
from domain.people import Role
from domain.recorded_event import RecordedEvent
from domain.sources.deliveries import DeliveryTaken
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.sources.senders import MAPPING, SCHEME, SECRET
from tests.survival.log_checks import assert_reports_equal_their_folds, wait_for_reports, whole_log
from tests.survival.programs import Programs, eventually, free_port, kill_postgres
from tests.survival.test_killed_database import cut_off

SENDERS: Final = 8
IS_WHOLE: Final = os.environ.get("CASETRAIL_PROOFS") == "whole"
DELIVERIES: Final = (250 if IS_WHOLE else 50) * SENDERS
ROUNDS: Final = 5 if IS_WHOLE else 1
GIVES_UP: Final = 0.15
"""The share of deliveries that are sent once, whatever becomes of them."""
SENT_AGAIN: Final = 0.1
"""The share of those that are acknowledged and come again, as senders do that lost the answer."""
AGAIN: Final = 0.05
"""Seconds between two attempts."""
SIGNALS: Final = 4
"""Of each delivery."""

WITH_SCANS = (
    MAPPING
    + """
  - topics: [order]
    of: "@"
    signals:
      - type: shipment.scanned
        each: scans
        fields:
          order: parent().number
          id: at
          event_time: at
          refs: {tracking: {code: parent().tracking}}
          status: "'in_transit'"
"""
)


class Ledger(Struct):
    """What the senders have seen."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    """The position of each acknowledged delivery, by its id."""
    given_up: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    interrupted: int = 0
    lock: Any = field(default_factory=threading.Lock)


def body_of(id: str) -> bytes:
    """An order and three scans of its parcel: enough for several streams, and for a case now and then."""
    scans = [{"at": f"2026-11-2{n}T10:00:00Z"} for n in range(1, SIGNALS)]
    items = [{"sku": "A", "pieces": 2, "price": "10.00"}]
    order = {
        "number": f"order-{id}",
        "at": "2026-11-20T10:00:00Z",
        "buyer": id,
        "email": f"{id}@example.org",
    }
    return json.dumps({**order, "items": items, "tracking": f"T-{id}", "scans": scans}).encode()


def headers_of(id: str, body: bytes) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Event": "order", "X-Delivery": id, "X-Signature": f"sha256={signature}"}


def send_all(url: str, name: str, count: int, ledger: Ledger) -> None:
    """Send each delivery until it is acknowledged, or once."""
    chance = random.Random(name)
    with httpx2.Client(base_url=url, timeout=10) as http:
        for n in range(count):
            id = f"{name}-{n}"
            gives_up = chance.random() < GIVES_UP
            is_answered = False
            while not is_answered:
                is_answered = send_once(http, id, ledger)
                if not is_answered:
                    if gives_up:
                        break
                    time.sleep(AGAIN)
            if not is_answered:
                with ledger.lock:
                    ledger.given_up.add(id)
            elif chance.random() < SENT_AGAIN:
                send_once(http, id, ledger, is_known=True)
            time.sleep(chance.uniform(0, 0.02))


def send_once(http: httpx2.Client, id: str, ledger: Ledger, *, is_known: bool = False) -> bool:
    """Whether it was acknowledged."""
    body = body_of(id)
    try:
        got = http.post("/v1/sources/shop/webhook", content=body, headers=headers_of(id, body))
    except httpx2.TransportError:
        got = None
    with ledger.lock:
        if got is None or got.status_code >= 500:
            ledger.interrupted += 1
            return False
        if (
            got.status_code != 200
            or got.json()["reasons"]
            or (is_known and not got.json()["known"])
        ):
            ledger.wrong.append(f"{id}: {got.status_code} {got.text}")
        ledger.acknowledged.setdefault(id, int(got.headers["Casetrail-Position"]))
    return True


def test_acknowledged_deliveries_are_stored_and_others_whole_or_not_at_all(
    server: EmbeddedPostgres, programs: Programs
) -> None:
    chance = random.Random(15)
    dsn = server.dsn("casetrail")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    token = manager_of(dsn)
    running = {"api": programs.api(dsn, port), "worker": programs.worker(dsn)}
    ask = {
        "name": "shop",
        "owner": "order_desk",
        "document": WITH_SCANS,
        "scheme": SCHEME,
        "secret": SECRET,
    }
    added = httpx2.post(
        f"{url}/v1/sources", json=ask, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    assert added.status_code == 200, added.text

    def kill_api() -> None:
        running["api"].kill_all()
        running["api"] = programs.api(dsn, port)

    def kill_worker() -> None:
        running["worker"].kill_all()
        running["worker"] = programs.worker(dsn)

    def kill_database() -> None:
        kill_postgres(server)
        server.start()

    faults: Sequence[Callable[[], None]] = (kill_api, kill_database, kill_worker, lambda: cut_off(server), kill_api)  # fmt: skip
    ledger = Ledger()
    share = DELIVERIES // SENDERS
    senders = [
        threading.Thread(target=send_all, args=(url, f"s{n}", share, ledger), daemon=True)
        for n in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    for _ in range(ROUNDS):
        for fault in faults:
            before = len(ledger.acknowledged)
            eventually(
                "deliveries are acknowledged",
                lambda known=before: len(ledger.acknowledged) > known or not alive(senders),
                within=20,
            )
            time.sleep(chance.uniform(0.1, 0.6))
            fault()
    for sender in senders:
        sender.join(240 if IS_WHOLE else 90)
    assert not alive(senders), "a sender waits for ever"

    assert ledger.wrong == []
    assert ledger.interrupted > 0, "no delivery was interrupted by a kill"
    assert len(ledger.acknowledged) + len(ledger.given_up) == DELIVERIES
    wait_for_reports(dsn, within=10)
    lines = whole_log(dsn)
    assert_whole(lines, ledger)
    assert_reports_equal_their_folds(dsn, lines)
    doctor = programs.start("doctor", "--whole", DATABASE_URL=dsn)
    assert doctor.ended(within=120) == 0, doctor.output


def alive(threads: Sequence[threading.Thread]) -> bool:
    return any(one.is_alive() for one in threads)


def manager_of(dsn: str) -> str:
    """The token of somebody who adds sources."""
    prepare_database(dsn)
    with desks(dsn) as working:
        working.ensure_policy()
        working.people.add("olga", [Role.OPS_MANAGER], working.clock())
        return working.people.issue_token("olga", working.clock())


def assert_whole(lines: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """Each delivery is in the log once with all its signals, or it is not, and neither is any of them."""
    taken = [line for line in lines if isinstance(line.event, DeliveryTaken)]
    found = {line.event.delivery: line for line in taken if isinstance(line.event, DeliveryTaken)}
    assert len(found) == len(taken), "a delivery is there twice"
    signals = Counter(
        (line.event.signal.order, line.event.signal.id)
        for line in lines
        if isinstance(line.event, SignalRecorded)
    )
    assert [name for name, count in signals.items() if count > 1] == []
    of_orders = Counter(order for order, _ in signals)
    assert of_orders == {f"order-{id}": SIGNALS for id in found}
    assert {line.event.signals for line in taken if isinstance(line.event, DeliveryTaken)} == {
        SIGNALS
    }
    lost = ledger.acknowledged.keys() - found.keys()
    assert not lost, f"acknowledged and not in the log: {sorted(lost)}"
    assert found.keys() <= ledger.acknowledged.keys() | ledger.given_up
    for id, position in ledger.acknowledged.items():
        assert found[id].position <= position
