"""execute: ordering a payment with the checks of people and duties over the order, and without them; proposing.

Each order has two cases. One is about a refund that ana proposed and fay approved; fred orders it. Without the
checks, the other case, the earlier acts and the grants are not read. What is stored is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from statistics import median

from msgspec import structs

from api.composition import Desks, desks, prepare_database
from application.log.caller import Caller
from application.log.event_log import Write
from application.money.current_people import CurrentPeople
from application.money.money_desk import MoneyDesk
from application.orders.intake import Arrival
from application.people.order_duties import OrderCases
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, ProposeAdjustment
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.adjustments.ledger import Ledger
from domain.authority import authority_of
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.work_commands import OpenCase
from domain.money import PositiveMoney
from domain.orders.purchase_signals import Customer
from domain.people import Actor, Role
from tests.application.in_memory_service import SENDER
from tests.benchmarks.figures import Bench, Figure, at_most, percentile_99
from tests.benchmarks.servers import scratch_log
from tests.domain.signals import captured, line, placed, unavailable

ORDERS = 300
WITH, WITHOUT = "with", "without"
TARGETS = {"the checks at execute": at_most(2.0, "ms, median")}


class Unguarded(OrderCases, frozen=True):
    """An order of which only one case is looked at."""

    def guards(self, by: Caller, besides: object) -> list[Write]:
        return []


def run(bench: Bench) -> list[Figure]:
    took: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    proposing: list[float] = []
    with scratch_log(bench.dsn) as dsn:
        prepare_database(dsn)
        with desks(dsn) as working:
            working.ensure_policy()
            for name in ("ana", "fay", "fred", "bo"):
                roles = [Role.EXCEPTION_SPECIALIST, Role.FINANCE_APPROVER]
                working.people.add(name, roles, working.clock())
            plain = working.money
            unchecked = _without_checks(working)
            for number in range(ORDERS):
                bench.say(f"{number} of {ORDERS} orders")
                how = (WITH, WITHOUT)[number % 2]
                money = plain if how is WITH else unchecked
                took[how].append(_execution(working, money, number, proposing))
    found, without = median(took[WITH]), median(took[WITHOUT])
    return [
        Figure(
            name="the checks at execute",
            value=found - without,
            unit="ms, median",
            ratio=found / without,
            against=f"{found:.3g} ms with, {without:.3g} ms without; 99th percentile "
            f"{percentile_99(took[WITH]):.3g} and {percentile_99(took[WITHOUT]):.3g} ms",
        ),
        Figure(
            name="proposing",
            value=median(proposing),
            unit="ms, median",
            ratio=1,
            against=f"99th percentile {percentile_99(proposing):.3g} ms",
        ),
    ]


def _without_checks(working: Desks) -> MoneyDesk:
    desk = MoneyDesk(
        working.log,
        working.orders,
        working.money._cases,
        working.money._given._ledgers,
        lambda: working.policy.current,
        lambda *_: (),
        "local",
        working.people,
        working.intake,
    )
    desk._people = CurrentPeople(working.log, None)
    desk.duties.of = lambda case, order=None: Unguarded(case.order, Ledger())  # type: ignore[method-assign]
    return desk


_numbers = count(1)


def _caller(working: Desks, name: str) -> Caller:
    person = working.people.known(name)
    assert person is not None
    now = datetime.now(UTC)
    authority = authority_of(person.at(now))
    cause = f"command:{next(_numbers)}"
    return Caller(
        Actor(f"key:{name}", name), name, now, cause, authority=authority, known_as=(name,)
    )


def _execution(working: Desks, money: MoneyDesk, number: int, proposing: list[float]) -> float:
    """Prepare an order with an approved refund, and time the order of its payment, in milliseconds."""
    order = f"E-{number:05}"
    _take(working, order)
    first = case_stream(order, "stock_unavailable", 1)
    case = working.cases.claim(
        first, working.cases.case(first).version, _caller(working, "ana")
    ).case
    second = OpenCase(order=order, kind="damaged", note="It came broken.")
    working.cases.open(second, _caller(working, "bo"))
    ask = ProposeAdjustment(
        kind=AdjustmentKind.WRITE_OFF,
        amount=PositiveMoney("40.00", "EUR"),
        reason=AdjustmentReason.NOT_RECEIVED,
    )
    case, spent = _timed(
        lambda: working.money.propose(case.id, case.version, ask, _caller(working, "ana")).case
    )
    proposing.append(spent)
    one = case.adjustments.items[0]
    at = (case.id, case.version, one.id)
    case = working.money.approve(
        *at, ApproveAdjustment(digest=one.digest), _caller(working, "fay")
    ).case
    executing = ExecuteAdjustment(digest=one.digest, reference=f"w-{number}")
    by, at = _caller(working, "fred"), (case.id, case.version, one.id)
    return _timed(lambda: money.execute(*at, executing, by).case)[1]


def _timed(act: Callable[[], ExceptionCase]) -> tuple[ExceptionCase, float]:
    started = time.perf_counter()
    done = act()
    return done, (time.perf_counter() - started) * 1_000


def _take(working: Desks, order: str) -> None:
    """A paid order of a customer with an email, that cannot be delivered."""
    who = Customer(id=f"c-{order}", email=f"{order}@example.com", phone="0151 2345678" + order[-3:])
    story = (
        placed(lines=(line("100.00", "EUR"),), customer=who),
        captured(1, "100.00", "EUR"),
        unavailable(2),
    )
    signals = [structs.replace(one, order=order, id=f"{one.id}-{order}") for one in story]
    now = datetime.now(UTC)
    working.intake.take([Arrival(signal, now) for signal in signals], SENDER)
