"""One case, and everybody who may try something with it.

Four humans have six accounts: ana comes by a key and by a login, bo and bob turned out to be one. Two
agents are cy's and dee's, who may also act for each other. All of them have every role, so that nothing
keeps duties apart but segregation. Decided is by the desks themselves.
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
from application.people.people_desk import PeopleDesk, operator
from domain.adjustments.adjustment import LIVE, AdjustmentState
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.events import AdjustmentExecuted, ExecutionFailed, PaymentTold
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.authority import authority_of
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.grants import NameOther
from domain.money import PositiveMoney
from domain.orders.order import Order
from domain.people import OPERATOR, PAYER, Actor, Grant, Role
from tests.application.house import DONE
from tests.application.money import MoneyHouse
from tests.domain.telling import after, captured, line, placed, unavailable

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
ALIKE: tuple[dict[str, str], ...] = ({}, ONE_HUMAN, _C, {**ONE_HUMAN, **_C})
"""Renamings under which the scene stays the same."""
IN_PLAY = (*LIVE, AdjustmentState.EXECUTED)
SIZES = {"small": "40.00", "large": "4000.00"}
"""One person has to approve a small one, two a large one; and whatever comes on top of a large one."""

A = TypeVar("A", Order, ExceptionCase)


class Move(NamedTuple):
    """Who does what, with which of the adjustments in the order of their proposals."""

    who: str
    act: str
    number: int = 0


class Standing(Repository[A]):
    """States of streams that nothing changes any more: read once."""

    def current(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        known = {stream: self._kept[stream] for stream in streams if stream in self._kept}
        return known if len(known) == len(streams) else super().current(streams)


def settle(people: PeopleDesk) -> None:
    for name in ("ana", "bo", "bob", "cy", "dee"):
        people.add(name, ROLES, after(3))
    people.same_as("bo", NameOther(other="bob", reason="She married."), operator(after(3)))


class Scene(MoneyHouse):
    """An order that was paid and cannot be delivered, its case, and those who may work on it."""

    def __init__(self, recorder: LogRecorder) -> None:
        super().__init__(None, recorder)  # type: ignore[arg-type]
        people = PeopleDesk(self.log, streams.people(self.log))
        if people.known("ana") is None:
            settle(people)
        # Nothing more happens to the order of a case that is explored: it is read once.
        self.money._orders = self.desk._orders = Standing(self.log, streams.order_after)
        grants = [
            Grant(grant=f"g{n}", role=role, granted_at=after(3), granted_by=OPERATOR)
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

    def a_case(self, order: str = "o-1", customer: str = "c-1") -> ExceptionCase:
        """Open, and held by nobody: its order was paid and cannot be delivered."""
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
        """The desks go on from here."""
        self.cases.forget([case.id])
        self.cases.keep(case.id, case)
        return case

    def go(self, path: Iterable[Move], case: ExceptionCase) -> ExceptionCase:
        for move in path:
            case = self.make(move, case)
        return case

    def moves(self, case: ExceptionCase, at_once: int) -> Iterator[Move]:
        """All that anybody might try, sensible or not; with what is over, only the last of it."""
        items = case.adjustments.items
        in_play = [n for n, one in enumerate(items) if one.state in IN_PLAY]
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
        """Raises what the desks do."""
        if move.who == "payer":
            return self._pay(move, case)
        by, at = self.callers[move.who], (case.id, case.version)
        match move.act.split():
            case ["claim"]:
                return self.desk.claim(*at, by).case
            case ["note"]:
                return self.desk.note(*at, "Seen.", by).case
            case ["release"]:
                return self.desk.release(*at, "", by).case
            case ["resolve"]:
                return self.desk.resolve(*at, DONE, by).case
            case ["reopen"]:
                return self.desk.reopen(*at, "Again.", by).case
            case ["propose", size]:
                ask = ProposeAdjustment(
                    kind=AdjustmentKind.PARTIAL_REFUND,
                    amount=PositiveMoney(SIZES[size], "EUR"),
                    reason=AdjustmentReason.NOT_RECEIVED,
                )
                return self.money.propose(*at, ask, by).case
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
        """What the provider says is recorded by nobody's decision."""
        one = case.adjustments.items[move.number]
        amount = PositiveMoney(one.amount.amount, one.amount.currency)
        told: PaymentTold = (
            AdjustmentExecuted(adjustment=one.id, provider="local", reference="re_1", amount=amount)
            if move.act == "paid"
            else ExecutionFailed(adjustment=one.id, provider="local", detail="closed")
        )
        write = Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=[(PAYER, told)],
            recorded_at=NOW,
            order=case.order,
        )
        self.log.append([write])
        now = case.after(told, case.order, NOW, PAYER)
        self.cases.keep(case.id, now)
        return now
