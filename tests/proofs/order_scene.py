"""A paid order with two cases, its break-glass, the people, and the acts that anybody might try on them."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from msgspec import structs

from application.log import streams
from application.log.caller import Caller
from application.log.repository import Repository
from application.people.break_glass_desk import BreakGlassDesk
from application.people.people_desk import operator_caller
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, ProposeAdjustment
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.break_glass import BreakGlass, BreakGlassStage, RequestBreakGlass, ReviewBreakGlass
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.errors import CasetrailError
from domain.grants import LinkPersonName
from domain.money import PositiveMoney
from domain.people import Role
from tests.application.in_memory_service import UNTIMED_RULEBOOK, caller
from tests.application.money_service import MoneyService
from tests.domain.signals import after
from tests.proofs.branching_recorder import BranchingRecorder
from tests.proofs.scene import FrozenRepository

ORDER: Final = "o-1"
WORTH: Final = "100.00"
FIRST, SECOND = "stock_unavailable", "refund_due"
BOTH_ROLES = (Role.EXCEPTION_SPECIALIST, Role.FINANCE_APPROVER)
PEOPLE = {"ana": BOTH_ROLES, "bo": BOTH_ROLES, "cy": BOTH_ROLES, "tia": (), "eve": ()}
"""Tia and eve may do nothing without a break-glass."""
LINKS = (("ana", "bo"), ("bo", "cy"), ("tia", "ana"), ("eve", "ana"), ("eve", "tia"))
AMOUNTS = {FIRST: "40.00", SECOND: "50.00"}
"""Each needs one approver; two of one kind and one of the other are more than the order is worth."""


class Move(NamedTuple):
    who: str
    act: str
    what: str = ""
    """The kind of the case; of a break-glass, what it is for; of a link, the other name."""


class OrderScene:
    """A paid order with two cases; ana has claimed the first one and proposed a refund."""

    staff: ClassVar[Mapping[str, tuple[Role, ...]]] = PEOPLE

    def __init__(self, recorder: BranchingRecorder) -> None:
        self.recorder = recorder
        self.service = MoneyService(None, recorder)
        self.people = self.service.employ(self.staff)
        self.glasses = BreakGlassDesk(
            self.service.log,
            streams.break_glasses(self.service.log),
            self.people,
            lambda: UNTIMED_RULEBOOK,
        )
        self.service.buy(ORDER, WORTH)
        self.service.propose(AMOUNTS[FIRST])
        # The order itself does not change any more.
        self.service.money._orders = FrozenRepository(self.service.log, streams.order_after)
        self.repositories = [
            one
            for one in gc.get_objects()
            if isinstance(one, Repository) and one._log is self.service.log
        ]

    def case(self, kind: str) -> ExceptionCase:
        (found,) = self.service.cases.refreshed([case_stream(ORDER, kind, 1)]).values()
        return found

    def glass(self) -> BreakGlass | None:
        """The last break-glass; one is asked for at a time."""
        found = [
            event.originator_id
            for event in self.recorder._stored_events
            if event.topic == "break_glass.asked"
        ]
        return self.glasses.glass(found[-1]) if found else None

    def caller(self, name: str, hours: float) -> Caller:
        """The person as the log has them now: all names, and what they may do."""
        by = caller(name, after(hours))
        authority = self.people.authority_of(name, after(hours))
        names = tuple(sorted(self.people.names_behind(by.actor)))
        return structs.replace(by, authority=authority or by.authority, known_as=names)

    def moves(self) -> Iterator[Move]:
        """All acts that anybody might try, sensible or not."""
        for who in ("ana", "bo", "cy", "tia"):
            for kind in (FIRST, SECOND):
                for act in ("note", "claim", "propose", "approve", "execute"):
                    yield Move(who, act, kind)
        for one, other in LINKS:
            yield Move(one, "link", other)
        glass = self.glass()
        stage = glass.stage if glass is not None else None
        if stage in (None, BreakGlassStage.REVIEWED):
            yield from (
                Move(who, "ask", what) for who in ("tia", "ana") for what in ("queue", "case")
            )
        elif stage is BreakGlassStage.ASKED:
            yield from (Move(who, "open") for who in PEOPLE)
        elif stage is BreakGlassStage.OPEN:
            yield Move("tia", "close")
        else:
            yield from (Move(who, "review") for who in PEOPLE)

    def make(self, move: Move, hours: float) -> None:
        """Carry out the move; raises the errors of the desks."""
        if move.act == "link":
            ask = LinkPersonName(other=move.what, reason="She married.")
            self.people.same_as(move.who, ask, operator_caller(after(hours)))
            return
        by = self.caller(move.who, hours)
        if move.act in ("ask", "open", "close", "review"):
            self._break_glass(move, by)
            return
        case = self.case(move.what)
        at = case.id, case.version
        if move.act == "note":
            self.service.desk.note(*at, "Seen.", by)
        elif move.act == "claim":
            self.service.desk.claim(*at, by)
        elif move.act == "propose":
            is_first = move.what == FIRST
            proposed = ProposeAdjustment(
                kind=AdjustmentKind.PARTIAL_REFUND if is_first else AdjustmentKind.STORE_CREDIT,
                amount=PositiveMoney(AMOUNTS[move.what], "EUR"),
                reason=AdjustmentReason.NOT_RECEIVED,
            )
            self.service.money.propose(*at, proposed, by)
        elif case.adjustments.items:
            one = case.adjustments.items[-1]
            if move.act == "approve":
                self.service.money.approve(*at, one.id, ApproveAdjustment(digest=one.digest), by)
            else:
                ordered = ExecuteAdjustment(digest=one.digest, reference=None)
                self.service.money.execute(*at, one.id, ordered, by)
        else:
            raise NothingToDecide

    def _break_glass(self, move: Move, by: Caller) -> None:
        glass, case = self.glass(), self.case(FIRST)
        if move.act == "ask":
            is_queue = move.what == "queue"
            ask = RequestBreakGlass(
                role=Role.TEAM_LEAD,
                queue=case.queue if is_queue else None,
                case=None if is_queue else case.id,
                reason="All leads are out.",
            )
            self.glasses.ask(ask, by)
            return
        assert glass is not None
        if move.act == "open":
            self.glasses.open(glass.id, by)
        elif move.act == "close":
            self.glasses.close(glass.id, by)
        else:
            self.glasses.review(glass.id, ReviewBreakGlass(justified=True, findings="It was."), by)

    def caches(self) -> list[OrderedDict[UUID, Any]]:
        return [OrderedDict(one._kept) for one in self.repositories]

    def remember(self, caches: Sequence[OrderedDict[UUID, Any]]) -> None:
        for one, kept in zip(self.repositories, caches, strict=True):
            one._kept = OrderedDict(kept)


class NothingToDecide(CasetrailError):
    """The case has no adjustment."""

    def __init__(self) -> None:
        super().__init__("nothing is proposed")
