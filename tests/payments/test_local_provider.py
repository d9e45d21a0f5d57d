"""casetrail provider: a process with its own API, which refuses invalid requests."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from application.money.provider import PaymentProvider
from domain.adjustments.errors import OutcomeUnknown
from tests.payments.conftest import ROOT, SECONDS, Running, adapter, refund


def asked(running: Running, amount: object = "1.00", **other: object) -> dict[str, object]:
    return {"key": "k", "payment": "p", "amount": {"amount": amount, "currency": "EUR"}, **other}


def test_it_prints_its_address_and_its_ledger(own: Running) -> None:
    assert own.told.startswith("Payment provider on http://127.0.0.1:")
    assert str(own.ledger) in own.told
    assert httpx2.get(own.url).status_code == 200
    assert own.ledger.is_file()


def test_it_ends_with_its_parent_process(tmp_path: Path) -> None:
    running = Running(tmp_path / "ledger.sqlite")
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.wait(SECONDS) == 0
    assert running.process.stdout is not None
    running.process.stdout.close()


def test_a_port_in_use_gets_a_plain_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["provider", "--port", str(taken.getsockname()[1])]
        ran = subprocess.run(
            [sys.executable, "-m", "api", "--home", str(tmp_path), *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ran.returncode != 0
    assert "taken" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/refunds", b"{", 400),
        ("POST", "/refunds", b"\xff", 400),
        ("POST", "/payments", b"{}", 400),
        ("POST", "/switches", b'{"fails": "error"}', 400),
        ("POST", "/switches", b'{"delay_seconds": -1}', 400),
        ("POST", "/switches", b'{"times": 0}', 400),
        ("POST", "/refunds", b" " * 70_000, 413),
        ("GET", "/refunds?limit=many", b"", 400),
        ("GET", "/nothing", b"", 404),
        ("POST", "/statement", b"{}", 404),
        ("POST", "/refunds/re_none/settle", b'{"status": "failed"}', 404),
    ],
)
def test_an_invalid_request_is_refused(
    running: Running, method: str, path: str, body: bytes, status: int
) -> None:
    answer = httpx2.request(method, f"{running.url}{path}", content=body, timeout=SECONDS)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("amount", ["0", "0.00", "-1", "1e3", "1.00001", "", 1, None, "1.0\n"])
def test_an_invalid_amount_is_refused(running: Running, amount: object) -> None:
    answer = httpx2.post(f"{running.url}/refunds", json=asked(running, amount))
    assert answer.status_code == 400


def test_a_payment_is_registered_with_one_amount(running: Running) -> None:
    first = refund()
    running.register(first.payment, "10.00", "EUR")
    running.register(first.payment, "10.00", "EUR")
    body = {"payment": first.payment, "captured": {"amount": "11.00", "currency": "EUR"}}
    assert httpx2.post(f"{running.url}/payments", json=body).status_code == 409


def test_an_unregistered_payment_is_accepted(running: Running) -> None:
    first = refund("999999.00", payment="an order from nowhere")
    adapter("local", running.url).refund(first)
    assert len(running.written(first.payment)) == 1


def test_its_refunds_are_listed_in_pages(own: Running) -> None:
    provider = adapter("local", own.url)
    made = [provider.refund(refund()).reference for _ in range(5)]
    found: list[str] = []
    following = ""
    while following is not None:
        query = {"limit": "2"} | ({"after": following} if following else {})
        page = httpx2.get(f"{own.url}/refunds", params=query).json()
        assert len(page["items"]) <= 2
        found += [item["reference"] for item in page["items"]]
        following = page["next"]
    assert found == made


def test_switches_count_down_and_turn_off(own: Running) -> None:
    provider: PaymentProvider = adapter("local", own.url)
    own.switch(fail="error", times=2)
    for left in (1, None):
        with pytest.raises(OutcomeUnknown):
            provider.refund(refund())
        shown = httpx2.get(f"{own.url}/switches").json()
        assert (shown["fail"], shown["times"]) == (("error", left) if left else (None, None))
    provider.refund(refund())


def test_its_stripe_api_needs_a_test_key(running: Running) -> None:
    for key in ("", "Bearer sk_live_0", "Basic c2tfdGVzdDo="):
        answer = httpx2.get(f"{running.url}/v1/refunds", headers={"Authorization": key})
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "invalid_request_error"
