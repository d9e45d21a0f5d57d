"""The house of the test stories on a real database, so that its log is like that of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from msgspec import structs

from api.composition import Desks
from application.cases.recovery_desk import RecoveryDesk
from application.log import streams
from application.log.caller import Caller
from application.log.event_log import Appended, EventLog, Write
from application.orders.intake import Receipt
from domain.orders.signals import Signal
from domain.policy.rulebook import Rulebook
from domain.recorded_event import RecordedEvent
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.application.money_service import MoneyService
from tests.domain.signals import after


class Forwards:
    """Keep the time of a log and its desks from going back, since the stories sometimes go back a few hours.

    The stories use one command key for everything. This gives each command a new number and keeps no
    answer for it, like the API for a command without a key.
    """

    def __init__(self, log: EventLog) -> None:
        self.latest = after(0)
        self._append, self._numbers = log.append, count(1)
        log.append = self._appended  # type: ignore[method-assign]

    def at(self, at: datetime) -> datetime:
        return max(at, self.latest)

    def _appended(self, writes: Sequence[Write], *more: Any, **named: Any) -> Appended:
        cause = f"command:{next(self._numbers):016x}"
        dated = []
        for write in writes:
            write = structs.replace(write, recorded_at=self.at(write.recorded_at))
            dated.append(
                structs.replace(write, cause=cause) if write.cause == "command:test" else write
            )
        appended = self._append(dated, *more, **named)
        self.latest = max([self.latest, *(line.recorded_at for line in appended.lines)])
        return appended

    def desk(self, desk: Any) -> Any:
        return _Desk(desk, self)


class _Desk:
    """A desk that is never called with a time before the last event of the log."""

    def __init__(self, desk: Any, time: Forwards) -> None:
        self._desk, self._time = desk, time

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._desk, name)

        def acted(*given: Any) -> Any:
            return act(
                *(
                    structs.replace(one, now=self._time.at(one.now))
                    if isinstance(one, Caller)
                    else one
                    for one in given
                )
            )

        return acted


class RealHouse(MoneyService):
    """A house whose desks work on a database, with personal data sealed."""

    def __init__(self, working: Desks, clock: list[datetime]) -> None:
        InMemoryService.__init__(
            self, SHIPPED_RULEBOOK
        )  # then replace the parts in memory with the real ones
        self.working, self.clock = working, clock
        self.time = time = Forwards(working.log)
        self.log, self.orders, self.intake = working.log, working.orders, working.intake
        self.cases, self.timekeeper = streams.cases(working.log), working.timekeeper
        self.desk, self.money = time.desk(working.cases), time.desk(working.money)
        recoveries = streams.recoveries(self.log)
        self.recovery = RecoveryDesk(self.log, recoveries, lambda: SHIPPED_RULEBOOK, self.backlogs)

    def take(self, *signals: Signal, at: datetime) -> Sequence[Receipt]:
        return super().take(*signals, at=self.time.at(at))

    def follow(self, rulebook: Rulebook, at: datetime) -> None:
        self.clock[0] = self.time.at(at)
        self.working.policy.load()

    def tick(self, at: datetime, *, punctual: bool = False) -> None:
        self.clock[0] = self.time.at(at)
        super().tick(self.clock[0], punctual=punctual)

    def lines(self) -> list[RecordedEvent]:
        return list(self.log.opened(self.working.recorder.select_positions(0, 1_000_000)))

    def due(self) -> dict[UUID, datetime]:
        with self.working.datastore.get_connection() as connection:
            rows = connection.execute("SELECT stream, due_at FROM timers").fetchall()
        return {row["stream"]: row["due_at"] for row in rows}
