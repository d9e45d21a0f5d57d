"""Every way in which a person changes a case: one method, one command, one append."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.event_log import EventLog, Write
from application.log_recorder import CommandRow, VersionTaken
from application.repository import Repository
from application.streams import CASE
from domain.cases.events import CaseEvent, Detected, Resolution
from domain.cases.exception_case import ExceptionCase, State
from domain.errors import CaseChanged, CaseNotFound, CaseNotOpen, TrailHasGap
from domain.people import Actor
from domain.recorded import Recorded


class Caller(Struct, frozen=True):
    """Who asks, when, and under which key; `row` makes the row that keeps the answer."""

    actor: Actor
    person: str
    now: datetime
    cause: str
    row: Callable[[ExceptionCase | None], CommandRow] | None = None


class Done(Struct, frozen=True):
    """The case after the command, and the log's position."""

    case: ExceptionCase
    position: int


class CaseDesk:
    def __init__(self, log: EventLog, cases: Repository[ExceptionCase]) -> None:
        self._log = log
        self._cases = cases

    def claim(self, case_id: UUID, expected: int, by: Caller) -> Done:
        return self._act(case_id, expected, by, lambda case: [case.claim(by.person)])

    def release(self, case_id: UUID, expected: int, note: str, by: Caller) -> Done:
        return self._act(case_id, expected, by, lambda case: [case.release(by.person, note)])

    def resolve(self, case_id: UUID, expected: int, resolution: Resolution, by: Caller) -> Done:
        return self._act(case_id, expected, by, lambda case: [case.resolve(by.person, resolution)])

    def reopen(self, case_id: UUID, expected: int, note: str, by: Caller) -> Done:
        return self._act(case_id, expected, by, lambda case: case.reopen(note))

    def claim_next(self, candidates: Iterable[UUID], by: Caller) -> Done | None:
        """Claim the first of the candidates that is still open; None if none is.

        The candidates come from a view, which may be behind: each is decided on its own stream.
        """
        for case_id in candidates:
            # What is at hand may be behind, and is tried first; then what the log says.
            for look in (self._cases.at_hand, self._cases.current):
                case = look([case_id]).get(case_id)
                if case is None or case.state is not State.OPEN:
                    continue
                try:
                    return self.claim(case_id, case.version, by)
                except (CaseNotOpen, CaseChanged):
                    self._cases.forget([case_id])
        return None

    def case(self, case_id: UUID) -> ExceptionCase:
        """The case as the log has it now. Raises CaseNotFound."""
        case = self._cases.folded(self.trail(case_id))
        assert case is not None
        self._cases.keep(case_id, case)
        return case

    def trail(self, case_id: UUID) -> list[Recorded]:
        """Every line of the case, oldest first. Raises CaseNotFound."""
        lines = self._log.trail(case_id)
        if not lines or not isinstance(lines[0].event, Detected):
            raise CaseNotFound(f"no case {case_id}")
        return lines

    def _act(
        self,
        case_id: UUID,
        expected: int,
        by: Caller,
        decide: Callable[[ExceptionCase], Sequence[CaseEvent]],
    ) -> Done:
        try:
            case = self._cases.at_hand([case_id]).get(case_id)
        except TrailHasGap:
            case = None  # not a case's stream, or a broken one: reading it anew says which
        if case is None or case.version != expected:
            case = self.case(case_id)
            if case.version != expected:
                raise self._changed(case, expected)
        events = decide(case)
        after = case
        for event in events:
            after = after.after(event, case.order, by.now)
        write = Write(
            stream=case_id,
            kind=CASE,
            expected=case.version,
            events=[(by.actor, event) for event in events],
            recorded_at=by.now,
            cause=by.cause,
            order=case.order,
        )
        try:
            appended = self._log.append([write], by.row(after) if by.row else None)
        except VersionTaken:
            raise self._changed(self.case(case_id), expected) from None
        self._cases.keep(case_id, after)
        return Done(after, appended.position)

    def _changed(self, case: ExceptionCase, expected: int) -> CaseChanged:
        since = [line.type for line in self._log.trail(case.id) if line.version > expected]
        return CaseChanged(case.id, expected, case.version, since)
