"""One case, and every account that may act on it; its order may get a second case.

Four humans have six accounts: ana has a key and a login; bo and bob are one human. Two agents
belong to cy and dee, who are also delegates of each other. All of them have every role, so that
only segregation separates duties. The real desks decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from msgspec import structs

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import Write
from application.log.recorder import LogRecorder
from application.log.repository import Repository
from application.log.streams import CASE
from application.people.people_desk import PeopleDesk, operator_caller
from domain.adjustments.adjustment import LIVE_STATES, AdjustmentState
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.events import AdjustmentExecuted, ExecutionFailed, PaymentOutcome
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.authority import authority_of
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.work_commands import OpenCase
from domain.grants import LinkPersonName
from domain.money import PositiveMoney, to_positive
from domain.orders.order import Order
from domain.people import OPERATOR_ACTOR, PAYER_ACTOR, Actor, Role
from domain.person import Grant
from tests.application.in_memory_service import RESOLUTION
from tests.application.money_service import MoneyService
from tests.domain.signals import after, captured, line, placed, unavailable

ROLES = (Role.EXCEPTION_SPECIALIST, Role.FINANCE_APPROVER)
NOW = after(5)
ACTORS = {
    "ana's key": Actor("key:ana", "ana"),
    "ana's login": Actor("user:ana", "ana"),
    "bo": Actor("key:bo", "bo"),
    "bob": Actor("user:bob", "bob"),
    "cy": Actor("key:cy", "cy"),
    "dee": Actor("key:dee", "dee"),
    "cy's agent": Actor("key:reader", "cy", via=("reader",)),
    "dee's agent": Actor("user:writer", "dee", via=("writer",)),
    "dee for cy": Actor("user:cy", "cy", delegate="dee"),
    "cy for dee": Actor("user:dee", "dee", delegate="cy"),
}
ONE_HUMAN = {"bo": "bob", "bob": "bo"}
_C = {"cy": "dee", "dee": "cy"}
NAME_SWAPS: tuple[dict[str, str], ...] = ({}, ONE_HUMAN, _C, {**ONE_HUMAN, **_C})
"""Renamings under which the scene stays the same."""
OPEN_STATES = (*LIVE_STATES, AdjustmentState.EXECUTED)
SIZES = {"small": "40.00", "large": "4000.00"}
"""A small amount needs one approver; a large one, and any amount on top of it, needs two."""

A = TypeVar("A", Order, ExceptionCase)


class Move(NamedTuple):
    """An account, an act, and the adjustment by the order of proposals."""

    who: str
    act: str
    number: int = 0
    in_second: bool = False
    """Whether it is an act on the second case of the order, which "open" opens."""


SECOND = "damaged"


class FrozenRepository(Repository[A]):
    """States of streams that no longer change: read once."""

    def current(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        known = {stream: self._kept[stream] for stream in streams if stream in self._kept}
        return known if len(known) == len(streams) else super().current(streams)


def merge_names(people: PeopleDesk) -> None:
    for name in ("ana", "bo", "bob", "cy", "dee"):
        people.add(name, ROLES, after(3))
    people.same_as(
        "bo", LinkPersonName(other="bob", reason="She married."), operator_caller(after(3))
    )


class ProofScene(MoneyService):
    """A paid order that cannot be delivered, its case, and the accounts that may work on it."""

    def __init__(self, recorder: LogRecorder) -> None:
        super().__init__(None, recorder)  # type: ignore[arg-type]
        people = PeopleDesk(self.log, streams.people(self.log))
        if people.known("ana") is None:
            merge_names(people)
        # The order of an explored case no longer changes: it is read once.
        self.money._orders = self.desk._orders = FrozenRepository(self.log, streams.order_after)
        grants = [
            Grant(grant=f"g{n}", role=role, granted_at=after(3), granted_by=OPERATOR_ACTOR)
            for n, role in enumerate(ROLES, start=1)
        ]
        self.callers = {
            name: Caller(
                actor,
                actor.person or "",
                NOW,
                "command:proof",
                authority=authority_of(grants),
                known_as=tuple(sorted(people.names_behind(actor))),
            )
            for name, actor in ACTORS.items()
        }

    def open_new_case(self, order: str = "o-1", customer: str = "c-1") -> ExceptionCase:
        """Open a case that nobody has claimed; its order was paid and cannot be delivered."""
        who = structs.replace(placed().customer, id=customer)
        signals = (
            placed(lines=(line("50000.00", "EUR"),), customer=who),
            captured(1, "50000.00", "EUR"),
            unavailable(2),
        )
        self.take(*(structs.replace(one, order=order) for one in signals), at=after(3))
        found = self.cases.current([case_stream(order, "stock_unavailable", 1)])
        return next(iter(found.values()))

    def at(self, case: ExceptionCase) -> ExceptionCase:
        """Continue from this state."""
        self.cases.forget([case.id])
        self.cases.keep(case.id, case)
        return case

    def move_clock(self, path: Iterable[Move], case: ExceptionCase) -> ExceptionCase:
        for move in path:
            if move.in_second:
                self.make(move, self.second_of(case))
            else:
                case = self.make(move, case)
        return case

    def second_of(self, case: ExceptionCase) -> ExceptionCase:
        found = self.cases.current([case_stream(case.order, SECOND, 1)])
        return next(iter(found.values()), case)

    def moves(self, case: ExceptionCase, at_once: int) -> Iterator[Move]:
        """All acts that any account might try, sensible or not; of finished adjustments only the
        last."""
        items = case.adjustments.items
        in_play = [n for n, one in enumerate(items) if one.state in OPEN_STATES]
        over = [n for n in range(len(items)) if n not in in_play]
        for who in self.callers:
            for act in ("claim", "note", "release", "resolve", "reopen"):
                yield Move(who, act)
            for size in SIZES if len(in_play) < at_once else ():
                yield Move(who, f"propose {size}")
            for n in (*in_play, *over[-1:]):
                for act in ("approve", "reject", "withdraw", "execute", "reconcile"):
                    yield Move(who, act, n)
        for n, one in enumerate(case.adjustments.items):
            if one.state is AdjustmentState.EXECUTING:
                yield Move("payer", "paid", n)
                yield Move("payer", "failed", n)

    def make(self, move: Move, case: ExceptionCase) -> ExceptionCase:
        """Carry out the move; raises the errors of the desks."""
        if move.who == "payer":
            return self._pay(move, case)
        by, at = self.callers[move.who], (case.id, case.version)
        match move.act.split():
            case ["open"]:
                ask = OpenCase(order=case.order, kind=SECOND, note="It came broken.")
                return self.desk.open(ask, by).case
            case ["claim"]:
                return self.desk.claim(*at, by).case
            case ["note"]:
                return self.desk.note(*at, "Seen.", by).case
            case ["release"]:
                return self.desk.release(*at, "", by).case
            case ["resolve"]:
                return self.desk.resolve(*at, RESOLUTION, by).case
            case ["reopen"]:
                return self.desk.reopen(*at, "Again.", by).case
            case ["propose", size]:
                asked = ProposeAdjustment(
                    kind=AdjustmentKind.PARTIAL_REFUND,
                    amount=PositiveMoney(SIZES[size], "EUR"),
                    reason=AdjustmentReason.NOT_RECEIVED,
                )
                return self.money.propose(*at, asked, by).case
            case _:
                return self._decide(move, case, by)

    def _decide(self, move: Move, case: ExceptionCase, by: Caller) -> ExceptionCase:
        one = case.adjustments.items[move.number]
        at = (case.id, case.version, one.id)
        match move.act:
            case "approve":
                return self.money.approve(*at, ApproveAdjustment(digest=one.digest), by).case
            case "reject":
                ask = RejectAdjustment(digest=one.digest, reason="No.")
                return self.money.reject(*at, ask, by).case
            case "withdraw":
                return self.money.withdraw(*at, WithdrawAdjustment(reason="No."), by).case
            case "execute":
                return self.money.execute(*at, ExecuteAdjustment(digest=one.digest), by).case
            case "reconcile":
                return self.money.reconcile(*at, "ab" * 32, by).case
        raise AssertionError(move)

    def _pay(self, move: Move, case: ExceptionCase) -> ExceptionCase:
        """Record the provider's answer, which is nobody's decision."""
        one = case.adjustments.items[move.number]
        amount = to_positive(one.amount)
        outcome: PaymentOutcome = (
            AdjustmentExecuted(adjustment=one.id, provider="local", reference="re_1", amount=amount)
            if move.act == "paid"
            else ExecutionFailed(adjustment=one.id, provider="local", detail="closed")
        )
        write = Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=[(PAYER_ACTOR, outcome)],
            recorded_at=NOW,
            order=case.order,
        )
        self.log.append([write])
        now = case.after(outcome, case.order, NOW, PAYER_ACTOR)
        self.cases.keep(case.id, now)
        return now
