"""Plans the commands that carry out the updates of an incident, and lists the impossible steps.

The figures of a log can be computed from the commands:
- A group stays until another known one comes: an update without a known group changes nothing. A change
  between two known groups is a HandOff. It is possible in every condition but closed, and changes neither
  condition nor wait; for a closed incident it is carried out on reopening. The first known group of an
  incident that began without one is a Reroute, which does not count as a hand-off.
- Only an increased count of reopenings is a Reopen: an incident that the log shows at work after its end
  without such an increase stays ended.
- A wait lasts from its Wait to the next Resume. A wait for another party ends the wait before it.

Time never goes back: an update with an earlier time gets the time of the update before it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Struct

from infrastructure.sources.case_logs.updates import Condition, ImpossibleStep, Update, WaitingParty


class Step(Struct, frozen=True, gc=False):
    """A command derived from an update."""

    incident: str
    update: int
    at: datetime


class Open(Step, frozen=True, gc=False):
    """A case begins, new and without a holder, in a queue if the group is known."""

    queue: str | None


class Assign(Step, frozen=True, gc=False):
    """A person gets a case that has not ended. It starts no work and ends no wait."""

    person: str


class Start(Step, frozen=True, gc=False):
    """Work begins on a new case."""


class PutBack(Step, frozen=True, gc=False):
    """The case goes back to its queue: new and without a holder."""


class HandOff(Step, frozen=True, gc=False):
    """The case goes to another queue and loses its holder."""

    queue: str


class Reroute(Step, frozen=True, gc=False):
    """The case's first known queue, which is not a hand-off; it loses its holder."""

    queue: str


class Wait(Step, frozen=True, gc=False):
    """A new or active case waits for a party."""

    party: WaitingParty


class Resume(Step, frozen=True, gc=False):
    """The wait is over; the case is active."""


class Resolve(Step, frozen=True, gc=False):
    """A new or active case is resolved."""


class Close(Step, frozen=True, gc=False):
    """A resolved case is closed."""


class Reopen(Step, frozen=True, gc=False):
    """A resolved or closed case is new again, in its queue and without a holder."""


class Touch(Step, frozen=True, gc=False):
    """The update changes none of this."""


Command: TypeAlias = (
    Open
    | Assign
    | Start
    | PutBack
    | HandOff
    | Reroute
    | Wait
    | Resume
    | Resolve
    | Close
    | Reopen
    | Touch
)


class Plan(Struct, frozen=True):
    """The commands for an incident in order of time, and its impossible steps."""

    commands: tuple[Command, ...]
    impossible: tuple[ImpossibleStep, ...]


ENDED_CONDITIONS: Final = frozenset([Condition.RESOLVED, Condition.CLOSED])


def plan_commands(updates: Sequence[Update]) -> Plan:
    """The plan for one incident, from its updates in order."""
    planner = _Planner()
    for update in updates:
        planner.add(update)
    return planner.plan()


class _Planner:
    """The state of the case after the commands so far."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.impossible: list[ImpossibleStep] = []
        self.condition = Condition.NEW
        self.party: WaitingParty | None = None
        self.queue: str | None = None
        self.person: str | None = None
        self.at: datetime | None = None
        self.reopenings: int | None = None
        self.group: str | None = None
        """The last known group; while the incident is closed, its queue stays behind."""
        self.moved_while_closed: list[tuple[str, Update]] = []
        self.before: Update | None = None

    def add(self, update: Update) -> None:
        """Plan the commands for an update. First reopen an ended case and resume a waiting one."""
        planned = len(self.commands)
        step = self._step_facts(update)
        if self.before is None:
            self._do(Open(*step, update.group))
            self.queue = update.group
        self._reopen(update, step)
        self._leave(update, step)
        self._move(update, step)
        self._assign(update, step)
        self._enter(update, step)
        if len(self.commands) == planned:
            self._do(Touch(*step))
        self.before = update

    def plan(self) -> Plan:
        for _, update in self.moved_while_closed:
            self._cannot(update, f"handed off to {update.group} while closed, but never reopened")
        return Plan(tuple(self.commands), tuple(self.impossible))

    def _step_facts(self, update: Update) -> tuple[str, int, datetime]:
        if self.at is not None and update.at < self.at:
            back = f"time goes back from {self.at.isoformat()} to {update.at.isoformat()}"
            self._cannot(update, f"{back}: the earlier update's time was used")
        self.at = update.at if self.at is None else max(self.at, update.at)
        return update.incident, update.number, self.at

    def _reopen(self, update: Update, step: tuple[str, int, datetime]) -> None:
        before, now = self.reopenings, update.reopenings
        self.reopenings = before if now is None else now
        if before is None or now is None or now == before:
            return
        change = f"the count of reopenings goes from {before} to {now}"
        if now < before:
            self._cannot(update, f"{change}: it cannot decrease")
            return
        if self.condition not in ENDED_CONDITIONS:
            self._cannot(update, f"{change}, but the incident is {self.condition}")
            return
        if now - before > 1:
            self._cannot(update, f"{change} at once: reopened only once")
        self._do(Reopen(*step))
        self.condition, self.person = Condition.NEW, None
        for group, moved in self.moved_while_closed:
            assert moved.group is not None
            if self.queue is None:
                self._do(Reroute(*step, group))
            self._do(HandOff(*step, moved.group))
            self.queue = moved.group
        self.moved_while_closed.clear()

    def _leave(self, update: Update, step: tuple[str, int, datetime]) -> None:
        if self.condition is Condition.AWAITING and (
            update.condition is not Condition.AWAITING or update.party is not self.party
        ):
            self._do(Resume(*step))
            self.condition, self.party = Condition.ACTIVE, None
        if self.condition is Condition.ACTIVE and update.condition is Condition.NEW:
            self._do(PutBack(*step))
            self.condition, self.person = Condition.NEW, None

    def _move(self, update: Update, step: tuple[str, int, datetime]) -> None:
        if update.group is None:
            return
        before, self.group = self.group, update.group
        if self.condition is Condition.CLOSED:
            if before is not None and before != update.group:
                self.moved_while_closed.append((before, update))
        elif update.group != self.queue:
            self._do((Reroute if self.queue is None else HandOff)(*step, update.group))
            self.queue, self.person = update.group, None

    def _assign(self, update: Update, step: tuple[str, int, datetime]) -> None:
        # The name in an ended incident is the one who ended it, usually a program.
        if update.person in (None, self.person) or self.condition in ENDED_CONDITIONS:
            return
        assert update.person is not None
        self._do(Assign(*step, update.person))
        self.person = update.person

    def _enter(self, update: Update, step: tuple[str, int, datetime]) -> None:
        match update.condition, self.condition:
            case Condition.UNKNOWN, stays:
                self._cannot_become(update, f"it is unknown; the incident stays {stays}")
            case (Condition.RESOLVED, Condition.RESOLVED) | (Condition.CLOSED, Condition.CLOSED):
                pass
            case Condition.CLOSED, Condition.RESOLVED:
                self._do(Close(*step))
            case _, Condition.RESOLVED | Condition.CLOSED:
                self._cannot_become(update, f"the incident is {self.condition} and not reopened")
                return
            case Condition.ACTIVE, Condition.NEW:
                self._do(Start(*step))
            case Condition.AWAITING, Condition.NEW | Condition.ACTIVE:
                assert update.party is not None
                self._do(Wait(*step, update.party))
                self.party = update.party
            case Condition.RESOLVED, _:
                self._do(Resolve(*step))
            case Condition.CLOSED, _:
                self._cannot(
                    update, f"{update.state} without being resolved: resolved at this time"
                )
                self._do(Resolve(*step))
                self._do(Close(*step))
        if update.condition is not Condition.UNKNOWN:
            self.condition = update.condition

    def _do(self, command: Command) -> None:
        self.commands.append(command)

    def _cannot_become(self, update: Update, why: str) -> None:
        """Reported when the state begins, not for each update in it."""
        if self.before is None or self.before.state != update.state:
            self._cannot(update, f"state {update.state!r}: {why}")

    def _cannot(self, update: Update, why: str) -> None:
        self.impossible.append(ImpossibleStep(update.incident, update.number, why))
