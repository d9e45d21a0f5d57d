"""One service over a log in memory: it takes signals and commands, and tests read the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from application.cases.case_desk import CaseDesk
from application.cases.recovery_desk import RecoveryDesk
from application.log import streams
from application.log.caller import Caller
from application.log.event_codec import to_stored
from application.log.event_log import EventLog
from application.log.sealing import Seals
from application.money.told_refunds import ToldRefunds
from application.orders.batches import Arrival
from application.orders.intake import Intake, Receipt
from application.orders.look_ups import LookUp
from application.timekeeper import Timekeeper
from domain.backlog.events import BacklogMeasurement
from domain.cases.events import Resolution
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.step_commands import CompleteTask, ReleaseHold
from domain.orders.order import Order, order_stream
from domain.orders.signals import Signal
from domain.people import Actor
from domain.policy.rulebook import Rulebook
from domain.policy.service_levels import without_clocks_and_look_ups
from domain.recorded_event import Event, RecordedEvent
from infrastructure.address_check import check_address
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.policies.files import load_policy
from projections.queue import QUEUE, QueueRow
from tests.domain.signals import ORDER, after

SHIPPED_RULEBOOK = load_policy()
UNTIMED_RULEBOOK = Rulebook(without_clocks_and_look_ups(SHIPPED_RULEBOOK.document))
"""The policy that ships, with no clock running: most tests are about what is detected."""
SENDER = Actor("key:test")


def staff(role: str) -> tuple[str, ...]:
    """The staff of a role; no ops manager exists."""
    return {"team_lead": ("tia",), "executive_sponsor": ("eve",)}.get(role, ())


END_OF_TIME = datetime(2300, 1, 1, tzinfo=UTC)
RESOLUTION = Resolution(
    reason=ResolutionReason.RESOLVED_AS_EXPECTED,
    root_cause=RootCause.UPSTREAM_DATA,
    evidence=("test/1",),
)


class InMemoryService:
    """The parts of one process; processes that work side by side share `recorder`."""

    def __init__(
        self,
        rulebook: Rulebook = UNTIMED_RULEBOOK,
        recorder: InMemoryLogRecorder | None = None,
        seals: Seals | None = None,
    ) -> None:
        self.recorder = recorder or InMemoryLogRecorder()
        self.rulebook = rulebook
        self.log = EventLog(self.recorder, seals)
        self.orders = streams.orders(self.log)
        self.cases = streams.cases(self.log)
        look_up = LookUp(streams.histories(self.log), check_address, self.log.subject_of)
        self.ledgers = streams.ledgers(self.log)
        self.intake = Intake(
            self.log,
            self.orders,
            self.cases,
            lambda: self.rulebook,
            staff,
            look_up,
            ToldRefunds(self.log, self.ledgers).writes,
        )
        self.timekeeper = Timekeeper(
            self.log,
            self.orders,
            self.cases,
            lambda: self.rulebook,
            staff,
            {streams.HELD: self.intake.held.tick},
            self.intake.held.complete,
        )
        self.recovery = RecoveryDesk(
            self.log, streams.recoveries(self.log), lambda: self.rulebook, self.backlogs
        )
        self.stored_files: set[str] | None = None
        """The refs in the evidence store; None if every file is in it."""
        self.desk = CaseDesk(
            self.log,
            self.orders,
            self.cases,
            lambda: self.rulebook,
            staff,
            is_file_stored=lambda ref: self.stored_files is None or ref in self.stored_files,
        )

    def another_process(self) -> InMemoryService:
        """Another process over the same log."""
        return InMemoryService(self.rulebook, self.recorder)

    # given

    def follow(self, rulebook: Rulebook, at: datetime) -> None:
        """Decide by the rulebook that is in force at this time."""
        self.rulebook = rulebook

    def take(self, *signals: Signal, at: datetime) -> Sequence[Receipt]:
        return self.intake.take([Arrival(s, at) for s in signals], SENDER).receipts

    def tick(self, at: datetime, *, punctual: bool = False) -> None:
        while self.timekeeper.tick_due(at, punctual=punctual):
            pass

    def resolve(self, case: ExceptionCase, at: datetime, person: str = "ana") -> ExceptionCase:
        claimed = self.desk.claim(case.id, case.version, caller(person, at)).case
        return self.resolve_held(claimed, at, person)

    def resolve_held(self, case: ExceptionCase, at: datetime, person: str = "ana") -> ExceptionCase:
        by = caller(person, at)
        for task in case.steps.open_tasks:
            ask = CompleteTask(task=task.task)
            case = self.desk.complete_task(case.id, case.version, ask, by).case
        for hold in case.steps.open_holds:
            let_go = ReleaseHold(hold=hold.hold, note="Go on.")
            case = self.desk.release_hold(case.id, case.version, let_go, by).case
        return self.desk.resolve(case.id, case.version, RESOLUTION, by).case

    def append_unchecked(
        self, stream: UUID, version: int, event: Event, order: str = ORDER
    ) -> None:
        """Write to the log without its checks, as somebody with access to the database could."""
        line = RecordedEvent(
            stream=stream,
            version=version,
            recorded_at=after(9),
            actor=SENDER,
            event=event,
            order=order,
        )
        self.recorder.insert_events([to_stored(line)])

    def backlogs(self) -> tuple[int, dict[str, BacklogMeasurement]]:
        """The backlogs of the queue report, folded from the log."""
        rows: dict[UUID, QueueRow | None] = {}
        for line in self.lines():
            if line.type.startswith("case."):
                rows[line.stream] = QUEUE.fold(rows.get(line.stream), line)
        queued: dict[str, list[datetime]] = {}
        for row in rows.values():
            if row is not None and row.waits_for is None:
                queued.setdefault(row.queue, []).append(row.queued_at)
        position = self.log.head()
        return position, {
            queue: BacklogMeasurement(
                position=position, cases=len(since), oldest_queued_at=min(since)
            )
            for queue, since in queued.items()
        }

    # then

    def lines(self) -> list[RecordedEvent]:
        return self.log.read(0, 1_000_000)

    def order(self, order_id: str = ORDER) -> Order:
        """The order, folded from the log."""
        stream = order_stream(order_id)
        return streams.orders(self.log).current([stream])[stream]

    def found(self) -> list[ExceptionCase]:
        """Every case, folded from the log, in the order of their opening."""
        opened = [
            line.stream for line in self.lines() if line.type in ("case.detected", "case.opened")
        ]
        states = streams.cases(self.log).current(opened)
        return [states[case] for case in opened]

    def only_case(self, kind: str) -> ExceptionCase:
        """The only case of this kind."""
        (case,) = [case for case in self.found() if case.kind == kind]
        return case

    def trail(self, case: UUID) -> list[str]:
        return [line.type for line in self.log.trail(case)]

    def events(self, case: UUID, tag: str) -> list[Any]:
        return [line.event for line in self.log.trail(case) if line.type == tag]

    def case_summaries(self) -> set[tuple[str, UUID, str, bool]]:
        """The cases with their states, and which of them are cleared."""
        return {(case.kind, case.id, str(case.state), case.cleared) for case in self.found()}

    def open_problems(self) -> set[tuple[str, str]]:
        """The kind and the part of each problem that is neither resolved nor gone."""
        return {
            (case.kind, part)
            for case in self.found()
            for part, known in case.parts.items()
            if not (case.is_resolved or known.is_cleared)
        }

    def due(self) -> dict[UUID, datetime]:
        """Every timer."""
        taken = self.recorder.take_due(END_OF_TIME, 1_000_000, timedelta())
        return {due.stream: due.due_at for due in taken}


def caller(person: str, at: datetime) -> Caller:
    return Caller(Actor(f"key:{person}", person), person, at, "command:test")


def kinds(cases: Iterable[ExceptionCase]) -> list[str]:
    return sorted(case.kind for case in cases)
