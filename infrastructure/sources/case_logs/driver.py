"""Carries out a log's steps with the service's own commands, each at the time that the log tells.

What the service refuses is told and not forced; the incident then goes on as the service has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Final, assert_never
from uuid import UUID

import msgspec

from application.cases.case_commands import Done
from application.cases.case_desk import CaseDesk
from application.log.caller import Caller
from domain.cases import work_commands
from domain.cases.events import Resolution
from domain.cases.exception_case import ExceptionCase, State
from domain.cases.reasons import ResolutionReason, RootCause
from domain.clock.terms import Dependency
from domain.errors import CasetrailError
from domain.orders.signals import OrderId
from domain.people import Actor
from infrastructure.sources.case_logs.plan import (
    Assign,
    Close,
    Command,
    HandOff,
    Open,
    PutBack,
    Reopen,
    Reroute,
    Resolve,
    Resume,
    Start,
    Touch,
    Wait,
    plan,
)
from infrastructure.sources.case_logs.replay_policy import KIND, SOMEBODY, UNKNOWN_QUEUE, Names
from infrastructure.sources.case_logs.steps import Impossible, Party, Update

LANES: Final = 16
AT_ONCE: Final = 4_000
PRINCIPAL: Final = "key:case-log"
NOTE: Final = "As the log tells it."
DEPENDENCIES: Final[Mapping[Party, Dependency]] = {
    Party.USER: Dependency.CUSTOMER,
    Party.CUSTOMER: Dependency.CUSTOMER,
    Party.VENDOR: Dependency.VENDOR,
    Party.PROBLEM: Dependency.INTERNAL_TEAM,
    Party.IMPLEMENTATION: Dependency.INTERNAL_TEAM,
    Party.EVIDENCE: Dependency.OTHER,
    Party.OTHER: Dependency.OTHER,
}


def plans_of(
    incidents: Mapping[str, Sequence[Update]],
) -> tuple[list[Command], list[Impossible]]:
    """The commands of all incidents in the order of their times, and what cannot be."""
    commands: list[Command] = []
    impossible: list[Impossible] = []
    for incident, updates in incidents.items():
        try:
            msgspec.convert(incident, OrderId)
        except msgspec.ValidationError as error:
            why = f"none of its {len(updates)} updates: no case can have this id ({error})"
            impossible.append(Impossible(incident, updates[0].number, why))
            continue
        planned = plan(updates)
        commands += planned.commands
        impossible += planned.impossible
    # An incident's own times never fall, and sorting keeps its order among equals.
    commands.sort(key=attrgetter("at"))
    return commands, impossible


class Driver:
    """The cases of a log's incidents, as the commands so far have left them."""

    def __init__(self, desk: CaseDesk, names: Names) -> None:
        self._desk = desk
        self._names = names
        self._cases: dict[str, ExceptionCase] = {}
        self.impossible: list[Impossible] = []

    def drive(self, commands: Sequence[Command], lanes: int = LANES) -> Iterator[int]:
        """Carry them out; yields how many are done.

        Incidents do not touch each other, so many go side by side and share the log's commits. All
        of one incident go in one lane, which keeps their order, and no lane runs far ahead of the
        others, which keeps the log nearly in the order of its times.
        """
        lane_of = {command.incident: 0 for command in commands}
        for number, incident in enumerate(lane_of):
            lane_of[incident] = number % lanes
        with ThreadPoolExecutor(lanes, thread_name_prefix="replay") as pool:
            for start in range(0, len(commands), AT_ONCE):
                batch = commands[start : start + AT_ONCE]
                split: list[list[Command]] = [[] for _ in range(lanes)]
                for command in batch:
                    split[lane_of[command.incident]].append(command)
                for _ in pool.map(self._take_all, split):
                    pass
                yield start + len(batch)

    def _take_all(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self.take(command)

    def take(self, command: Command) -> None:
        """Carry out one command, or note down why it is impossible."""
        case = self._cases.get(command.incident)
        try:
            if case is None:
                # Its opening was refused and told of: nothing can follow.
                if isinstance(command, Open):
                    self._open(command)
            else:
                self._work(case, command)
        except CasetrailError as refusal:
            step = type(command).__name__.lower()
            why = f"{step}: {refusal.detail}"
            self.impossible.append(Impossible(command.incident, command.update, why))

    def _open(self, command: Open) -> None:
        queue = UNKNOWN_QUEUE if command.queue is None else self._names.queues[command.queue]
        ask = work_commands.OpenCase(order=command.incident, kind=KIND, queue=queue, note=NOTE)
        self._keep(command, self._desk.open(ask, _caller(command, SOMEBODY)))

    def _work(self, case: ExceptionCase, command: Command) -> None:
        match command:
            case Open() | Start() | Close() | Touch():
                # A case is open until somebody takes it, and resolved is its end: the service has
                # no word for work that begins, and none for closing on top of resolving.
                pass
            case Assign(person=person):
                self._assign(case, command, self._names.people[person])
            case PutBack():
                if case.person is not None:
                    self._as_holder(
                        case, command, lambda by: self._desk.release(*_at(case), "", by)
                    )
            case HandOff(queue=group):
                self._move(case, command, self._names.queues[group])
            case Reroute(queue=group):
                if case.queue != UNKNOWN_QUEUE:
                    # It was with no known group in between.
                    case = self._move(case, command, UNKNOWN_QUEUE)
                self._move(case, command, self._names.queues[group])
            case Wait(party=party):
                wait = work_commands.StartWait(dependency=DEPENDENCIES[party], party=party.value)
                self._as_holder(case, command, lambda by: self._desk.wait(*_at(case), wait, by))
            case Resume():
                self._as_holder(case, command, lambda by: self._desk.resume(*_at(case), "", by))
            case Resolve():
                self._resolve(case, command)
            case Reopen():
                self._as_holder(case, command, lambda by: self._desk.reopen(*_at(case), NOTE, by))
            case _:
                assert_never(command)

    def _assign(self, case: ExceptionCase, command: Command, person: str) -> None:
        if case.person == person:
            return
        if case.person is None and case.state is State.OPEN:
            self._keep(command, self._desk.claim(*_at(case), _caller(command, person)))
            return
        ask = work_commands.HandOff(to_person=person, note=NOTE)
        self._as_holder(case, command, lambda by: self._desk.hand_off(*_at(case), ask, by))

    def _move(self, case: ExceptionCase, command: Command, queue: str) -> ExceptionCase:
        ask = work_commands.HandOff(to_queue=queue, note=NOTE)
        return self._as_holder(case, command, lambda by: self._desk.hand_off(*_at(case), ask, by))

    def _resolve(self, case: ExceptionCase, command: Command) -> None:
        if case.person is None:
            # Only who holds a case can resolve it.
            done = self._desk.claim(*_at(case), _caller(command, SOMEBODY))
            case = self._keep(command, done)
        resolution = Resolution(
            reason=ResolutionReason.RESOLVED_AS_EXPECTED,
            root_cause=RootCause.SYSTEM_DEFECT,
            evidence=(f"case-log/{command.incident}/{command.update}",),
        )
        self._as_holder(case, command, lambda by: self._desk.resolve(*_at(case), resolution, by))

    def _as_holder(
        self, case: ExceptionCase, command: Command, act: Callable[[Caller], Done]
    ) -> ExceptionCase:
        """The log does not tell who did it, and only the holder can, if there is one."""
        return self._keep(command, act(_caller(command, case.person or SOMEBODY)))

    def _keep(self, command: Command, done: Done) -> ExceptionCase:
        self._cases[command.incident] = done.case
        return done.case


def _caller(command: Command, person: str) -> Caller:
    return Caller(
        actor=Actor(PRINCIPAL, person),
        person=person,
        now=command.at,
        cause=f"command:update/{command.update}",
    )


def _at(case: ExceptionCase) -> tuple[UUID, int]:
    return case.id, case.version
