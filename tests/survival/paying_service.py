"""A whole service that pays: an API, workers, a database and a payment provider, which can all be killed.

The API and the workers connect to the database through a proxy each. At the end, three records are
compared with each other: the answers to clients, the log, and the provider's own ledger.
"""

import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx2
import msgspec
from msgspec import Struct

from api.composition import desks, prepare_database
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentExecuted,
    AdjustmentProposed,
    ExecutionFailed,
    ExecutionStarted,
    OutcomeInDoubt,
)
from domain.money import PositiveMoney
from domain.orders.payment_signals import PaymentCaptured
from domain.orders.purchase_signals import Customer, Line, OrderPlaced
from domain.orders.signals import Signal
from domain.orders.stock_signals import StockUnavailable
from domain.people import Role
from domain.recorded_event import RecordedEvent
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.event_store.cutting_proxy import CuttingProxy, Fault
from tests.survival.clients import headers_of
from tests.survival.programs import (
    START_SECONDS,
    Program,
    Programs,
    eventually,
    free_port,
    kill_postgres,
    wait_until_answering,
)

ANSWER_SECONDS = 30
LOOK_SECONDS = 0.1
PEOPLE = {
    "ana": Role.EXCEPTION_SPECIALIST,
    "tia": Role.TEAM_LEAD,
    "omar": Role.OPS_MANAGER,
    "fay": Role.FINANCE_APPROVER,
    "finn": Role.FINANCE_APPROVER,
    "shop": Role.INTEGRATOR,
}
TIAS_LIMIT = Decimal(250)
Found = list[tuple[str, str, str, str]]


class OrderedPayment(Struct, frozen=True):
    """An approved adjustment, and the request that orders its payment."""

    case: str
    adjustment: str
    amount: str
    path: str
    body: bytes
    key: str
    version: str


class PaymentAnswer(Struct, frozen=True):
    status: int
    body: bytes
    position: int


class PayingService:
    def __init__(self, server: EmbeddedPostgres, programs: Programs, home: Path) -> None:
        self.server = server
        self.dsn = server.dsn("casetrail")
        self._programs = programs
        self.ledger = home / "provider.sqlite"
        self._provider_port, self._api_port = free_port(), free_port()
        self.provider_url = f"http://127.0.0.1:{self._provider_port}"
        self.url = f"http://127.0.0.1:{self._api_port}"
        self._payments = {"CASETRAIL_PAYMENTS": f"local:{self.provider_url}"}
        self.tokens = _tokens(self.dsn)
        self.to_api, self.to_worker = CuttingProxy(self.dsn), CuttingProxy(self.dsn)
        # Two addresses of one database.
        self._payments |= {"CASETRAIL_KEYS": str(home / "keys")}
        self.workers: list[Program] = []
        self.answers: dict[OrderedPayment, PaymentAnswer] = {}
        self._known = threading.Lock()
        # Kept, since creating a client takes longer than most requests.
        self._http = httpx2.Client(timeout=10)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.to_api)
            stack.enter_context(self.to_worker)
            self.start_provider()
            self.api = self._start_api()
            self.workers = [self._start_worker()]
            self.ensure_running()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._programs.end()
        self._stack.close()
        self._http.close()

    def ensure_running(self, workers: int = 1) -> None:
        """Restart every part that is not running."""
        if self.server.postmaster is None:
            self.server.start()
        if not self.provider.is_running:
            self.start_provider()
        if not self.api.is_running:
            self.api = self._start_api()
        self.workers = [worker for worker in self.workers if worker.is_running]
        while len(self.workers) < workers:
            self.workers.append(self._start_worker())
        wait_until_answering(self.api, self.url)
        eventually("the provider answers", self._provider_answers, START_SECONDS)

    def start_provider(self) -> None:
        words = ("provider", "--port", self._provider_port, "--ledger", self.ledger)
        self.provider = self._programs.start(*words)

    def _start_api(self) -> Program:
        words = ("serve", "--no-worker", "--processes", 1, "--port", self._api_port)
        environment = {"DATABASE_URL": self.to_api.dsn, **self._payments}
        return self._programs.start(*words, **environment)

    def _start_worker(self) -> Program:
        return self._programs.start("worker", DATABASE_URL=self.to_worker.dsn, **self._payments)

    def _provider_answers(self) -> bool:
        with suppress(httpx2.TransportError):
            return self._http.get(self.provider_url).status_code == 200
        return False

    def kill_worker(self) -> None:
        self.workers[0].kill()

    def kill_database(self) -> None:
        kill_postgres(self.server)

    def switch(self, **switches: object) -> None:
        """Set how the provider handles the next refund request."""
        answer = self._http.post(f"{self.provider_url}/switches", json={**switches, "times": 1})
        assert answer.status_code == 200, answer.text

    def wait_until_asked(self) -> None:
        """Wait until the provider has received the request that a switch was set for."""

        def taken() -> bool:
            return self._http.get(f"{self.provider_url}/switches").json()["times"] is None

        eventually("the provider is asked for a refund", taken, within=15)

    def wait_until_written(self, one: OrderedPayment) -> None:
        eventually("the ledger has it", lambda: self.written(one), within=15)

    def written(self, one: OrderedPayment) -> Found:
        return [row for row in self.in_ledger() if row[0] == one.adjustment]

    def in_ledger(self) -> Found:
        """Key, amount, currency and status of each refund, read from the provider's own file."""
        connection = sqlite3.connect(self.ledger, timeout=5)
        try:
            return connection.execute(
                "SELECT key, amount, currency, status FROM refunds ORDER BY number"
            ).fetchall()
        finally:
            connection.close()

    def approved(self, count: int, prefix: str) -> list[OrderedPayment]:
        """Create adjustments of so many orders: proposed by ana, approved by tia or omar."""
        cases = self._paid_orders(count, prefix)
        return [self._approved(case, n) for n, case in enumerate(cases)]

    def _paid_orders(self, count: int, prefix: str) -> list[str]:
        signals = [
            signal for n in range(count) for signal in _paid_and_out_of_stock(f"{prefix}-{n}")
        ]
        body = msgspec.json.encode(signals)
        headers = headers_of(self.tokens["shop"], None, None)
        answer = self._http.post(f"{self.url}/v1/signals", content=body, headers=headers)
        items = _require_success(answer).json()["items"]
        cases = [
            *dict.fromkeys(
                touched["case"]
                for item in items
                for touched in item.get("cases", ())
                if touched["kind"] == "stock_unavailable"
            )
        ]
        assert len(cases) == count
        return cases

    def _approved(self, case: str, number: int) -> OrderedPayment:
        def post(person: str, path: str, version: int, **body: object) -> Any:
            key = f"{case}{path}"
            headers = headers_of(self.tokens[person], key, f'"{version}"')
            sent = msgspec.json.encode(body)
            url = f"{self.url}/v1/cases/{case}{path}"
            return _require_success(self._http.post(url, content=sent, headers=headers)).json()

        found = post("ana", "/claim", self._get(f"/v1/cases/{case}")["version"])
        amount = f"{30 + 25 * (number % 30)}.{number:02}"
        found = post(
            "ana",
            "/adjustments",
            found["version"],
            kind="partial_refund",
            amount={"amount": amount, "currency": "EUR"},
            reason="not_received",
        )
        proposed = found["adjustments"][-1]
        approver = "tia" if Decimal(amount) <= TIAS_LIMIT and number % 2 else "omar"
        path = f"/adjustments/{proposed['id']}"
        found = post(approver, f"{path}/approve", found["version"], digest=proposed["digest"])
        assert found["adjustments"][-1]["state"] == "approved"
        return OrderedPayment(
            case=case,
            adjustment=proposed["id"],
            amount=amount,
            path=f"/v1/cases/{case}{path}/execute",
            body=msgspec.json.encode({"digest": proposed["digest"]}),
            key=f"execute-{proposed['id']}",
            version=f'"{found["version"]}"',
        )

    def _get(self, path: str) -> Any:
        headers = headers_of(self.tokens["fay"], None, None)
        return _require_success(self._http.get(f"{self.url}{path}", headers=headers)).json()

    def execute(self, one: OrderedPayment) -> None:
        """Order the payment as fay; repeat with the same key until there is an answer."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            assert time.monotonic() < deadline, f"{one.path} is not answered"
            with suppress(httpx2.TransportError):
                got = self._order(one)
                if got.status_code < 500 and b"in-flight" not in got.content:
                    break
            time.sleep(0.1)
        answered = PaymentAnswer(
            got.status_code, got.content, int(got.headers["Casetrail-Position"])
        )
        with self._known:
            self.answers[one] = answered

    def _order(self, one: OrderedPayment) -> httpx2.Response:
        headers = headers_of(self.tokens["fay"], one.key, one.version)
        return self._http.post(f"{self.url}{one.path}", content=one.body, headers=headers)

    def executing(self, one: OrderedPayment) -> threading.Thread:
        """Do the same in a thread, so that the caller can continue."""
        thread = threading.Thread(target=self.execute, args=[one], daemon=True)
        thread.start()
        return thread

    def shown(self, one: OrderedPayment) -> Any:
        found = self._get(f"/v1/cases/{one.case}")["adjustments"]
        return next(each for each in found if each["id"] == one.adjustment)

    def wait_until_settled(self, *all_of_them: OrderedPayment, within: float) -> None:
        left = [*all_of_them]

        def settled() -> bool:
            time.sleep(LOOK_SECONDS)  # polling slows the service down
            with suppress(AssertionError, httpx2.TransportError):
                while left and self.shown(left[-1])["state"] in ("executed", "failed"):
                    left.pop()
            return not left

        try:
            eventually("each is paid, or refused", settled, within)
        except AssertionError as error:
            output = "\n".join(worker.output[-4000:] for worker in self.workers)
            raise AssertionError(f"{error}: {left}; output of the worker:\n{output}") from None

    def assert_answers_are_given_again(self) -> None:
        for one, first in self.answers.items():
            again = self._order(one)
            assert (again.status_code, again.content) == (first.status, first.body)
            assert int(again.headers["Casetrail-Position"]) == first.position
            assert again.headers["Idempotent-Replayed"] == "true"

    def assert_the_provider_answers_agree_with_its_file(self) -> None:
        """Compare all pages of its list, and its statement, with its file."""
        transactions: list[dict[str, Any]] = []
        query = "?limit=100"
        while query:
            page = self._http.get(f"{self.provider_url}/refunds{query}").json()
            transactions += page["items"]
            query = f"?limit=100&after={page['next']}" if page["next"] else ""
        listed = [(t["key"], t["amount"]["amount"], t["amount"]["currency"]) for t in transactions]
        assert listed == [row[:3] for row in self.in_ledger()]
        statement = self._http.get(f"{self.provider_url}/statement").text.splitlines()
        assert statement[-1] == f"end,{len(transactions)}"


def assert_paid_once(
    lines: Sequence[RecordedEvent],
    ledger: Found,
    ordered: Sequence[OrderedPayment],
    answers: dict[OrderedPayment, PaymentAnswer],
) -> None:
    """Compare the log, the provider's ledger and the answers to clients with each other."""
    trail: defaultdict[str, list[RecordedEvent]] = defaultdict(list)
    for line in lines:
        if line.type.startswith("case.adjustment_"):
            trail[str(line.event.adjustment)].append(line)  # type: ignore[union-attr]
    paid = Counter(key for key, *_, status in ledger if status != "failed")
    assert paid.keys() <= {one.adjustment for one in ordered}, "money that nobody ordered"
    assert set(paid.values()) <= {1}, f"paid more than once: {paid}"
    amounts = {key: (amount, currency) for key, amount, currency, _ in ledger}
    for one in ordered:
        events = trail[one.adjustment]
        (proposed,) = _of(events, AdjustmentProposed)
        (approved,) = _of(events, AdjustmentApproved)
        (started,) = _of(events, ExecutionStarted)
        assert len(_of(events, OutcomeInDoubt)) <= 1, "the doubt about the outcome is recorded once"
        (outcome,) = [*_of(events, AdjustmentExecuted), *_of(events, ExecutionFailed)]
        assert [approved.position, started.position, outcome.position] == sorted(
            {approved.position, started.position, outcome.position}
        )
        people = [line.actor.person for line in (proposed, approved, started)]
        assert len({*people}) == 3
        assert outcome.actor.person is None
        wanted = (one.amount, "EUR")
        assert (proposed.event.amount.amount, proposed.event.amount.currency) == wanted  # type: ignore[union-attr]
        if isinstance(outcome.event, AdjustmentExecuted):
            assert paid[one.adjustment] == 1
            assert amounts[one.adjustment] == wanted
            given = outcome.event.amount
            assert (given.amount, given.currency) == wanted
        else:
            assert one.adjustment not in paid, "the log says that it failed"
        assert started.cause == f"command:{one.key}"
        assert answers[one].status == 200
        assert answers[one].position == started.position
    executed = {key for key, events in trail.items() if _of(events, AdjustmentExecuted)}
    assert executed == paid.keys()


def arm_fault(
    proxy: CuttingProxy, fault: Fault, meanwhile: Callable[[], object]
) -> Callable[[], None]:
    """Arm a fault; the returned function waits until the fault and `meanwhile` are done."""
    done = threading.Event()

    def strike() -> None:
        meanwhile()
        done.set()

    proxy.arm(fault, strike)

    def wait() -> None:
        assert done.wait(20), f"nothing was appended to strike at ({fault})"

    return wait


def _of(lines: Sequence[RecordedEvent], kind: type) -> list[RecordedEvent]:
    return [line for line in lines if isinstance(line.event, kind)]


def _require_success(answer: httpx2.Response) -> httpx2.Response:
    assert answer.status_code == 200, answer.text
    return answer


def _tokens(dsn: str) -> dict[str, str]:
    prepare_database(dsn)
    with desks(dsn) as working:
        working.ensure_policy()
        for name, role in PEOPLE.items():
            working.people.add(name, [role], working.clock())
        tokens = {name: working.people.issue_token(name, working.clock()) for name in PEOPLE}
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return tokens


def _paid_and_out_of_stock(order: str) -> list[Signal]:
    now = datetime.now(UTC)
    price = PositiveMoney("900.00", "EUR")
    customer = Customer(id=f"C-{order}")
    lines = (Line(sku="kettle-17", price=price),)
    return [
        OrderPlaced(
            source="storefront",
            id=f"{order}-placed",
            order=order,
            event_time=now,
            customer=customer,
            lines=lines,
            tenders=("card",),
        ),
        PaymentCaptured(
            source="psp", id=f"{order}-paid", order=order, event_time=now, amount=price
        ),
        StockUnavailable(source="wms", id=f"{order}-out", order=order, event_time=now),
    ]
