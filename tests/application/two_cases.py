"""One paid order with two cases: a rule opened the first, and ana works on it; a person opens the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from application.people.people_desk import PeopleDesk
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
)
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.work_commands import OpenCase
from domain.money import PositiveMoney
from domain.people import Role
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after

EVERY_ROLE = (Role.EXCEPTION_SPECIALIST, Role.FINANCE_APPROVER)
FIRST, SECOND = "stock_unavailable", "damaged"


class TwoCases:
    """Everybody has all roles, so that only duties separate them."""

    def __init__(
        self,
        recorder: InMemoryLogRecorder | None = None,
        people: Mapping[str, Sequence[Role]] | None = None,
        price: str = "100.00",
    ) -> None:
        self.service = MoneyService(price, recorder)
        if recorder is not None:
            self.service.buy("o-1", price)
        self.people: PeopleDesk | None = self.service.employ(people) if people is not None else None

    def open_second(self, by: str = "bo", at: float = 4.5) -> ExceptionCase:
        ask = OpenCase(order="o-1", kind=SECOND, note="It came broken.")
        self.service.desk.open(ask, self.caller(by, at))
        return self.claim(SECOND, by, at)

    def caller(self, who: str, at: float, **more: object):  # type: ignore[no-untyped-def]
        return caller_with_roles(who, after(at), roles=EVERY_ROLE, **more)

    def case(self, kind: str) -> ExceptionCase:
        [case] = self.service.cases.current([case_stream("o-1", kind, 1)]).values()
        return case

    def claim(self, kind: str, by: str, at: float = 4.5) -> ExceptionCase:
        case = self.case(kind)
        return self.service.desk.claim(case.id, case.version, self.caller(by, at)).case

    def note(self, kind: str, by: str, at: float = 6, **more: object) -> ExceptionCase:
        case = self.case(kind)
        return self.service.desk.note(
            case.id, case.version, "Seen.", self.caller(by, at, **more)
        ).case

    def propose(
        self,
        kind: str,
        by: str,
        amount: str = "40.00",
        what: AdjustmentKind = AdjustmentKind.PARTIAL_REFUND,
        at: float = 5,
        reason: AdjustmentReason = AdjustmentReason.NOT_RECEIVED,
        **more: object,
    ) -> Adjustment:
        case = self.case(kind)
        ask = ProposeAdjustment(
            kind=what,
            amount=PositiveMoney(amount, "EUR"),
            reason=reason,
            **more,  # type: ignore[arg-type]
        )
        done = self.service.money.propose(case.id, case.version, ask, self.caller(by, at))
        return done.case.adjustments.items[-1]

    def approve(self, kind: str, by: str, one: Adjustment, at: float = 6) -> Adjustment:
        case = self.case(kind)
        ask = ApproveAdjustment(digest=one.digest)
        done = self.service.money.approve(case.id, case.version, one.id, ask, self.caller(by, at))
        return done.case.adjustments.get(one.id)

    def reject(self, kind: str, by: str, one: Adjustment, at: float = 6) -> Adjustment:
        case = self.case(kind)
        ask = RejectAdjustment(digest=one.digest, reason="Not ours.")
        done = self.service.money.reject(case.id, case.version, one.id, ask, self.caller(by, at))
        return done.case.adjustments.get(one.id)

    def execute(
        self, kind: str, by: str, one: Adjustment, reference: str | None = None, at: float = 7
    ) -> Adjustment:
        case = self.case(kind)
        ask = ExecuteAdjustment(digest=one.digest, reference=reference)
        done = self.service.money.execute(case.id, case.version, one.id, ask, self.caller(by, at))
        return done.case.adjustments.get(one.id)
