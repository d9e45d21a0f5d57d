"""kill -9 of the provider during refunds: its ledger is exact, and so is our record."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from application.money.provider import PaymentProvider, RefundRequest, RefundResult
from domain.adjustments.errors import OutcomeUnknown
from tests.payments.conftest import ROOT, SECONDS, Kind, Running, adapter, eventually, refund

REFUNDS = 60
KILLS = 3

# The refund is written; its key is written next.
KILLED_IN_BETWEEN = """
import os, signal, sys
from pathlib import Path
from infrastructure.payments.provider.ledger import KeyedAnswer, Ledger
ledger = Ledger(Path(sys.argv[1]))
for key in ("kept", "killed"):
    with ledger.transaction():
        line = ledger.give(key=key, payment="p", currency="EUR", amount="1", reason="", metadata={},
                           status="succeeded")
        if key == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        ledger.store_answer("own", key, KeyedAnswer("digest", line.reference, 201, b""))
"""


def until_known(provider: PaymentProvider, asked: RefundRequest, doubts: list[str]) -> RefundResult:
    """Refund as the payer does: look up an unknown outcome, and repeat the request with its key."""
    while True:
        try:
            return provider.find(asked) or provider.refund(asked)
        except OutcomeUnknown:
            doubts.append(asked.key)
            time.sleep(0.02)


def test_each_refund_is_made_once_despite_repeated_kills(kind: Kind, own: Running) -> None:
    payment = "pi_of_them_all"
    own.register(payment, "1000.00", "EUR")
    provider = adapter(kind, own.url)
    asked = [refund("1.50", payment=payment) for _ in range(REFUNDS)]
    doubts: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        each = [pool.submit(until_known, provider, one, doubts) for one in asked]
        for round in range(1, KILLS + 1):
            goal = round * REFUNDS // (KILLS + 1)
            eventually(lambda goal=goal: sum(one.done() for one in each) >= goal)
            own.kill()
            own.start()
    given = {one.key: future.result() for one, future in zip(asked, each, strict=True)}
    assert doubts, "no refund was in doubt: the kills hit nothing"
    assert sorted(own.written(payment)) == sorted((key, "1.50", "succeeded") for key in given)
    told = {line.key: line.reference for line in provider.statement()}
    assert told == {key: one.reference for key, one in given.items()}


def test_a_refund_made_before_the_kill_is_found(kind: Kind, own: Running) -> None:
    asked = refund()
    own.register(asked.payment, "50.00", "EUR")
    provider = adapter(kind, own.url)
    own.switch(drop_answer=True)
    with pytest.raises(OutcomeUnknown):
        provider.refund(asked)
    own.kill()
    with pytest.raises(OutcomeUnknown):
        provider.find(asked)
    own.start()
    found = provider.find(asked)
    assert found is not None
    assert provider.refund(asked) == found
    assert len(own.written(asked.payment)) == 1


def test_a_kill_before_the_refund_leaves_nothing_done(kind: Kind, own: Running) -> None:
    asked = refund()
    own.register(asked.payment, "50.00", "EUR")
    patient = adapter(kind, own.url, patience_seconds=20)
    own.switch(delay_seconds=10)
    told: list[BaseException] = []

    def ask() -> None:
        try:
            patient.refund(asked)
        except OutcomeUnknown as error:
            told.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)  # until the request has arrived and waits
    own.kill()
    asking.join(20)
    assert len(told) == 1
    own.start()
    assert patient.find(asked) is None
    patient.refund(asked)
    assert len(own.written(asked.payment)) == 1


def test_a_refund_and_its_key_are_written_together(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", KILLED_IN_BETWEEN, str(file)]
    ran = subprocess.run(command, cwd=ROOT, timeout=SECONDS, check=False)
    assert ran.returncode == -signal.SIGKILL
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("SELECT key FROM refunds").fetchall() == [("kept",)]
        assert connection.execute("SELECT key FROM keys").fetchall() == [("kept",)]
    finally:
        connection.close()


def test_two_processes_on_one_ledger_make_a_refund_once(kind: Kind, own: Running) -> None:
    payment = "pi_of_both"
    own.register(payment, "1000.00", "EUR")
    other = Running(own.ledger)
    try:
        asked = [refund("1.50", payment=payment) for _ in range(REFUNDS)]
        both = [adapter(kind, own.url), adapter(kind, other.url)]
        with ThreadPoolExecutor(4) as pool:
            each = [pool.submit(until_known, one, two, []) for two in asked for one in both]
            references = {future.result().reference for future in each}
        assert len(references) == REFUNDS
        assert len(own.written(payment)) == REFUNDS
    finally:
        other.end()
