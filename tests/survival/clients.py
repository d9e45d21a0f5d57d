"""Clients that send signals and commands from many threads, and a ledger of the answers they got.

The clients keep the ledger, and at the end it is compared with the log. A request without an answer, or
with a 5xx answer, is sent again with the same key and body until it is answered. This checks the invariants
I1, I2, I3 and I7 of trust.md.
"""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import msgspec
from msgspec import Struct

from api.composition import desks, prepare_database
from api.http.process_client import DEADLINE_SECONDS
from domain.money import PositiveMoney
from domain.orders.purchase_signals import Customer, Line, OrderPlaced
from domain.orders.signals import Signal
from domain.orders.stock_signals import StockAllocated
from domain.people import Role
from domain.personal_data import extract_personal
from domain.recorded_event import RecordedEvent
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.survival.log_checks import assert_no_case_is_doubled, signals_in
from tests.survival.programs import eventually

THREADS = 8
ANSWER_SECONDS = 40
SIGNALS_OF_A_BATCH = 12
SHARED_ORDERS = 25
QUEUE = "payment_hold_review"
STARTED_AT = datetime.now(UTC).replace(microsecond=0)
LINES = (Line(sku="kettle-17", price=PositiveMoney("39.90", "EUR")),)


def tokens_of(dsn: str, names: Sequence[str]) -> list[str]:
    """Add people to a migrated database; return a token for each, valid from the start of the API."""
    prepare_database(dsn)
    with desks(dsn) as working:
        working.ensure_policy()
        for name in names:
            working.people.add(name, [Role.HANDLER, Role.INTEGRATOR], working.clock())
        tokens = [working.people.issue_token(name, working.clock()) for name in names]
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return tokens


class Answer(Struct, frozen=True):
    status: int
    body: bytes
    position: int
    replayed: bool
    tries: int
    seconds: float
    """How long the last try took."""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Command(Struct, frozen=True):
    """A request with a key, and its answer."""

    token: str
    path: str
    key: str
    body: bytes
    version: str | None
    answer: Answer


class PromisedSignal(Struct, frozen=True):
    """A signal that the API has acknowledged at this position."""

    signal: Signal
    position: int


class PromiseLedger:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: dict[tuple[str, str], Signal] = {}
        self.promised: list[PromisedSignal] = []
        self.commands: list[Command] = []
        self.wrong: list[str] = []
        self.unanswered: Counter[str] = Counter()
        self.successes = 0

    def complain(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)

    def succeeded_since(self, successes: int) -> bool:
        return self.successes > successes

    def assert_holds(self, lines: Sequence[RecordedEvent]) -> None:
        """Compare the ledger with the whole log."""
        assert self.wrong == []
        in_log = signals_in(lines)
        assert [name for name, count in in_log.items() if count > 1] == []
        assert in_log.keys() <= self.sent.keys()
        stored = {
            (line.event.signal.order, line.event.signal.key): line
            for line in lines
            if line.type == "order.signal_recorded"
        }
        for promise in self.promised:
            line = stored.get((promise.signal.order, promise.signal.key))
            assert line is not None, f"acknowledged and not in the log: {promise}"
            sealed, _ = extract_personal(
                promise.signal
            )  # as a reader without keys for personal data sees it
            assert line.event.signal == sealed
            assert line.position <= promise.position
        by_cause = defaultdict(list)
        for line in lines:
            by_cause[line.cause].append(line)
        for command in self.commands:
            if command.path.startswith("/v1/signals") or command.answer.status == 204:
                continue
            done = by_cause[f"command:{command.key}"]
            assert len(done) == 1, f"{command.path} {command.key} happened {len(done)} times"
            assert done[0].position == command.answer.position
            assert done[0].version == command.answer.json["version"]
        assert_no_case_is_doubled(lines)

    def assert_answers_are_given_again(self, url: str, most: int = 150) -> None:
        """Send each request with a key once more; it gets the first answer byte for byte."""
        chosen = random.Random(7).sample(self.commands, min(most, len(self.commands)))
        with httpx2.Client(base_url=url, timeout=10) as http:
            for command in chosen:
                again = http.post(
                    command.path,
                    content=command.body,
                    headers=headers_of(command.token, command.key, command.version),
                )
                assert again.content == command.answer.body
                assert again.status_code == command.answer.status
                assert int(again.headers["Casetrail-Position"]) == command.answer.position
                assert again.headers["Idempotent-Replayed"] == "true"


def headers_of(token: str, key: str | None, version: str | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    if version is not None:
        headers["If-Match"] = version
    return headers


class Client:
    """The signals and commands of one thread."""

    def __init__(self, name: str, url: str, token: str, ledger: PromiseLedger, seed: int) -> None:
        self._name = name
        self._url = url
        self._token = token
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._requests = 0
        self._orders = 0

    def work(self, ending: threading.Event) -> None:
        with httpx2.Client(base_url=self._url, timeout=10) as self._http:
            while not ending.is_set():
                choice = self._chance.random()
                if choice < 0.5:
                    self._send([self._new_order() for _ in range(SIGNALS_OF_A_BATCH)])
                elif choice < 0.7:
                    self._send([self._shared_signal() for _ in range(SIGNALS_OF_A_BATCH)])
                else:
                    self._work_a_case()
                ending.wait(0.05)

    def _new_order(self) -> Signal:
        self._orders += 1
        order = f"{self._name}-{self._orders}"
        # An order without a means of payment opens a case at once.
        tenders = () if self._chance.random() < 0.25 else ("card",)
        return OrderPlaced(
            source="storefront",
            id=f"{order}-placed",
            order=order,
            event_time=STARTED_AT,
            customer=Customer(id=f"C-{order}"),
            lines=LINES,
            tenders=tenders,
        )

    def _shared_signal(self) -> Signal:
        """Send a signal that every thread sends: exactly one of them must be recorded."""
        number = self._chance.randrange(400)
        order = f"shared-{number % SHARED_ORDERS}"
        return StockAllocated(
            source="wms",
            id=f"{order}-{number}",
            order=order,
            event_time=STARTED_AT,
            warehouse="north",
        )

    def _send(self, signals: Sequence[Signal]) -> None:
        unique = list({signal.key: signal for signal in signals}.values())
        ours = all(signal.order.startswith(self._name) for signal in unique)
        with self._ledger.lock:
            self._ledger.sent.update({(s.order, s.key): s for s in unique})
        key = self._new_key() if self._chance.random() < 0.5 else None
        answer = self._ask("/v1/signals", msgspec.json.encode(unique), key)
        if answer is None:
            return
        outcomes = Counter(item["outcome"] for item in answer.json["items"])
        if outcomes["refused"] or outcomes.total() != len(unique):
            self._ledger.complain(f"not all were taken: {answer.body!r}")
        # The first answer to a request with a key describes what the request did, even if it arrives late.
        # Without a key, another process may have recorded a part and not have answered in time.
        in_time = answer.tries == 1 and answer.seconds < DEADLINE_SECONDS
        if ours and (key or in_time) and outcomes["recorded"] != len(unique):
            self._ledger.complain(
                f"{self._name} got answers about duplicates of its own signals: {outcomes}"
            )
        with self._ledger.lock:
            self._ledger.promised += [PromisedSignal(signal, answer.position) for signal in unique]

    def _work_a_case(self) -> None:
        claimed = self._ask(f"/v1/queues/{QUEUE}/claim-next", b"", self._new_key())
        if claimed is None or claimed.status == 204:
            return
        case = claimed.json
        version = f'"{case["version"]}"'
        if self._chance.random() < 0.5:
            body = msgspec.json.encode({"note": "for somebody else"})
            self._ask(f"/v1/cases/{case['id']}/release", body, self._new_key(), version)
        else:
            body = msgspec.json.encode(
                {
                    "reason": "no_fault_found",
                    "root_cause": "upstream_data",
                    "evidence": [f"storefront/{case['order']}-placed"],
                }
            )
            self._ask(f"/v1/cases/{case['id']}/resolve", body, self._new_key(), version)

    def _new_key(self) -> str:
        self._requests += 1
        return f"{self._name}.{self._requests}"

    def _ask(
        self, path: str, body: bytes, key: str | None, version: str | None = None
    ) -> Answer | None:
        """Send until there is an answer; record a complaint and return None if it is a refusal."""
        deadline = time.monotonic() + ANSWER_SECONDS
        headers = headers_of(self._token, key, version)
        tries = 0
        while True:
            tries += 1
            began = time.monotonic()
            try:
                got = self._http.post(path, content=body, headers=headers)
            except httpx2.TransportError as error:
                unknown = type(error).__name__
            else:
                # The first request may still be running: send this one again, too.
                in_flight = got.status_code == 409 and b"in-flight" in got.content
                if got.status_code < 500 and not in_flight:
                    break
                unknown = str(got.status_code)
            with self._ledger.lock:
                self._ledger.unanswered[unknown] += 1
            if time.monotonic() > deadline:
                self._ledger.complain(f"{path} {key}: no answer in {tries} tries, last {unknown}")
                return None
            time.sleep(0.05)
        if got.status_code not in (200, 204):
            self._ledger.complain(
                f"{path} {key} in try {tries}: {got.status_code} {got.content.decode()}"
            )
            return None
        answer = Answer(
            got.status_code,
            got.content,
            int(got.headers["Casetrail-Position"]),
            "Idempotent-Replayed" in got.headers,
            tries,
            time.monotonic() - began,
        )
        with self._ledger.lock:
            self._ledger.successes += 1
            if key is not None:
                self._ledger.commands.append(Command(self._token, path, key, body, version, answer))
        return answer


class Follower:
    """Follow the feed from the start, as an external consumer does: it keeps only `next_after`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self.after = 0
        self.seen: list[tuple[int, str]] = []
        self.is_level = False

    def work(self, ending: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx2.Client(base_url=self._url, timeout=10, headers=headers) as http:
            while not ending.is_set():
                try:
                    got = http.get("/v1/events", params={"after": self.after, "limit": 200})
                except httpx2.TransportError:
                    ending.wait(0.05)
                    continue
                if got.status_code != 200:
                    ending.wait(0.05)
                    continue
                page = msgspec.json.decode(got.content)
                self.seen += [(item["position"], item["stream"]) for item in page["items"]]
                self.after = page["next_after"]
                self.is_level = self.after == page["head"]
                if not page["items"]:
                    ending.wait(0.05)

    def assert_saw_all_once(self, lines: Sequence[RecordedEvent]) -> None:
        """Check that it saw each line once, up to its stop; workers may have added lines since."""
        assert [position for position, _ in self.seen] == list(range(1, len(self.seen) + 1))
        expected = [(line.position, str(line.stream)) for line in lines]
        assert self.seen == expected[: len(self.seen)]
        last = max(line.position for line in lines if line.type == "order.signal_recorded")
        assert len(self.seen) >= last


@contextmanager
def run_clients(
    url: str, tokens: Sequence[str], seed: int
) -> Iterator[tuple[PromiseLedger, Follower]]:
    """Run clients in many threads and a follower of the feed; at the end wait for all answers."""
    ledger, follower = PromiseLedger(), Follower(url, tokens[0])
    ending, over = threading.Event(), threading.Event()
    clients = [
        Client(f"c{seed}x{n}", url, tokens[n % len(tokens)], ledger, seed + n)
        for n in range(THREADS)
    ]
    threads = [threading.Thread(target=c.work, args=(ending,), daemon=True) for c in clients]
    following = threading.Thread(target=follower.work, args=(over,), daemon=True)
    for thread in (*threads, following):
        thread.start()
    try:
        yield ledger, follower
        ending.set()
        for thread in threads:
            thread.join(ANSWER_SECONDS + 15)
        assert not any(thread.is_alive() for thread in threads), "a client waits for ever"
        follower.is_level = False
        eventually("the follower has seen the head", lambda: follower.is_level, within=20)
    finally:
        ending.set()
        over.set()
        following.join(15)


def wait_for_success(ledger: PromiseLedger, within: float) -> None:
    """Wait until the next request succeeds."""
    before = ledger.successes
    eventually(
        f"a first success; unanswered so far: {dict(ledger.unanswered)}",
        lambda: ledger.succeeded_since(before),
        within,
    )
