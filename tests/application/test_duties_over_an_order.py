"""One person has one duty over all cases of an order: by the domain, by the database, under every name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.routes.questions.wording.conflicts import each_other_in_words
from application.audit.conflicts import find_conflicts
from application.audit.log_scan import LogScan
from application.log import streams
from application.log.event_log import Write
from application.log.recorder import DutyRow
from application.log.streams import CASE
from application.people.break_glass_desk import BreakGlassDesk
from application.people.conflict_scan import ConflictScan
from application.people.order_duties import BY_HAND
from application.people.people_desk import operator_caller
from application.policy.reperformance import Period
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import ApprovalsNoLongerHold, BreakGlassOfTheInvolved, DutyConflict
from domain.adjustments.events import AdjustmentApproved, DutiesConflicted
from domain.adjustments.kinds import Duty
from domain.adjustments.ledger import ledger_of_order
from domain.break_glass import RequestBreakGlass
from domain.cases.exception_case import case_stream
from domain.cases.work_commands import OpenCase
from domain.grants import LinkPersonName
from domain.orders.order import order_stream
from domain.people import Actor, Role
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.two_cases import EVERY_ROLE, FIRST, SECOND, TwoCases
from tests.domain.signals import after
from tests.proofs.removed_rule import remove_the_domain_rule

NAMES = ("ana", "bo", "bob", "fay", "finn", "fred", "gus")
PEOPLE = dict.fromkeys(NAMES, EVERY_ROLE)


@pytest.fixture
def cases() -> TwoCases:
    return TwoCases()


def refused_over_order(act: Callable[[], Any], held: Duty, wanted: Duty) -> DutyConflict:
    with pytest.raises(DutyConflict, match="of the same order") as refused:
        act()
    facts = refused.value.facts
    assert (facts["rule"], facts["held"], facts["duty"]) == ("one-duty-per-person", held, wanted)
    return refused.value


def test_two_people_cannot_approve_each_others_proposals(cases: TwoCases) -> None:
    cases.open_second("bo")
    of_ana, of_bo = cases.propose(FIRST, "ana"), cases.propose(SECOND, "bo")
    refused_over_order(lambda: cases.approve(FIRST, "bo", of_ana), Duty.REVIEW, Duty.APPROVE)
    refused = refused_over_order(
        lambda: cases.approve(SECOND, "ana", of_bo), Duty.REVIEW, Duty.APPROVE
    )
    assert refused.facts["other_case"] == str(case_stream("o-1", FIRST, 1))
    assert cases.service.refusals()[-1] == ("ana", "approve", "one-duty-per-person")


def test_who_claimed_one_case_does_not_decide_on_another(cases: TwoCases) -> None:
    cases.open_second("bo")
    one = cases.propose(FIRST, "ana")
    refused_over_order(lambda: cases.reject(FIRST, "bo", one), Duty.REVIEW, Duty.APPROVE)
    cases.approve(FIRST, "fay", one)
    refused_over_order(
        lambda: cases.execute(FIRST, "bo", cases.case(FIRST).adjustments.items[0]),
        Duty.REVIEW,
        Duty.EXECUTE,
    )


def test_who_decided_on_one_case_works_on_no_other(cases: TwoCases) -> None:
    cases.open_second("bo")
    cases.approve(FIRST, "fay", cases.propose(FIRST, "ana"))
    refused_over_order(lambda: cases.note(SECOND, "fay"), Duty.APPROVE, Duty.REVIEW)
    cases.note(SECOND, "ana")
    cases.execute(FIRST, "fred", cases.case(FIRST).adjustments.items[0])
    other = cases.propose(SECOND, "bo", "20.00", at=8)
    refused_over_order(lambda: cases.approve(SECOND, "fred", other), Duty.EXECUTE, Duty.APPROVE)
    cases.approve(SECOND, "fay", other)
    cases.execute(SECOND, "fred", cases.case(SECOND).adjustments.items[0])


@pytest.mark.parametrize("is_stored", [True, False])
def test_who_decided_opens_no_other_case_of_the_order(
    cases: TwoCases, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    cases.approve(FIRST, "fay", cases.propose(FIRST, "ana"))
    if not is_stored:
        monkeypatch.setattr(cases.service.recorder, "_duties_after", lambda rows: {})
    refused_over_order(lambda: cases.open_second("fay", 7), Duty.APPROVE, Duty.REVIEW)
    assert cases.service.refusals()[-1] == ("fay", "review", "one-duty-per-person")
    assert cases.open_second("bo", 7).duties["bo"].duty is Duty.REVIEW


def test_work_before_the_order_had_money_counts(cases: TwoCases) -> None:
    cases.open_second("fay")
    one = cases.propose(FIRST, "ana")
    key = order_stream("o-1")
    rows = cases.service.recorder._duties
    assert {name: duty for (at, name), duty in rows.items() if at == key} == {
        "ana": Duty.REVIEW,
        "fay": Duty.REVIEW,
    }
    refused_over_order(lambda: cases.approve(FIRST, "fay", one), Duty.REVIEW, Duty.APPROVE)


def test_a_case_opened_before_the_order_was_known_counts(cases: TwoCases) -> None:
    ask = OpenCase(order="o-9", kind=SECOND, queue="refund_validation", note="It came broken.")
    opened = cases.service.desk.open(ask, cases.caller("fay", 3)).case
    assert opened.id == case_stream("o-9", BY_HAND.format(kind=SECOND), 1)
    cases.service.buy("o-9", "100.00", at=4)
    one = cases.service.propose(order="o-9", at=9)
    with pytest.raises(DutyConflict):
        cases.service.approve(one, "fay", 10, "o-9", roles=EVERY_ROLE)


@pytest.mark.parametrize("is_first_stale", [True, False])
def test_the_database_alone_refuses_a_second_duty_over_an_order(
    cases: TwoCases, monkeypatch: pytest.MonkeyPatch, is_first_stale: bool
) -> None:
    cases.open_second("bo")
    one, other = cases.propose(FIRST, "ana"), cases.propose(SECOND, "bo")
    remove_the_domain_rule(monkeypatch.setattr)
    kind, by, found = (FIRST, "bo", one) if is_first_stale else (SECOND, "ana", other)
    with pytest.raises(DutyConflict):
        cases.approve(kind, by, found)
    with pytest.raises(DutyConflict):
        cases.reject(kind, by, found)


def before_the_next_append(cases: TwoCases, act: Callable[[], object]) -> None:
    """Somebody acts after the next decision and before it is stored."""
    log = cases.service.log
    original, acts = log.append, [act]

    def append(writes: list[Write], *more: Any) -> Any:
        if acts:
            acts.pop()()
        return original(writes, *more)

    log.append = append  # type: ignore[method-assign,assignment]


def test_a_claim_and_a_first_proposal_at_the_same_moment_see_each_other(cases: TwoCases) -> None:
    """The claim is decided on an order without money; the proposal comes before it is stored."""
    cases.open_second("bo")
    before_the_next_append(cases, lambda: cases.propose(FIRST, "ana"))
    cases.note(SECOND, "gus")
    rows = cases.service.recorder._duties
    assert rows[order_stream("o-1"), "gus"] is Duty.REVIEW
    one = cases.case(FIRST).adjustments.items[0]
    refused_over_order(lambda: cases.approve(FIRST, "gus", one), Duty.REVIEW, Duty.APPROVE)


def test_a_first_proposal_sees_a_claim_of_the_same_moment(cases: TwoCases) -> None:
    cases.open_second("bo")
    before_the_next_append(cases, lambda: cases.note(SECOND, "gus"))
    cases.propose(FIRST, "ana")
    assert cases.service.recorder._duties[order_stream("o-1"), "gus"] is Duty.REVIEW


def test_an_approval_sees_work_on_another_case_of_the_same_moment(
    cases: TwoCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the domain alone: the guard of the other case makes it decide again."""
    cases.open_second("bo")
    one = cases.propose(FIRST, "ana")
    monkeypatch.setattr(cases.service.recorder, "_duties_after", lambda rows: {})
    before_the_next_append(cases, lambda: cases.note(SECOND, "gus"))
    refused_over_order(lambda: cases.approve(FIRST, "gus", one), Duty.REVIEW, Duty.APPROVE)


class Linked(TwoCases):
    """The same with people whose names may be linked."""

    def __init__(self) -> None:
        super().__init__(people=PEOPLE)
        self.open_second("bo")

    def link(self, one: str, other: str, at: float = 6.5) -> None:
        assert self.people is not None
        ask = LinkPersonName(other=other, reason="She married.")
        self.people.same_as(one, ask, operator_caller(after(at)))


@pytest.mark.parametrize("names", [("fay", "bo"), ("bo", "fay")])
def test_an_approver_who_turns_out_to_work_on_the_other_case_is_not_counted(
    names: tuple[str, str],
) -> None:
    cases = Linked()
    one = cases.propose(FIRST, "ana")
    cases.approve(FIRST, "fay", one)
    cases.link(*names)
    with pytest.raises(ApprovalsNoLongerHold, match="of the same order") as refused:
        cases.execute(FIRST, "fred", one)
    assert refused.value.facts["rule"] == "one-duty-per-person"


def test_an_executor_who_turns_out_to_work_on_the_other_case_is_refused() -> None:
    cases = Linked()
    one = cases.propose(FIRST, "ana")
    cases.approve(FIRST, "fay", one)
    cases.link("bo", "fred")
    with pytest.raises(DutyConflict):
        cases.execute(FIRST, "fred", one)


def test_a_conflict_that_a_link_brings_to_light_is_recorded_once() -> None:
    cases = Linked()
    one = cases.propose(FIRST, "ana")
    cases.approve(FIRST, "fay", one)
    cases.link("bo", "fay")
    service = cases.service
    key = order_stream("o-1")
    scan = ConflictScan(
        service.log, service.cases, service.money.duties, lambda: [(key, ("bo", "fay"))]
    )
    assert (scan.look(after(7)), scan.look(after(8))) == (1, 0)
    (event,) = (line.event for line in service.lines() if line.type == "case.duties_conflicted")
    assert isinstance(event, DutiesConflicted)
    assert event.duties == {"bo": Duty.REVIEW, "fay": Duty.APPROVE}
    assert event.cases == {"bo": case_stream("o-1", SECOND, 1), "fay": case_stream("o-1", FIRST, 1)}
    assert find_over_orders(cases).over_orders == []


def find_over_orders(cases: TwoCases) -> Any:
    log = cases.service.log
    return find_conflicts(LogScan(log, log.head()), after(100), Period(None, None))


def approved_before_the_rule(cases: TwoCases, by: str, one: Adjustment) -> None:
    """An approval in the log as version 0 stored it: nothing compared it with another case."""
    case = cases.case(FIRST)
    event = AdjustmentApproved(
        adjustment=one.id,
        digest=one.digest,
        role=Role.FINANCE_APPROVER,
        limit="100000.00",
        complete=True,
        lapses_at=after(100),
        note="",
    )
    write = Write(
        stream=case.id,
        kind=CASE,
        expected=case.version,
        events=[(Actor(f"key:{by}", by), event)],
        recorded_at=after(6),
        order=case.order,
    )
    cases.service.log.append([write], None, [DutyRow(case.id, by, Duty.APPROVE)])
    cases.service.cases.forget([case.id])


def test_conflicts_of_the_past_are_shown_and_block_nobody_else(cases: TwoCases) -> None:
    cases.open_second("bo")
    one = cases.propose(FIRST, "ana")
    approved_before_the_rule(cases, "bo", one)
    (found,) = find_over_orders(cases).over_orders
    assert found.person == "bo"
    assert [act.duty for act in found.acts] == [Duty.REVIEW, Duty.APPROVE]
    assert not found.was_allowed  # the order's proposal was stored under the rule
    refused_over_order(lambda: cases.note(SECOND, "bo", 7), Duty.APPROVE, Duty.REVIEW)
    assert cases.propose(FIRST, "ana", "10.00", at=8).proposed_by == ("ana",)
    assert cases.service.recorder._duties[order_stream("o-1"), "bo"] is Duty.REVIEW


def test_people_who_approve_each_other_over_different_orders_are_reported(cases: TwoCases) -> None:
    service = cases.service
    for order, proposer, approver in (("o-2", "ana", "bo"), ("o-3", "bo", "ana")):
        assert find_over_orders(cases).approved_each_other == []
        service.buy(order, "100.00", f"c-{order}", by=proposer)
        service.approve(
            service.propose(order=order, by=proposer), approver, order=order, roles=EVERY_ROLE
        )
    (found,) = find_over_orders(cases).approved_each_other
    assert (found.persons, found.orders) == (["ana", "bo"], 2)
    assert (found.first_approved_second, found.second_approved_first) == (1, 1)
    first, second = found.proposals
    assert (first.proposer, first.approver, first.order, first.shop) == (
        *("ana", "bo"),
        *("o-2", "default"),
    )
    assert (second.proposer, second.approver, second.order) == ("bo", "ana", "o-3")
    assert (first.kind, first.amount, first.currency) == ("partial_refund", "40.00", "EUR")
    assert first.case == service.of("o-2").id
    item = each_other_in_words(found)
    assert item.heading == "ana approved 1 proposal of bo, who approved 1 of ana, on 2 orders"
    assert (
        "partial refund of 40.00 EUR for order o-2, proposed by ana, approved by bo"
        in item.lines[0]
    )


def test_nobody_with_a_part_in_the_order_asks_for_a_break_glass() -> None:
    cases = Linked()
    assert cases.people is not None
    desk = BreakGlassDesk(
        cases.service.log,
        streams.break_glasses(cases.service.log),
        cases.people,
        lambda: UNTIMED_RULEBOOK,
    )
    ask = RequestBreakGlass(
        role=Role.TEAM_LEAD, case=case_stream("o-1", FIRST, 1), reason="All leads are out."
    )
    with pytest.raises(BreakGlassOfTheInvolved, match="in this order"):
        desk.ask(ask, cases.caller("bo", 6))
    desk.ask(ask, cases.caller("gus", 6))


def test_an_order_without_money_takes_no_rows(cases: TwoCases) -> None:
    cases.open_second("bo")
    cases.note(FIRST, "bo")
    assert cases.service.recorder._duties == {}
    assert cases.service.log.trail(ledger_of_order("o-1")) == []
