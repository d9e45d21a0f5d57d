"""Replays a case log with the service's own commands, each at the time in the log.

A command that the service refuses is reported, and the incident continues from its current state.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Final, assert_never

import msgspec

from application.cases.case_commands import CommandResult
from application.cases.case_desk import CaseDesk
from application.log.caller import Caller
from domain.cases import work_commands
from domain.cases.events import Resolution
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.reasons import ResolutionReason, RootCause
from domain.clock.terms import Dependency
from domain.errors import CasetrailError
from domain.orders.signal_body import OrderId
from domain.people import Actor
from infrastructure.sources.case_logs import plan
from infrastructure.sources.case_logs.plan import Command
from infrastructure.sources.case_logs.replay_policy import (
    KIND,
    UNKNOWN_PERSON,
    UNKNOWN_QUEUE,
    ServiceNames,
)
from infrastructure.sources.case_logs.updates import ImpossibleStep, Update, WaitingParty

THREADS: Final = 16
COMMANDS_PER_BATCH: Final = 4_000
PRINCIPAL: Final = "key:case-log"
NOTE: Final = "As the log tells it."
DEPENDENCIES: Final[Mapping[WaitingParty, Dependency]] = {
    WaitingParty.USER: Dependency.CUSTOMER,
    WaitingParty.CUSTOMER: Dependency.CUSTOMER,
    WaitingParty.VENDOR: Dependency.VENDOR,
    WaitingParty.PROBLEM: Dependency.INTERNAL_TEAM,
    WaitingParty.IMPLEMENTATION: Dependency.INTERNAL_TEAM,
    WaitingParty.EVIDENCE: Dependency.OTHER,
    WaitingParty.OTHER: Dependency.OTHER,
}


def plans_of(
    incidents: Mapping[str, Sequence[Update]],
) -> tuple[list[Command], list[ImpossibleStep]]:
    """The commands of all incidents in order of time, and the impossible steps."""
    commands: list[Command] = []
    impossible: list[ImpossibleStep] = []
    for incident, updates in incidents.items():
        try:
            msgspec.convert(incident, OrderId)
        except msgspec.ValidationError as error:
            why = f"all {len(updates)} updates left out: its ID is not valid for a case ({error})"
            impossible.append(ImpossibleStep(incident, updates[0].number, why))
            continue
        planned = plan.plan_commands(updates)
        commands += planned.commands
        impossible += planned.impossible
    # Sorting is stable and an incident's times never decrease, so its order is kept.
    commands.sort(key=attrgetter("at"))
    return commands, impossible


class Driver:
    """Carries out commands and keeps the current case of each incident."""

    def __init__(self, desk: CaseDesk, names: ServiceNames) -> None:
        self._desk = desk
        self._names = names
        self._cases: dict[str, ExceptionCase] = {}
        self.impossible: list[ImpossibleStep] = []

    def drive(self, commands: Sequence[Command], lanes: int = THREADS) -> Iterator[int]:
        """Carry out commands; yields how many are done.

        Incidents are independent, so lanes run in parallel and share the log's commits. All commands of
        an incident go to one lane, in order. Lanes wait for each other after each batch, so that the log
        is nearly in order of time.
        """
        lane_of = {command.incident: 0 for command in commands}
        for number, incident in enumerate(lane_of):
            lane_of[incident] = number % lanes
        with ThreadPoolExecutor(lanes, thread_name_prefix="replay") as pool:
            for start in range(0, len(commands), COMMANDS_PER_BATCH):
                batch = commands[start : start + COMMANDS_PER_BATCH]
                split: list[list[Command]] = [[] for _ in range(lanes)]
                for command in batch:
                    split[lane_of[command.incident]].append(command)
                for _ in pool.map(self._carry_out_all, split):
                    pass
                yield start + len(batch)

    def _carry_out_all(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self.take(command)

    def take(self, command: Command) -> None:
        """Carry out one command, or record why it is impossible."""
        case = self._cases.get(command.incident)
        try:
            if case is None:
                # Its opening was refused and recorded: no later command is possible.
                if isinstance(command, plan.Open):
                    self._open(command)
            else:
                self._work(case, command)
        except CasetrailError as refusal:
            why = f"{type(command).__name__.lower()}: {refusal.detail}"
            self.impossible.append(ImpossibleStep(command.incident, command.update, why))

    def _open(self, command: plan.Open) -> None:
        queue = UNKNOWN_QUEUE if command.queue is None else self._names.queues[command.queue]
        ask = work_commands.OpenCase(order=command.incident, kind=KIND, queue=queue, note=NOTE)
        self._keep(command, self._desk.open(ask, _caller(command, UNKNOWN_PERSON)))

    def _work(self, case: ExceptionCase, command: Command) -> None:
        """Act as the case's holder: the log does not name the person, and only a holder may act."""
        desk, at, holder = self._desk, (case.id, case.version), _holder(case, command)
        match command:
            case plan.Open() | plan.Start() | plan.Close() | plan.Touch():
                # The service has no command for starting work or for closing a resolved case.
                pass
            case plan.Assign(person=person):
                self._assign(case, command, self._names.people[person])
            case plan.PutBack():
                if case.person is not None:
                    self._keep(command, desk.release(*at, "", holder))
            case plan.HandOff(queue=group) | plan.Reroute(queue=group):
                queue = self._names.queues[group]
                ask = work_commands.HandOff(to_queue=queue, note=NOTE)
                self._hand_off(case, command, ask)
            case plan.Wait(party=party):
                wait = work_commands.StartWait(dependency=DEPENDENCIES[party], party=party.value)
                self._keep(command, desk.wait(*at, wait, holder))
            case plan.Resume():
                self._keep(command, desk.resume(*at, "", holder))
            case plan.Resolve():
                self._resolve(case, command)
            case plan.Reopen():
                self._keep(command, desk.reopen(*at, NOTE, holder))
            case _:
                assert_never(command)

    def _assign(self, case: ExceptionCase, command: Command, person: str) -> None:
        if case.person == person:
            return
        if case.person is None and case.state is CaseState.OPEN:
            by = _caller(command, person)
            self._keep(command, self._desk.claim(case.id, case.version, by))
            return
        self._hand_off(case, command, work_commands.HandOff(to_person=person, note=NOTE))

    def _hand_off(self, case: ExceptionCase, command: Command, ask: work_commands.HandOff) -> None:
        done = self._desk.hand_off(case.id, case.version, ask, _holder(case, command))
        self._keep(command, done)

    def _resolve(self, case: ExceptionCase, command: Command) -> None:
        if case.person is None:
            # Only the holder of a case can resolve it.
            done = self._desk.claim(case.id, case.version, _caller(command, UNKNOWN_PERSON))
            case = self._keep(command, done)
        resolution = Resolution(
            reason=ResolutionReason.RESOLVED_AS_EXPECTED,
            root_cause=RootCause.SYSTEM_DEFECT,
            evidence=(f"case-log/{command.incident}/{command.update}",),
        )
        by = _holder(case, command)
        self._keep(command, self._desk.resolve(case.id, case.version, resolution, by))

    def _keep(self, command: Command, done: CommandResult) -> ExceptionCase:
        self._cases[command.incident] = done.case
        return done.case


def _caller(command: Command, person: str) -> Caller:
    return Caller(
        actor=Actor(PRINCIPAL, person),
        person=person,
        now=command.at,
        cause=f"command:update/{command.update}",
    )


def _holder(case: ExceptionCase, command: Command) -> Caller:
    return _caller(command, case.person or UNKNOWN_PERSON)
