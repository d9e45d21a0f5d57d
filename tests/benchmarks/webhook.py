"""webhook: a delivery that states 10 signals, compared with the same signals by POST /v1/signals.

`casetrail serve` runs with one process. One client sends one request after the other: a delivery to a source's
webhook, then the signals of another order in one batch. Both store what they get.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

from api.composition import migrated_desks
from application.log.caller import operator_caller
from domain.people import Role
from domain.sources.signature_schemes import Hmac
from domain.sources.source import AddSource
from infrastructure.settings import Settings
from tests.benchmarks.figures import Bench, Figure, ratio_at_most
from tests.benchmarks.servers import CouldNotMeasure, run_server, scratch_log
from tests.sources.senders import SECRET, signed

NAME = "a webhook of 10 signals"
TARGETS = {NAME: ratio_at_most(1.5, "the same by /v1/signals")}
SIGNALS, REQUESTS, WARM_UP = 10, 300, 30
MAPPING = """
mapping: scans
deliveries:
  - of: "[@]"
    signals:
      - type: shipment.scanned
        each: scans
        fields:
          order: root().order
          id: id
          event_time: at
          refs: {tracking: {code: root().tracking}}
          code: code
          status: "'in_transit'"
"""


def run(bench: Bench) -> list[Figure]:
    with scratch_log(bench.dsn) as dsn:
        with migrated_desks(
            Settings(home=Path(os.environ["CASETRAIL_HOME"]), database_url=dsn)
        ) as working:
            working.ensure_policy()
            working.people.add("shop", [Role.INTEGRATOR], working.clock())
            token = working.people.issue_token("shop", working.clock())
            ask = AddSource(
                name="scans",
                owner="order_desk",
                document=MAPPING,
                scheme=Hmac(header="X-Signature", prefix="sha256="),
                secret=SECRET,
            )
            working.sources.add(ask, operator_caller(working.clock()))
        words = ["-m", "api", "serve", "--port", "0", "--processes", "1"]
        with run_server(dsn, words) as address:
            bench.say("sending")
            webhooks, batches = _measure(address, token)
    ratio = median(webhooks) / median(batches)
    return [
        Figure(
            name=NAME,
            value=median(webhooks) * 1e3,
            unit="ms, median",
            ratio=ratio,
            against=f"the same by /v1/signals: {median(batches) * 1e3:.3g} ms",
        )
    ]


def _measure(address: str, token: str) -> tuple[list[float], list[float]]:
    connection = http.client.HTTPConnection(address, timeout=30)
    webhooks, batches = list[float](), list[float]()
    for n in range(WARM_UP + REQUESTS):
        delivery = json.dumps(_delivery(f"W-{n}")).encode()
        took = _post(connection, "/v1/sources/scans/webhook", delivery, signed(delivery, "scan"))
        batch = json.dumps(_batch(f"B-{n}")).encode()
        other = _post(connection, "/v1/signals", batch, {"Authorization": f"Bearer {token}"})
        if n >= WARM_UP:
            webhooks.append(took)
            batches.append(other)
    return webhooks, batches


def _post(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> float:
    """The seconds that the answer took. Raises CouldNotMeasure."""
    started = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    text = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200 or json.loads(text).get("recorded") != SIGNALS:
        raise CouldNotMeasure(f"{path}: {answer.status} {text[:300]!r}")
    return seconds


def _scans(order: str) -> list[dict[str, Any]]:
    return [
        {"id": f"{order}:{n}", "at": f"2026-11-20T10:{n:02}:00Z", "code": f"C{n}"}
        for n in range(SIGNALS)
    ]


def _delivery(order: str) -> dict[str, Any]:
    return {"order": order, "tracking": f"T-{order}", "scans": _scans(order)}


def _batch(order: str) -> list[dict[str, Any]]:
    common = {
        "type": "shipment.scanned",
        "source": "tracker",
        "order": order,
        "refs": {"tracking": {"code": f"T-{order}"}},
        "status": "in_transit",
    }
    return [
        {**common, "id": one["id"], "event_time": one["at"], "code": one["code"]}
        for one in _scans(order)
    ]
