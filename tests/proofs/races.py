"""Two processes in which one human tries two duties at the same moment, and the work they get.

    python -m tests.proofs.races DSN SIDE PAIRS RULES SOCKET ...

There is one socket for each lane and one thread in both processes: before each pair of attempts the
two threads wait for each other. The second one reads the case again and retries, as a client does.
The outcome of each attempt is printed at the end as JSON.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.persistence import StoredEvent

from application.log.event_log import unsealed_subject_of
from application.log.recorder import Append, DutyRow, DutyTaken, LogRecorder
from domain.adjustments.adjustment import adjustment_id
from domain.adjustments.kinds import Duty
from domain.adjustments.ledger import ledger_of_customer, ledger_of_order
from domain.cases.errors import CaseChanged
from domain.cases.exception_case import case_stream
from domain.errors import CasetrailError
from domain.orders.order import order_stream
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.proofs.branching_recorder import BranchingRecorder
from tests.proofs.removed_rule import remove_the_domain_rule
from tests.proofs.scene import SECOND, Move, ProofScene

ROOT = Path(__file__).parents[2]
AT_ONCE = 50
"""Cases that are written in one append."""
ATTEMPTS = 5
LANES = 4
SLOWEST_SECONDS = 0.2
"""For each pair, on a machine that does other work too."""
CUSTOMER = "c-1"
BOTH, DATABASE_ALONE, ROWS_ALONE = "both", "database", "rows"


class Race(NamedTuple):
    """The story of a case before the race, and the two acts that one human then tries. `loses`
    is the act that must lose, if one must."""

    before: tuple[Move, ...]
    left: Move
    right: Move
    loses: str | None = "DutyConflict"


_CLAIM = Move("ana's key", "claim")
_SMALL = Move("ana's key", "propose small")
RACES: dict[str, Race] = {
    "approve or review": Race((_CLAIM, _SMALL), Move("bo", "approve"), Move("bob", "note")),
    "approve or execute": Race(
        (_CLAIM, _SMALL, _SMALL, Move("cy", "approve", 0)),
        Move("bo", "approve", 1),
        Move("bob", "execute", 0),
    ),
    "execute or reconcile": Race(
        (
            _CLAIM,
            _SMALL,
            _SMALL,
            Move("cy", "approve", 0),
            Move("cy", "approve", 1),
            Move("dee", "execute", 0),
            Move("payer", "paid", 0),
        ),
        Move("bo", "execute", 1),
        Move("bob", "reconcile", 0),
    ),
    "reconcile or review": Race(
        (_CLAIM, _SMALL, Move("cy", "approve"), Move("dee", "execute"), Move("payer", "paid")),
        Move("bo", "reconcile"),
        Move("bob", "note"),
    ),
    "approve for another or review": Race(
        (_CLAIM, _SMALL), Move("dee for cy", "approve"), Move("dee", "note")
    ),
    "approve or review by an agent": Race(
        (_CLAIM, _SMALL), Move("cy", "approve"), Move("cy's agent", "note")
    ),
    "approve twice": Race(
        (_CLAIM, Move("ana's key", "propose large")),
        Move("bo", "approve"),
        Move("bob", "approve"),
        "ApprovedAlready",
    ),
    "approve in one case or work on the other": Race(
        (_CLAIM, _SMALL, Move("cy", "open", 0, True)),
        Move("bo", "approve"),
        Move("bob", "note", 0, True),
    ),
    "approve in one case or execute in the other": Race(
        (
            _CLAIM,
            _SMALL,
            Move("cy", "open", 0, True),
            Move("cy", "claim", 0, True),
            Move("cy", "propose small", 0, True),
            Move("dee", "approve", 0, True),
        ),
        Move("bo", "approve"),
        Move("bob", "execute", 0, True),
    ),
    "propose for one customer": Race(
        (_CLAIM,), Move("ana's key", "propose small"), Move("ana's login", "propose small"), None
    ),
}


def race_of(number: int) -> str:
    return [*RACES][number % len(RACES)]


def orders_of(number: int) -> tuple[str, str]:
    """The two orders of one customer; a race about one case uses the first."""
    return f"o-{number}", f"o-{number}b"


class PreparedStory(NamedTuple):
    """A recorded story, to be written again under other names."""

    events: Sequence[StoredEvent]
    duties: Sequence[tuple[UUID, str, Duty]]
    names: tuple[str | UUID, ...]

    @classmethod
    def of(cls, race: Race) -> PreparedStory:
        recorder = BranchingRecorder()
        scene = ProofScene(recorder)
        people = recorder.place()
        scene.move_clock(race.before, scene.open_new_case())
        names = _names("o-1", CUSTOMER)
        # The customer's adjustments are no part of a story: each copy has its own customer.
        streams = {*names} - {ledger_of_customer(unsealed_subject_of(CUSTOMER))}
        events = [event for event in recorder.since(people) if event.originator_id in streams]
        rows = recorder.place().duties
        duties = [(where, person, duty) for (where, person), duty in rows.items()]
        return cls(events, duties, names)

    def under(self, order: str, customer: str) -> tuple[list[StoredEvent], list[DutyRow]]:
        names = dict(zip(self.names, _names(order, customer), strict=True))
        texts = {f'"{one}"'.encode(): f'"{other}"'.encode() for one, other in names.items()}
        events = []
        for event in self.events:
            state = event.state
            for one, other in texts.items():
                state = state.replace(one, other)
            stream = names[event.originator_id]  # type: ignore[index]
            events.append(StoredEvent(stream, event.originator_version, event.topic, state))  # type: ignore[arg-type]
        rows = [DutyRow(names[where], person, duty) for where, person, duty in self.duties]  # type: ignore[index,arg-type]
        return events, rows


def _names(order: str, customer: str) -> tuple[str | UUID, ...]:
    case = case_stream(order, "stock_unavailable", 1)
    return (
        order,
        customer,
        order_stream(order),
        case,
        case_stream(order, "refund_due", 1),
        (second := case_stream(order, SECOND, 1)),
        adjustment_id(second, 1),
        ledger_of_order(order),
        ledger_of_customer(unsealed_subject_of(customer)),
        adjustment_id(case, 1),
        adjustment_id(case, 2),
    )


def prepare(recorder: LogRecorder, pairs: int) -> None:
    """Prepare the cases of all races, each in the state before its race."""
    ProofScene(recorder)
    prepared = {name: PreparedStory.of(race) for name, race in RACES.items()}
    for start in range(0, pairs, AT_ONCE):
        events: list[StoredEvent] = []
        duties: list[DutyRow] = []
        for number in range(start, min(start + AT_ONCE, pairs)):
            name = race_of(number)
            orders = orders_of(number) if RACES[name].loses is None else orders_of(number)[:1]
            for order in orders:
                # An approval covers all facts of the order, including the customer's id.
                customer = f"c-{number}" if RACES[name].loses is None else CUSTOMER
                written, rows = prepared[name].under(order, customer)
                events += written
                duties += rows
        recorder.append(Append(events, duties=duties))


class Racer:
    """One of the two processes, as the test sees it."""

    def __init__(
        self, dsn: str, side: int, pairs: int, rules: str, others: Sequence[socket.socket]
    ) -> None:
        lanes = [one.fileno() for one in others]
        words = [dsn, str(side), str(pairs), rules, *map(str, lanes)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.proofs.races", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=lanes,
        )

    def outcomes(self, within: float) -> list[str]:
        output, _ = self.process.communicate(timeout=within)
        assert self.process.returncode == 0
        found: list[str] = json.loads(output)
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def race(dsn: str, pairs: int, rules: str) -> list[tuple[str, str]]:
    """The outcomes of both attempts of each pair."""
    within = 300 + pairs * SLOWEST_SECONDS
    with ExitStack() as stack:
        lanes = [socket.socketpair() for _ in range(LANES)]
        for end in chain(*lanes):
            stack.enter_context(end)
        sides = zip(*lanes, strict=True)
        racers = [Racer(dsn, n, pairs, rules, ends) for n, ends in enumerate(sides)]
    try:
        outcomes = [racer.outcomes(within) for racer in racers]
    finally:
        for racer in racers:  # also the other one, if one took too long
            racer.end()
    return [*zip(*outcomes, strict=True)]


def attempt_of(scene: ProofScene, side: int, number: int, other: socket.socket) -> str:
    one = RACES[race_of(number)]
    # The acts change sides, so that neither always has the same process.
    move = (one.left, one.right)[(number + number // len(RACES) + side) % 2]
    order = orders_of(number)[side if one.loses is None else 0]
    case_id = case_stream(order, SECOND if move.in_second else "stock_unavailable", 1)
    scene.cases.current([case_id])
    synchronize(other)
    return attempt(scene, case_id, move)


def attempt(scene: ProofScene, case_id: UUID, move: Move) -> str:
    """`done` or the refusal; preceded by `later` if the other act came first."""
    later = ""
    for _ in range(ATTEMPTS):
        [case] = (scene.cases.cached if not later else scene.cases.current)([case_id]).values()
        try:
            scene.make(move, case)
        except CaseChanged:
            later = "later "
        except CasetrailError as error:
            return later + type(error).__name__
        else:
            return later + "done"
    return "gave up"


def take_row(recorder: LogRecorder, side: int, number: int, other: socket.socket) -> str:
    """Write the rows of duties only, without a version conflict or a decision."""
    case = uuid5(NAMESPACE_URL, f"case {number}")
    own = StoredEvent(uuid5(case, str(side)), 1, "written", b"{}")
    duty = [*Duty][(number + side * (1 + number % 3)) % len(Duty)]
    synchronize(other)
    try:
        recorder.append(Append([own], duties=[DutyRow(case, "bo", duty)]))
    except DutyTaken:
        return "DutyTaken"
    return "done"


def synchronize(other: socket.socket) -> None:
    other.sendall(b".")
    assert other.recv(1) == b"."


def main(dsn: str, side: int, pairs: int, rules: str, descriptors: Sequence[int]) -> None:
    recorder = PostgresLogRecorder(Datastore(dsn))
    if rules == DATABASE_ALONE:
        remove_the_domain_rule()
    once = (
        partial(take_row, recorder)
        if rules == ROWS_ALONE
        else partial(attempt_of, ProofScene(recorder))
    )
    results = [""] * pairs

    def run(lane: int) -> None:
        with socket.socket(fileno=descriptors[lane]) as other:
            for number in range(lane, pairs, len(descriptors)):
                results[number] = once(side, number, other)

    with ThreadPoolExecutor(len(descriptors)) as pool:
        for _ in pool.map(run, range(len(descriptors))):
            pass
    recorder.close()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], [*map(int, sys.argv[5:])])
