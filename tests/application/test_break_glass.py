"""Break-glass: one person requests it, another opens it, it ends within the hour, and a third
reviews it before either takes part in another."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.log import streams
from application.log.caller import Caller, operator_caller
from application.people.break_glass_desk import BreakGlassDesk
from application.people.people_desk import PeopleDesk
from domain.access_errors import (
    AnotherPersonNeeded,
    BreakGlassMoved,
    BreakGlassNotFound,
    BreakGlassReviewDue,
    NotInScope,
)
from domain.break_glass import (
    BreakGlass,
    BreakGlassEnding,
    BreakGlassStage,
    RequestBreakGlass,
    ReviewBreakGlass,
    break_glass_name,
)
from domain.cases.errors import CaseNotFound
from domain.errors import Invalid
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Actor, Role
from domain.permissions import Permission
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, caller
from tests.application.test_granting_roles import desk_of
from tests.domain.signals import after, placed, unavailable

QUEUE = "allocation_failure_review"
OTHER = "refund_validation"
ASK = RequestBreakGlass(role=Role.TEAM_LEAD, queue=QUEUE, minutes=30, reason="All leads are out.")
RIGHT = ReviewBreakGlass(justified=True, findings="They were.")
PEOPLE = ("ana", "bo", "cy", "dee", "eve")


class BreakGlassSetup:
    """A service whose people each handle one queue only."""

    def __init__(self) -> None:
        self.service = InMemoryService()
        self.people: PeopleDesk = desk_of(self.service)
        known = streams.break_glasses(self.service.log)
        self.glasses = BreakGlassDesk(
            self.service.log, known, self.people, lambda: UNTIMED_RULEBOOK
        )
        for name in PEOPLE:
            self.people.add(name, [], after(0))
            ask = GrantRole(role=Role.HANDLER, queues=(OTHER,), reason="Theirs.")
            self.people.give(name, ask, [OTHER], operator_caller(after(0)))

    def ask(self, person: str = "ana", at: float = 1, ask: RequestBreakGlass = ASK) -> UUID:
        return self.glasses.ask(ask, caller(person, after(at))).glass.id

    def opened(self, person: str = "ana", by: str = "bo", at: float = 1) -> UUID:
        glass = self.ask(person, at)
        self.glasses.open(glass, caller(by, after(at)))
        return glass

    def link_names(self, person: str, other: str) -> None:
        by = caller("olga", after(0.5))
        self.people.same_as(person, LinkPersonName(other=other, reason="One."), by)

    def may(self, person: str, permission: Permission, at: float, queue: str = QUEUE) -> bool:
        authority = self.people.authority_of(person, after(at))
        assert authority is not None
        return authority.covers(permission, queue, None)

    def stage(self, glass: UUID) -> BreakGlassStage:
        return self.glasses.glass(glass).stage


@pytest.fixture
def setup() -> BreakGlassSetup:
    return BreakGlassSetup()


def test_a_break_glass_gives_a_role_in_one_scope_until_it_expires(setup: BreakGlassSetup) -> None:
    glass = setup.ask()
    assert not setup.may("ana", Permission.MANAGE_BACKLOG, 1)
    opened = setup.glasses.open(glass, caller("bo", after(1))).glass
    assert (opened.stage, opened.opened_by, opened.until) == (
        BreakGlassStage.OPEN,
        "bo",
        after(1) + timedelta(minutes=30),
    )
    assert setup.may("ana", Permission.MANAGE_BACKLOG, 1.49)
    assert not setup.may("ana", Permission.MANAGE_BACKLOG, 1.49, OTHER)
    assert not setup.may("bo", Permission.MANAGE_BACKLOG, 1.49)
    assert not setup.may("ana", Permission.MANAGE_BACKLOG, 1.5)
    assert setup.service.due() == {glass: after(1.5)}
    setup.service.tick(after(1.5), punctual=True)
    ended = setup.glasses.glass(glass)
    assert (ended.stage, ended.ended, ended.ended_at) == (
        BreakGlassStage.REVIEW_DUE,
        BreakGlassEnding.EXPIRED,
        after(1.5),
    )
    assert setup.service.log.trail(glass)[-1].actor.principal == "system:timekeeper"
    assert setup.service.due() == {}


@pytest.mark.parametrize("role", [Role.FINANCE_APPROVER, Role.GOVERNANCE_OWNER, Role.OPS_MANAGER])
def test_a_break_glass_gives_no_right_to_pay_or_to_grant_roles(
    setup: BreakGlassSetup, role: Role
) -> None:
    glass = setup.ask(ask=RequestBreakGlass(role=role, queue=QUEUE, reason="Now."))
    setup.glasses.open(glass, caller("bo", after(1)))
    authority = setup.people.authority_of("ana", after(1.1))
    assert authority is not None
    for permission in (
        Permission.EXECUTE_ADJUSTMENTS,
        Permission.RECONCILE_ADJUSTMENTS,
        Permission.MANAGE_PEOPLE,
        Permission.ACTIVATE_POLICIES,
        Permission.READ_LOG,
    ):
        assert not authority.may(permission)


def test_only_acts_that_need_the_break_glass_are_recorded_under_it(setup: BreakGlassSetup) -> None:
    setup.service.take(placed(), unavailable(2), at=after(3))
    case = setup.service.only_case("stock_unavailable")

    def acting(at: float) -> Caller:
        authority = setup.people.authority_of("ana", after(at))
        assert authority is not None
        return Caller(Actor("key:ana", "ana"), "ana", after(at), "command:x", None, authority)

    with pytest.raises(CaseNotFound):
        setup.service.desk.note(case.id, case.version, "Mine?", acting(3))
    ask = RequestBreakGlass(role=Role.HANDLER, case=case.id, reason="Now.")
    glass = setup.ask(at=3, ask=ask)
    setup.glasses.open(glass, caller("bo", after(3)))
    case = setup.service.desk.note(case.id, case.version, "Mine.", acting(3.5)).case
    assert setup.service.log.trail(case.id)[-1].actor == Actor(
        "key:ana", "ana", under=break_glass_name(glass)
    )
    with pytest.raises(CaseNotFound):
        setup.service.desk.note(case.id, case.version, "Still?", acting(4))
    setup.people.give(
        "ana", GrantRole(role=Role.HANDLER, reason="For good."), [], operator_caller(after(3.6))
    )
    case = setup.service.desk.note(case.id, case.version, "Mine too.", acting(3.7)).case
    assert setup.service.log.trail(case.id)[-1].actor == Actor("key:ana", "ana")


def test_a_visible_case_out_of_scope_is_refused_as_not_in_scope(setup: BreakGlassSetup) -> None:
    setup.service.take(placed(), unavailable(2), at=after(3))
    case = setup.service.only_case("stock_unavailable")
    audits = GrantRole(role=Role.AUDITOR, reason="To look.")
    setup.people.give("ana", audits, [], caller("olga", after(3)))
    authority = setup.people.authority_of("ana", after(3))
    assert authority is not None
    by = Caller(Actor("key:ana", "ana"), "ana", after(3), "command:x", None, authority)
    with pytest.raises(NotInScope):
        setup.service.desk.note(case.id, case.version, "Mine?", by)


def acting(person: str, **facts: object) -> Caller:
    return Caller(Actor(f"key:{person}", person, **facts), person, after(1.1), "command:x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "by",
    [
        acting("ana"),
        acting("dee"),  # another account of ana
        acting("bo", via=("agent:helper",)),
        acting("bo", delegate="ana"),
        acting("ana", delegate="bo"),
        acting("bo", delegate="cy"),
    ],
)
def test_the_requester_cannot_open_their_own_break_glass_under_any_account(
    setup: BreakGlassSetup, by: Caller
) -> None:
    setup.link_names("ana", "dee")
    glass = setup.ask()
    with pytest.raises(AnotherPersonNeeded):
        setup.glasses.open(glass, by)
    assert setup.stage(glass) is BreakGlassStage.ASKED


def test_agents_and_delegates_cannot_request_a_break_glass(setup: BreakGlassSetup) -> None:
    for by in (acting("ana", via=("agent:helper",)), acting("ana", delegate="bo")):
        with pytest.raises(AnotherPersonNeeded):
            setup.glasses.ask(ASK, by)


@pytest.mark.parametrize(
    ("ask", "pointer"),
    [
        (RequestBreakGlass(role=Role.TEAM_LEAD, reason="x"), "/queue"),
        (RequestBreakGlass(role=Role.TEAM_LEAD, queue=QUEUE, case=uuid4(), reason="x"), "/queue"),
        (RequestBreakGlass(role=Role.TEAM_LEAD, queue="nowhere", reason="x"), "/queue"),
    ],
)
def test_a_break_glass_has_exactly_one_scope(
    setup: BreakGlassSetup, ask: RequestBreakGlass, pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        setup.ask(ask=ask)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("party", ["ana", "bo", "eve"])
def test_requester_and_opener_cannot_take_part_in_another_until_the_review(
    setup: BreakGlassSetup, party: str, ended: bool
) -> None:
    setup.link_names("bo", "eve")  # the opener has another account
    waiting = setup.ask("cy", at=1)
    glass = setup.opened(at=1)
    if ended:
        setup.glasses.close(glass, caller("dee", after(1.2)))
    with pytest.raises(BreakGlassReviewDue) as refused:
        setup.ask(party, at=1.3)
    assert refused.value.facts == {"due": [str(glass)]}
    with pytest.raises(BreakGlassReviewDue):
        setup.glasses.open(waiting, caller(party, after(1.3)))


def test_only_one_of_two_requests_of_a_person_can_be_opened(setup: BreakGlassSetup) -> None:
    first, second = setup.ask(at=1), setup.ask(at=1.1)
    setup.glasses.open(first, caller("bo", after(1.2)))
    with pytest.raises(BreakGlassReviewDue):
        setup.glasses.open(second, caller("cy", after(1.2)))


@pytest.mark.parametrize("by", ["ana", "bo", "eve"])
def test_neither_requester_nor_opener_can_review(setup: BreakGlassSetup, by: str) -> None:
    setup.link_names("bo", "eve")
    glass = setup.opened()
    setup.glasses.close(glass, caller("ana", after(1.2)))
    with pytest.raises(AnotherPersonNeeded):
        setup.glasses.review(glass, RIGHT, caller(by, after(2)))
    with pytest.raises(AnotherPersonNeeded):
        setup.glasses.review(glass, RIGHT, acting("cy", via=("agent:helper",)))


def test_after_the_review_both_may_take_part_in_another(setup: BreakGlassSetup) -> None:
    glass = setup.opened()
    with pytest.raises(BreakGlassMoved):
        setup.glasses.review(glass, RIGHT, caller("cy", after(1.2)))
    # It has expired, but its end is not recorded yet.
    done = setup.glasses.review(glass, RIGHT, caller("cy", after(3))).glass
    assert (done.stage, done.reviewed_by, done.review) == (
        BreakGlassStage.REVIEWED,
        "cy",
        setup.service.log.trail(glass)[-1].event,
    )
    recorded = [(line.type, line.actor.principal) for line in setup.service.log.trail(glass)]
    assert recorded == [
        ("break_glass.asked", "key:ana"),
        ("break_glass.opened", "key:bo"),
        ("break_glass.ended", "system:timekeeper"),
        ("break_glass.reviewed", "key:cy"),
    ]
    assert setup.opened("bo", "ana", at=4)
    with pytest.raises(BreakGlassMoved):
        setup.glasses.review(glass, RIGHT, caller("cy", after(5)))


def test_closing_early_revokes_the_grant(setup: BreakGlassSetup) -> None:
    glass = setup.opened()
    setup.glasses.close(glass, caller("bo", after(1.2)))
    assert not setup.may("ana", Permission.MANAGE_BACKLOG, 1.2)
    assert setup.glasses.glass(glass).ended is BreakGlassEnding.CLOSED
    assert setup.service.due() == {}
    for step in (setup.glasses.close, setup.glasses.open):
        with pytest.raises(BreakGlassMoved):
            step(glass, caller("cy", after(1.3)))


def test_an_unopened_request_lapses_and_needs_no_review(setup: BreakGlassSetup) -> None:
    glass, withdrawn = setup.ask(at=1), setup.ask("cy", at=1)
    setup.glasses.close(withdrawn, caller("cy", after(1.1)))
    with pytest.raises(BreakGlassMoved):
        setup.glasses.open(glass, caller("bo", after(2)))
    setup.service.tick(after(2))
    assert [setup.stage(one) for one in (glass, withdrawn)] == [
        BreakGlassStage.LAPSED,
        BreakGlassStage.LAPSED,
    ]
    assert setup.opened(at=3)


def test_a_person_who_left_gets_no_break_glass(setup: BreakGlassSetup) -> None:
    glass = setup.opened()
    setup.people.leave(
        "ana", ChangePersonStatus(reason="Her last day."), caller("olga", after(1.1))
    )
    assert not setup.may("ana", Permission.MANAGE_BACKLOG, 1.2)
    assert isinstance(setup.glasses.glass(glass), BreakGlass)


def test_eligibility_includes_break_glass_grants(setup: BreakGlassSetup) -> None:
    glass = setup.opened()
    found = setup.people.eligible(Permission.MANAGE_BACKLOG, QUEUE, None, after(1.2))
    assert [(e.person.name, [g.under for g in e.grants]) for e in found] == [
        ("ana", [break_glass_name(glass)])
    ]
    assert setup.people.eligible(Permission.MANAGE_BACKLOG, QUEUE, None, after(1.6)) == []


def test_an_id_of_another_stream_is_not_found(setup: BreakGlassSetup) -> None:
    setup.service.take(placed(), unavailable(2), at=after(3))
    for other in (uuid4(), setup.service.only_case("stock_unavailable").id):
        with pytest.raises(BreakGlassNotFound):
            setup.glasses.open(other, caller("bo", after(1)))
