"""A payment provider in its own process, and the adapters that call it."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from uuid import uuid4

import httpx2
import pytest

from application.money.provider import PaymentProvider, RefundReason, RefundRequest
from domain.money import Money
from infrastructure.payments.local import LocalProvider
from infrastructure.payments.stripe import StripeProvider

ROOT = Path(__file__).parents[2]
SECONDS = 20
PATIENCE_SECONDS = 10.0
KEY = "sk_test_of_nobody"

Kind = Literal["local", "stripe"]


class Running:
    """`casetrail provider` on a ledger; it can be killed and started again, and ends with the
    tests."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self._port = 0
        self.start()

    def start(self) -> None:
        words = ["provider", "--port", str(self._port), "--ledger", str(self.ledger), "--until-eof"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api", "--home", str(self.ledger.parent), *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.told = self.process.stdout.readline()
        self.url = self.told.split()[3]
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def end(self) -> None:
        self.process.terminate()
        self._reap()

    def _reap(self) -> None:
        self.process.wait(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def ask(self, path: str, **body: object) -> httpx2.Response:
        return httpx2.post(f"{self.url}{path}", json=body, timeout=SECONDS)

    def post(self, path: str, **body: object) -> httpx2.Response:
        answer = self.ask(path, **body)
        assert answer.is_success, answer.text
        return answer

    def switch(self, **switches: object) -> None:
        self.post("/switches", **switches)

    def register(self, payment: str, amount: str, currency: str) -> None:
        self.post("/payments", payment=payment, captured={"amount": amount, "currency": currency})

    def written(self, payment: str) -> list[tuple[str, str, str]]:
        """Key, amount and status of each refund of a payment, read from the ledger file."""
        connection = sqlite3.connect(self.ledger)
        try:
            return connection.execute(
                "SELECT key, amount, status FROM refunds WHERE payment = ? ORDER BY number",
                (payment,),
            ).fetchall()
        finally:
            connection.close()


def adapter(kind: Kind, url: str, patience_seconds: float = PATIENCE_SECONDS) -> PaymentProvider:
    if kind == "local":
        return LocalProvider(url, patience_seconds)
    return StripeProvider(url, KEY, patience_seconds)


def refund(
    amount: str = "12.30",
    currency: str = "EUR",
    *,
    payment: str | None = None,
    key: str | None = None,
    reason: RefundReason = "requested_by_customer",
) -> RefundRequest:
    return RefundRequest(
        key=key or str(uuid4()),
        payment=payment or f"pi_{uuid4().hex}",
        amount=Money(amount, currency),
        order="A-1001",
        reason=reason,
    )


def eventually(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("provider") / "ledger.sqlite")
    yield running
    running.end()


@pytest.fixture
def running(shared: Running) -> Iterator[Running]:
    """The shared provider, with all switches off."""
    shared.switch()
    yield shared
    shared.switch()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """A provider that the test can kill."""
    running = Running(tmp_path / "ledger.sqlite")
    yield running
    running.end()


@pytest.fixture(params=["local", "stripe"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def provider(kind: Kind, running: Running) -> PaymentProvider:
    return adapter(kind, running.url)
