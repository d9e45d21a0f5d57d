"""Nobody with a part in a case has a part in its break-glass, under any name and in any order."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec import structs

from application.log import streams
from application.log.caller import Caller
from application.people.break_glass_desk import BreakGlassDesk
from application.people.people_desk import operator_caller
from domain.adjustments.adjustment import AdjustmentState
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment
from domain.adjustments.errors import BreakGlassOfTheInvolved
from domain.break_glass import RequestBreakGlass, ReviewBreakGlass, break_glass_name
from domain.cases.errors import CaseNotFound
from domain.grants import ChangePersonStatus, LinkPersonName
from domain.people import Role, person_stream
from tests.application.in_memory_service import UNTIMED_RULEBOOK, caller
from tests.application.money_service import MoneyService
from tests.domain.signals import after

PEOPLE = {
    "ana": (Role.EXCEPTION_SPECIALIST,),
    "bo": (),
    "cy": (),
    "dee": (Role.FINANCE_APPROVER,),
    "eve": (),
    "tia": (),
}
RULE = "break-glass-by-the-uninvolved"


class Emergency:
    """A case that ana works on, with a proposed refund; tia is no approver but in an emergency."""

    def __init__(self) -> None:
        self.service = MoneyService()
        self.people = self.service.employ(PEOPLE)
        self.glasses = BreakGlassDesk(
            self.service.log,
            streams.break_glasses(self.service.log),
            self.people,
            lambda: UNTIMED_RULEBOOK,
        )
        self.one = self.service.propose()

    @property
    def case(self) -> UUID:
        return self.service.of().id

    def ask(self, person: str, at: float = 5.5, *, whole_queue: bool = True) -> UUID:
        queue = self.service.of().queue if whole_queue else None
        ask = RequestBreakGlass(
            role=Role.TEAM_LEAD,
            queue=queue,
            case=None if whole_queue else self.case,
            reason="All leads are out.",
        )
        return self.glasses.ask(ask, caller(person, after(at))).glass.id

    def opened(self, person: str, by: str, at: float = 5.5) -> UUID:
        glass = self.ask(person, at)
        self.glasses.open(glass, caller(by, after(at)))
        return glass

    def link(self, one: str, other: str) -> None:
        ask = LinkPersonName(other=other, reason="She married.")
        self.people.same_as(one, ask, operator_caller(after(5.7)))

    def calling(self, person: str, at: float) -> Caller:
        """The person with what they may do then."""
        authority = self.people.authority_of(person, after(at))
        assert authority is not None
        return structs.replace(caller(person, after(at)), authority=authority)

    def approve(self, person: str, at: float = 6) -> AdjustmentState:
        case = self.service.of()
        ask = ApproveAdjustment(digest=self.one.digest)
        done = self.service.money.approve(
            case.id, case.version, self.one.id, ask, self.calling(person, at)
        )
        return done.case.adjustments.get(self.one.id).state

    def execute(self, person: str, at: float = 7) -> AdjustmentState:
        case = self.service.of()
        ask = ExecuteAdjustment(digest=self.one.digest)
        done = self.service.money.execute(
            case.id, case.version, self.one.id, ask, self.calling(person, at)
        )
        return done.case.adjustments.get(self.one.id).state

    def note(self, person: str, at: float) -> None:
        case = self.service.of()
        self.service.desk.note(case.id, case.version, "Seen.", self.calling(person, at))

    def is_refused(self, person: str) -> bool:
        """The last refusal on record is this person's, by the rule."""
        who, _, rule = self.service.refusals()[-1]
        return (who, rule) == (person, RULE)


def test_people_without_a_part_can_use_a_break_glass() -> None:
    setup = Emergency()
    glass = setup.opened("tia", "cy")
    assert setup.approve("tia") is AdjustmentState.APPROVED
    assert setup.service.of().glasses == (break_glass_name(glass),)
    review = ReviewBreakGlass(justified=True, findings="It was.")
    setup.glasses.close(glass, caller("tia", after(6)))
    setup.glasses.review(glass, review, caller("eve", after(7)))


def test_the_proposer_cannot_open_it_for_the_approver() -> None:
    setup = Emergency()
    setup.opened("tia", "ana")
    with pytest.raises(BreakGlassOfTheInvolved, match="ana opened break-glass"):
        setup.approve("tia")
    assert setup.is_refused("tia")
    assert setup.service.of().adjustments.get(setup.one.id).state is AdjustmentState.PROPOSED


def test_another_name_of_the_proposer_cannot_open_it_either() -> None:
    setup = Emergency()
    setup.opened("tia", "cy")
    setup.link("cy", "ana")
    with pytest.raises(BreakGlassOfTheInvolved):
        setup.approve("tia")


def test_for_one_case_the_involved_are_refused_at_once() -> None:
    setup = Emergency()
    glass = setup.ask("tia", whole_queue=False)
    with pytest.raises(BreakGlassOfTheInvolved, match="ana opens a break-glass"):
        setup.glasses.open(glass, caller("ana", after(5.6)))
    assert setup.is_refused("ana")
    with pytest.raises(BreakGlassOfTheInvolved, match="ana asks for a break-glass"):
        setup.ask("ana", whole_queue=False)
    setup.link("eve", "ana")
    with pytest.raises(BreakGlassOfTheInvolved):
        setup.ask("eve", 5.8, whole_queue=False)
    setup.glasses.open(glass, caller("cy", after(5.8)))
    setup.glasses.close(glass, caller("cy", after(6)))
    review = ReviewBreakGlass(justified=True, findings="It was.")
    with pytest.raises(BreakGlassOfTheInvolved, match="ana reviews a break-glass"):
        setup.glasses.review(glass, review, caller("eve", after(7)))
    setup.glasses.review(glass, review, caller("bo", after(7)))


@pytest.mark.parametrize("name", ["ana", "ana2"])
def test_who_has_a_part_in_a_case_where_one_of_a_queue_was_used_cannot_review_it(name: str) -> None:
    setup = Emergency()
    setup.people.add("ana2", (), operator_caller(after(5)).now)
    setup.link("ana2", "ana")
    glass = setup.opened("tia", "cy", 5.8)
    setup.note("tia", 6)
    setup.glasses.close(glass, caller("cy", after(6.1)))
    review = ReviewBreakGlass(justified=True, findings="It was.")
    with pytest.raises(BreakGlassOfTheInvolved, match="ana reviews a break-glass"):
        setup.glasses.review(glass, review, caller(name, after(7)))
    assert setup.is_refused(name)
    setup.glasses.review(glass, review, caller("eve", after(7)))


def test_a_part_in_another_case_of_the_queue_does_not_keep_from_reviewing() -> None:
    setup = Emergency()
    glass = setup.opened("tia", "cy")
    setup.glasses.close(glass, caller("cy", after(6.1)))
    review = ReviewBreakGlass(justified=True, findings="It was not used.")
    setup.glasses.review(glass, review, caller("ana", after(7)))


def test_there_is_no_break_glass_for_a_case_that_does_not_exist() -> None:
    setup = Emergency()
    for unknown in (UUID(int=7), person_stream("ana")):
        ask = RequestBreakGlass(role=Role.TEAM_LEAD, case=unknown, reason="All leads are out.")
        with pytest.raises(CaseNotFound, match=f"no case {unknown}"):
            setup.glasses.ask(ask, caller("tia", after(6)))


def test_who_had_a_part_before_asking_cannot_use_it() -> None:
    setup = Emergency()
    case = setup.service.of()
    setup.service.desk.note(case.id, case.version, "Seen.", caller("tia", after(5.2)))
    setup.opened("tia", "cy")
    with pytest.raises(BreakGlassOfTheInvolved, match="tia asked for"):
        setup.note("tia", 6)


def test_a_part_taken_under_it_is_no_part_before_it() -> None:
    setup = Emergency()
    setup.opened("tia", "cy")
    setup.note("tia", 6)
    setup.note("tia", 6.1)


@pytest.mark.parametrize("linked", [False, True])
def test_who_opened_it_takes_no_duty_where_it_was_used(linked: bool) -> None:
    setup = Emergency()
    setup.opened("tia", "cy" if linked else "dee")
    setup.note("tia", 5.6)
    if linked:
        setup.link("dee", "cy")
    with pytest.raises(BreakGlassOfTheInvolved, match="which was used in a case of this order"):
        setup.approve("dee")
    assert setup.is_refused("dee")


def test_who_opened_it_may_act_where_it_was_not_used() -> None:
    setup = Emergency()
    setup.opened("tia", "dee")
    assert setup.approve("dee") is AdjustmentState.APPROVED
    with pytest.raises(BreakGlassOfTheInvolved):
        setup.note("tia", 6.1)


def test_a_person_who_left_stays_a_party() -> None:
    setup = Emergency()
    setup.opened("tia", "ana")
    setup.people.leave("ana", ChangePersonStatus(reason="Gone."), operator_caller(after(5.8)))
    with pytest.raises(BreakGlassOfTheInvolved):
        setup.approve("tia")


@pytest.mark.parametrize("linked_at", ["before", "after"])
def test_one_person_under_two_names_cannot_ask_and_open(linked_at: str) -> None:
    setup = Emergency()
    setup.opened("tia", "cy")
    if linked_at == "before":
        setup.link("cy", "tia")
        with pytest.raises(BreakGlassOfTheInvolved, match="which takes two persons"):
            setup.approve("tia")
        return
    setup.approve("tia")
    setup.link("cy", "tia")
    with pytest.raises(BreakGlassOfTheInvolved, match="which takes two persons"):
        setup.execute("dee")


@pytest.mark.parametrize("part", ["ana", "bo"])
def test_an_opener_who_turns_out_to_have_a_part_stops_the_payment(part: str) -> None:
    setup = Emergency()
    case = setup.service.of()
    setup.service.desk.note(case.id, case.version, "Seen.", caller("bo", after(5.2)))
    setup.opened("tia", "cy")
    setup.approve("tia")
    setup.link("cy", part)
    with pytest.raises(BreakGlassOfTheInvolved, match=f"{part} opened break-glass"):
        setup.execute("dee")
    assert setup.is_refused("dee")
    assert setup.service.of().adjustments.get(setup.one.id).state is AdjustmentState.APPROVED


def test_what_was_approved_under_a_break_glass_of_others_is_paid() -> None:
    setup = Emergency()
    setup.opened("tia", "cy")
    setup.approve("tia")
    assert setup.execute("dee") is AdjustmentState.EXECUTING
