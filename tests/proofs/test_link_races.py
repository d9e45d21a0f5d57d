"""The proposer and the approver turn out to be one human at the moment of the payment: two connections, one of which
links the names while the other one pays. Either the payment came first, or it is refused.

`CASETRAIL_PROOFS=whole` runs 10,000 pairs.
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
from typing import Any

import msgspec
import pytest
from msgspec import structs

from application.log.caller import Caller
from application.money.current_people import CurrentPeople
from application.people.people_desk import PeopleDesk, operator_caller
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, ProposeAdjustment
from domain.adjustments.errors import ApprovalsNoLongerHold
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.errors import CasetrailError
from domain.grants import LinkPersonName
from domain.money import PositiveMoney
from domain.people import Role
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after, captured, line, placed, unavailable
from tests.proofs.order_judge import Judge

PAIRS = 10_000 if os.environ.get("CASETRAIL_PROOFS") == "whole" else 150
WORTH, GIVEN = "100.00", "40.00"
ROLES = (Role.EXCEPTION_SPECIALIST, Role.FINANCE_APPROVER)
LONGEST_HEAD_START = 0.06
"""Seconds. A payment reads more than a link does, and takes some ten milliseconds."""


def by(name: str, hours: float) -> Caller:
    return caller_with_roles(name, after(hours), roles=ROLES)


class Side:
    """One process: the desks over its own connection."""

    def __init__(self, dsn: str, first: bool) -> None:
        self.recorder = PostgresLogRecorder(Datastore(dsn))
        self.service = MoneyService(None, self.recorder)  # type: ignore[arg-type]
        self.people: PeopleDesk = self.service.employ({"cy": ROLES} if first else {})

    def case(self, order: str) -> ExceptionCase:
        (found,) = self.service.cases.current([case_stream(order, "stock_unavailable", 1)]).values()
        return found

    def prepare(self, n: int) -> None:
        """A refund that ana has proposed and bo has approved."""
        order, ana, bo = f"o-{n}", f"ana-{n}", f"bo-{n}"
        for name in (ana, bo):
            self.people.add(name, ROLES, after(0))
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
        case = self.service.money.propose(case.id, case.version, proposed, by(ana, 5)).case
        one = case.adjustments.items[-1]
        approved = ApproveAdjustment(digest=one.digest)
        self.service.money.approve(case.id, case.version, one.id, approved, by(bo, 6))

    def link(self, n: int) -> None:
        ask = LinkPersonName(other=f"bo-{n}", reason="She married.")
        self.people.same_as(f"ana-{n}", ask, operator_caller(after(7)))

    def pay(self, n: int) -> None:
        case = self.case(f"o-{n}")
        one = case.adjustments.items[-1]
        ask = ExecuteAdjustment(digest=one.digest, reference=None)
        self.service.money.execute(case.id, case.version, one.id, ask, by("cy", 7))


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
                time.sleep(chance.uniform(0, LONGEST_HEAD_START))
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


def test_names_linked_at_the_moment_of_the_payment(sides: tuple[Side, Side]) -> None:
    one, other = sides
    for n in range(PAIRS):
        one.prepare(n)
    outcomes = race(other.pay, one.link, PAIRS)
    print(f"\n{PAIRS:,} pairs (link, pay): {dict(Counter(outcomes))}")
    assert {*outcomes} == {("done", "done"), ("done", "ApprovalsNoLongerHold")}
    assert judged(one.recorder) == []


@pytest.mark.parametrize("is_guarded", [True, False])
def test_names_linked_between_the_check_of_a_payment_and_its_append(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    """The append fails if its people changed since they were read; without that guard the judge finds the payment."""
    checked, first = CurrentPeople.require_acts_hold, iter([True])
    one, other = sides
    one.prepare(0)

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
