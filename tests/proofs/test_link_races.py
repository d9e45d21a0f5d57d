"""Names turn out to be one human's at the moment of an act: two connections, one of which links the names while the
other one pays, approves or confirms a role. Either the act came first, or it is refused; and what came first is paid
only if the link came after the payment.

`CASETRAIL_PROOFS=whole` runs 10,000 pairs of a link and a payment, and 10,000 of a link and another act.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec import structs

from application.log.caller import Caller
from application.money.current_people import CurrentPeople
from application.people.grant_desk import GrantDesk
from application.people.people_desk import PeopleDesk, operator_caller
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, ProposeAdjustment
from domain.adjustments.errors import ApprovalsNoLongerHold
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.errors import CasetrailError
from domain.grants import GrantRole, LinkPersonName
from domain.money import PositiveMoney
from domain.people import Role
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after, captured, line, placed, unavailable
from tests.proofs.order_judge import Judge

PAIRS = 10_000 if os.environ.get("CASETRAIL_PROOFS") == "whole" else 150
OTHER_PAIRS = 2_500 if os.environ.get("CASETRAIL_PROOFS") == "whole" else 60
"""Of each of the other four acts."""
WORTH, GIVEN = "100.00", "40.00"
ROLES = (Role.EXCEPTION_SPECIALIST, Role.FINANCE_APPROVER)
MANAGES = (Role.OPS_MANAGER,)
LONGEST_HEAD_START = 0.06
"""Seconds. A payment reads more than a link does, and takes some ten milliseconds."""


def by(name: str, hours: float) -> Caller:
    """A caller who believes that they have all these roles: what counts is the log."""
    return caller_with_roles(name, after(hours), roles=(*ROLES, *MANAGES))


class Side:
    """One process: the desks over its own connection."""

    def __init__(self, dsn: str, first: bool) -> None:
        self.recorder = PostgresLogRecorder(Datastore(dsn))
        self.service = MoneyService(None, self.recorder)  # type: ignore[arg-type]
        self.people: PeopleDesk = self.service.employ({"cy": ROLES} if first else {})

    def case(self, order: str) -> ExceptionCase:
        (found,) = self.service.cases.current([case_stream(order, "stock_unavailable", 1)]).values()
        return found

    def propose(self, n: int) -> None:
        """A refund that ana proposes."""
        order, ana = f"o-{n}", f"ana-{n}"
        self.people.add(ana, ROLES, after(0))
        who = structs.replace(placed().customer, id=f"c-{n}")
        told = (
            placed(lines=(line(WORTH, "EUR"),), customer=who),
            captured(1, WORTH, "EUR"),
            unavailable(2),
        )
        self.service.take(*(structs.replace(one, order=order) for one in told), at=after(3))
        case = self.case(order)
        case = self.service.desk.claim(case.id, case.version, by(ana, 4)).case
        proposed = ProposeAdjustment(
            kind=AdjustmentKind.PARTIAL_REFUND,
            amount=PositiveMoney(GIVEN, "EUR"),
            reason=AdjustmentReason.NOT_RECEIVED,
        )
        self.service.money.propose(case.id, case.version, proposed, by(ana, 5))

    def employ_approver(self, n: int) -> None:
        self.people.add(f"bo-{n}", ROLES, after(0))

    def give(self, n: int) -> None:
        """Olga gives bo the role that approves; otto may confirm it."""
        for name, roles in ((f"bo-{n}", ()), (f"olga-{n}", MANAGES), (f"otto-{n}", MANAGES)):
            self.people.add(name, roles, after(0))
        ask = GrantRole(role=Role.FINANCE_APPROVER, reason="He approves.")
        self.people.give(f"bo-{n}", ask, (), by(f"olga-{n}", 5.5))

    def confirm(self, n: int) -> None:
        GrantDesk(self.people).confirm(f"bo-{n}", "g1", by(f"otto-{n}", 5.6))

    def approve(self, n: int) -> None:
        case = self.case(f"o-{n}")
        one = case.adjustments.items[-1]
        approved = ApproveAdjustment(digest=one.digest)
        self.service.money.approve(case.id, case.version, one.id, approved, by(f"bo-{n}", 6))

    def pay(self, n: int, executor: str = "cy") -> None:
        case = self.case(f"o-{n}")
        one = case.adjustments.items[-1]
        ask = ExecuteAdjustment(digest=one.digest, reference=None)
        self.service.money.execute(case.id, case.version, one.id, ask, by(executor, 7))

    def pay_alone(self, n: int) -> None:
        """The payment by a person who has no other order."""
        self.pay(n, f"cy-{n}")

    def employ_executor(self, n: int) -> None:
        self.people.add(f"cy-{n}", ROLES, after(0))

    def link(self, n: int, one: str = "ana", other: str = "bo") -> None:
        ask = LinkPersonName(other=f"{other}-{n}", reason="She married.")
        self.people.same_as(f"{one}-{n}", ask, operator_caller(after(7)))


@pytest.fixture
def sides(dsn: str) -> Iterator[tuple[Side, Side]]:
    both = Side(dsn, True), Side(dsn, False)
    yield both
    for side in both:
        side.recorder.close()


def race(
    slow: Callable[[int], None], quick: Callable[[int], None], pairs: int
) -> list[tuple[str, ...]]:
    """Both acts of each pair at one moment; the slow one has a head start of up to some milliseconds."""
    acts = quick, slow
    meet = threading.Barrier(len(acts))

    def run(act: Callable[[int], None], chance: random.Random) -> list[str]:
        outcomes = []
        for n in range(pairs):
            meet.wait(60)
            if act is quick:
                # Mostly a short one: then both come to the log at about the same time.
                time.sleep(LONGEST_HEAD_START * chance.random() ** 3)
            try:
                act(n)
            except CasetrailError as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("done")
        return outcomes

    with ThreadPoolExecutor(len(acts)) as pool:
        running = [pool.submit(run, act, random.Random(n)) for n, act in enumerate(acts)]
        return [*zip(*(one.result() for one in running), strict=True)]


def judged(recorder: PostgresLogRecorder) -> list[str]:
    """What the judge finds about each order, in the order of the log. People without a number, who are added before
    the orders, are known to the judge of each."""
    judges: dict[str, Judge] = {}
    number_of: dict[str, str] = {}
    at_first = Judge(Decimal(WORTH))
    for _, state in recorder.select_positions(0, 10_000_000):
        one = msgspec.json.decode(state)
        event = one["event"]
        if event["type"] == "person.added":
            number_of[one["stream"]] = (
                event["name"].rpartition("-")[2] if "-" in event["name"] else ""
            )
        number = number_of.get(one["stream"], str(one.get("order", "")).removeprefix("o-"))
        if number:
            judges[number] = judges.get(number, at_first).after(one)
        else:
            at_first = at_first.after(one)
    return [finding for judge in judges.values() for finding in judge.findings]


def prepare(side: Side, n: int, *acts: Callable[[Side, int], None]) -> None:
    for act in (Side.propose, *acts):
        act(side, n)


APPROVED = (Side.employ_approver, Side.approve)


def test_names_linked_at_the_moment_of_the_payment(sides: tuple[Side, Side]) -> None:
    one, other = sides
    for n in range(PAIRS):
        prepare(one, n, *APPROVED)
    outcomes = race(other.pay, one.link, PAIRS)
    print(f"\n{PAIRS:,} pairs (link, pay): {dict(Counter(outcomes))}")
    assert {*outcomes} == {("done", "done"), ("done", "ApprovalsNoLongerHold")}
    assert judged(one.recorder) == []


class LinkRace(NamedTuple):
    """What comes before; who turn out to be one; the act of the same moment; how it is refused if the link was first;
    and what is refused afterwards in any case."""

    before: tuple[Callable[[Side, int], None], ...]
    linked: tuple[str, str]
    act: Callable[[Side, int], None]
    refusal: str
    afterwards: Callable[[Side, int], None] | None


OTHERS: dict[str, LinkRace] = {
    "approver and executor, while the refund is paid": LinkRace(
        (*APPROVED, Side.employ_executor), ("bo", "cy"), Side.pay_alone, "DutyConflict", None
    ),
    "proposer and approver, while the refund is approved": LinkRace(
        (Side.employ_approver,), ("ana", "bo"), Side.approve, "DutyConflict", Side.pay
    ),
    "two managers, while one confirms what the other gave": LinkRace(
        (Side.give,), ("olga", "otto"), Side.confirm, "AnotherPersonNeeded", Side.approve
    ),
    "two managers, while the receiver of their role approves": LinkRace(
        (Side.give, Side.confirm), ("olga", "otto"), Side.approve, "NotInScope", Side.pay
    ),
}


@pytest.mark.parametrize("who", OTHERS)
def test_names_linked_at_the_moment_of_another_act(who: str, sides: tuple[Side, Side]) -> None:
    before, linked, act, refusal, afterwards = OTHERS[who]
    one, other = sides
    for n in range(OTHER_PAIRS):
        prepare(one, n, *before)
    outcomes = race(lambda n: act(other, n), lambda n: one.link(n, *linked), OTHER_PAIRS)
    print(f"\n{OTHER_PAIRS:,} pairs (link {who}): {dict(Counter(outcomes))}")
    assert {*outcomes} == {("done", "done"), ("done", refusal)}
    for n in range(OTHER_PAIRS if afterwards is not None else 0):
        with pytest.raises(CasetrailError):
            afterwards(other, n)
    assert judged(one.recorder) == []


@pytest.mark.parametrize("is_guarded", [True, False])
def test_names_linked_between_the_check_of_a_payment_and_its_append(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    """The append fails if its people changed since they were read; without that guard the judge finds the payment."""
    checked, first = CurrentPeople.require_acts_hold, iter([True])
    one, other = sides
    prepare(one, 0, *APPROVED)

    def then_linked(*arguments: Any) -> None:
        checked(*arguments)
        if next(first, False):
            one.link(0)

    monkeypatch.setattr(CurrentPeople, "require_acts_hold", then_linked)
    if is_guarded:
        with pytest.raises(ApprovalsNoLongerHold):
            other.pay(0)
        assert judged(one.recorder) == []
    else:
        monkeypatch.setattr(CurrentPeople, "guards", lambda *_: [])
        other.pay(0)
        assert "paid, though one human has to review and to approve" in judged(one.recorder)
