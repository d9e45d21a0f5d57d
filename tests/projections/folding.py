"""Reports as functions: from a log to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import structs

from application.audit.question_records import record_question
from application.log import streams
from application.log.builds import record_build
from application.log.caller import operator_caller
from application.people.break_glass_desk import BreakGlassDesk
from application.people.grant_desk import GrantDesk
from application.people.people_desk import PeopleDesk, token_digest
from application.people.principals import Principals
from application.people.principals_desk import PrincipalsDesk
from application.policy.policy_desk import PolicyDesk
from domain.audit import AuditAsked
from domain.backlog.recovery import AddAction, AssignPlanOwner, CompleteAction
from domain.break_glass import RequestBreakGlass, ReviewBreakGlass
from domain.builds import BuildStarted
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.next_steps import HoldOn, HoldReason
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, OpenCase, StartWait
from domain.cases.work_events import ErrorReason, Link
from domain.clock.terms import Dependency
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName, SetSkills
from domain.orders.message_signals import WarehouseNoted
from domain.orders.purchase_signals import Customer
from domain.orders.shipment_signals import ShipmentLost
from domain.orders.signal_body import Refs
from domain.people import OPERATOR_ACTOR, Actor, Role, token_stream
from domain.principals import KeyScope
from domain.privacy import DataSubject, ErasureBasis
from domain.recorded_event import RecordedEvent
from projections.projection import AnyProjection
from tests.application.in_memory_keys import SealedService
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService, caller
from tests.application.money_service import MoneyService
from tests.application.policy_changes import govern_policies
from tests.application.refused_requests import refuse_requests
from tests.domain.signals import (
    ORDER,
    WEEK_AFTER,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    refunded,
    scanned,
    signal_fields,
    unavailable,
)
from tests.projections.lost_events import lose_events
from tests.projections.reviewed_access import review_access
from tests.projections.sources_that_send import send_and_read_again


def steps(
    report: AnyProjection, lines: Iterable[RecordedEvent]
) -> Iterator[tuple[RecordedEvent, Any, Any, Any]]:
    """Each line of the report: the line, its key, the row before, the row after."""
    rows: dict[object, Any] = {}
    for line in lines:
        key = report.key(line)
        if key is not None:
            before = rows.get(key)
            now = report.fold(before, line)
            rows.pop(key, None) if now is None else rows.update({key: now})
            yield line, key, before, now


def rows_of(report: AnyProjection, lines: Iterable[RecordedEvent]) -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    for _, key, _, now in steps(report, lines):
        rows.pop(key, None)
        if now is not None:
            rows[key] = now
    return rows


def work_on_case(service: InMemoryService) -> None:
    """Every act of people on a case, and every clock event."""
    desk = service.desk
    ask = OpenCase(order=ORDER, kind="refund_due", note="The customer called.")
    by = caller("ana", after(262))
    lost = OpenCase(order=ORDER, kind="lost", note="She has not got it.")
    desk.open(lost, by)
    other = desk.open(structs.replace(lost, parts=("line:kettle",)), by).case
    case = desk.open(ask, by).case
    waits = StartWait(
        dependency=Dependency.CARRIER, party="dhl", expected_by=after(263), note="Asked for proof."
    )
    case = desk.wait(case.id, case.version, waits, by).case
    for ask in (
        HandOff(note="Theirs.", to_queue="payment_hold_review"),
        HandOff(note="Yours, bo.", to_person="bo"),
    ):
        case = desk.hand_off(case.id, case.version, ask, by).case
        by = caller("bo", after(262.2))
    case = desk.resume(case.id, case.version, "They answered.", by).case
    case = desk.wait(case.id, case.version, waits, by).case
    service.tick(after(263.5))  # the expected answer did not come
    case = desk.case(case.id)
    case = desk.note(case.id, case.version, "Asked again.", by).case
    proof = Evidence(ref="dhl/pod-1", type=EvidenceType.SHIPPING_DOCUMENTATION)
    case = desk.attach(case.id, case.version, proof, by).case
    for due_at in (after(264), None):
        task = AddTask(title="Tell her.", owner="bo", due_at=due_at)
        case = desk.add_task(case.id, case.version, task, by).case
    hold = PlaceHold(what=HoldOn.REFUND, reason=HoldReason.OTHER)
    case = desk.place_hold(case.id, case.version, hold, by).case
    case = desk.escalate(case.id, case.version, "A week!", by).case
    case = desk.link(
        case.id, case.version, LinkCase(link=Link.DUPLICATE_OF, case=other.id), by
    ).case
    wrong = DeclareError(about=2, reason=ErrorReason.INCORRECT_DATA, note="Of another order.")
    case = desk.declare_error(case.id, case.version, wrong, by).case
    case = desk.hand_off(case.id, case.version, HandOff(note="Back.", to_queue=case.queue), by).case
    case = desk.reterm(case.id, case.version, "As of today.", by).case
    desk.claim(case.id, case.version, caller("cy", after(264)))
    service.tick(after(288))  # and cy does nothing
    case, by = desk.case(case.id), caller("cy", after(288))
    case = desk.complete_task(case.id, case.version, CompleteTask(task=1), by).case
    case = desk.drop_task(case.id, case.version, DropTask(task=2, note="Told."), by).case
    desk.release_hold(case.id, case.version, ReleaseHold(hold=1, note="Let it go."), by)


def act_for_others(service: InMemoryService) -> None:
    """Ana gets an agent, logins, a delegate and narrower keys; then all of them end."""
    people = PeopleDesk(service.log, streams.people(service.log))
    desk = PrincipalsDesk(service.log, people, Principals(service.log, people))
    people.add("bo", [Role.HANDLER], after(0))
    desk.register_agent("ana", "triage", after(1))
    desk.link("ana", "https://id.example", "a-1", after(1))
    desk.link("ana", "https://id.example", "t-1", after(1), agent="triage")
    desk.delegate("ana", "bo", after(48), "On holiday.", after(1))
    scope = KeyScope(frozenset({"cases.read"}), ("payment_hold_review",), ("BR",))
    key = desk.issue_key("ana", after(1), agent="triage", scope=scope, expires_at=after(24))
    desk.revoke_key(token_stream(token_digest(key)), "Found in a chat.", after(2))
    desk.end_delegation("ana", "bo", "Back early.", after(2))
    desk.unlink("https://id.example", "t-1", "Replaced.", after(2))
    desk.retire_agent("triage", "Replaced.", after(2))


def eventful_service() -> InMemoryService:
    """A service with a log of every event."""
    service = MoneyService(None, rulebook=SHIPPED_RULEBOOK)
    PolicyDesk(service.log, lambda: after(0)).bootstrap(SHIPPED_RULEBOOK, after(0))
    people = PeopleDesk(service.log, streams.people(service.log))
    people.add("ana", [Role.HANDLER], after(0))
    people_join_and_leave(people)
    break_the_glass(service, people)
    people.issue_token("ana", after(0))
    people.issue_token("ana", after(0), expires_at=after(24))
    act_for_others(service)
    service.take(promising(), approved(), captured(), handed_over(), scanned(), at=after(22))
    service.take(unavailable(23), cancelled(24), at=after(25))
    service.take(placed(tenders=None, id="again"), at=after(26))
    service.tick(after(252))
    for case in service.found():
        held = service.desk.claim(case.id, case.version, caller("ana", after(260))).case
        service.desk.release(case.id, held.version, "", caller("ana", after(261)))
    for case in service.found():
        service.resolve(case, after(262), "bo")
    refund = service.only_case("refund_due")
    work_on_case(service)
    service.desk.reopen(refund.id, refund.version, "not paid", caller("cy", after(263)))
    service.take(captured(264, "5.00", id="more"), refunded(265, "105.00"), at=after(266))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(267))
    service.tick(after(600))
    service.take(delivered(268), at=after(601))
    hold_signals(service)
    recover_queues(service)
    service.adjusted("o-money", 604)
    flawless = (placed(600), approved(600.5), allocated(601))
    service.take(*(structs.replace(signal, order="o-9") for signal in flawless), at=after(603))
    note_ahead(service, 603)
    lose_and_find_a_parcel(service, 603)
    govern_policies(service, SHIPPED_RULEBOOK, 604)
    erase_customer(service)
    record_build(service.log, BUILD, after(0))
    question = AuditAsked(asked="question 24", position=service.log.head(), answer="00" * 32)
    record_question(service.log, question, OPERATOR_ACTOR, after(610))
    refuse_requests(service.log, Actor("key:bo", "bo"), after(610))
    review_access(service.log, after(611))
    send_and_read_again(service, 611)
    lose_events(service.log, after(611))
    return service


def note_ahead(service: InMemoryService, hours: float) -> None:
    """A note whose event time is half an hour ahead of the clock, and comes."""
    soon = WarehouseNoted(**signal_fields(hours + 0.5, "soon"), note="Packed.")
    service.take(structs.replace(soon, order="o-9"), at=after(hours))
    service.tick(after(hours + 0.6))


def lose_and_find_a_parcel(service: InMemoryService, hours: float) -> None:
    """A parcel is lost, and delivered after all."""
    lost = ShipmentLost(**signal_fields(hours + 0.2, "lost"), shipment="P1")
    story = (placed(hours), handed_over(hours + 0.1, shipment="P1"), lost)
    service.take(*(structs.replace(one, order="o-lost") for one in story), at=after(hours + 0.3))
    found = delivered(hours + 0.4, shipment="P1")
    service.take(structs.replace(found, order="o-lost"), at=after(hours + 0.5))


BUILD = BuildStarted(
    build="ab" * 32,
    version="1",
    files="cd" * 32,
    python="3.11",
    libraries={"msgspec": "0.22"},
    migrations={"0001_the_log.sql": "ef" * 32},
)


def erase_customer(service: InMemoryService) -> None:
    """Erase a customer whose data must first be kept for a while."""
    sealed = SealedService(SHIPPED_RULEBOOK, service.recorder)
    mine = (placed(600, customer=Customer(id="c-gone")), unavailable(601))
    sealed.take(*(structs.replace(signal, order="o-gone") for signal in mine), at=after(604))
    for case in [one for one in sealed.found() if one.order == "o-gone"]:
        sealed.resolve(case, after(605))
    by = caller("petra", after(606))
    sealed.privacy.hold(DataSubject(customer="c-gone"), "A claim is pending.", "", by)
    sealed.privacy.release(DataSubject(customer="c-gone"), 1, "It was settled.", by)
    sealed.privacy.erase(DataSubject(customer="c-gone"), ErasureBasis.CONSENT_WITHDRAWN, "", by)


def people_join_and_leave(people: PeopleDesk) -> None:
    """People get roles, which end; two accounts turn out to be one person."""
    now = after(0)
    by = caller("head", now)
    for name in ("head", "mia", "mia2"):
        people.add(name, [], now)
    for name in ("boss", "chief"):
        people.add(name, [Role.OPS_MANAGER], now)
    desk = GrantDesk(people)
    lent = GrantRole(role=Role.TEAM_LEAD, queues=("a",), until=after(24), reason="For a day.")
    for ask in (lent, GrantRole(role=Role.HANDLER, reason="For good.")):
        people.give("mia", ask, ["a"], operator_caller(now))
    auditor = GrantRole(role=Role.QA_ANALYST, reason="She reviews.")
    for grant in ("g3", "g4", "g5"):
        people.give("mia", auditor, ["a"], caller("boss", now))
        match grant:
            case "g3":
                desk.confirm("mia", grant, caller("chief", now))
            case "g4":
                desk.reject("mia", grant, ChangePersonStatus(reason="One is enough."), by)
            case _:
                ask_no_more = ChangePersonStatus(reason="A mistake.")
                desk.withdraw("mia", grant, ask_no_more, caller("boss", now))
    people.revoke("mia", "g1", ChangePersonStatus(reason="Not any more."), by)
    people.set_skills("mia", SetSkills(skills=("refunds",)), by)
    people.same_as("mia", LinkPersonName(other="mia2", reason="She said so."), by)
    people.leave("mia", ChangePersonStatus(reason="Her last day."), by)
    people.come_back("mia", ChangePersonStatus(reason="She is back."), by)


def break_the_glass(service: InMemoryService, people: PeopleDesk) -> None:
    """One break-glass that is opened, closed and reviewed; and one that nobody opens."""
    glasses = BreakGlassDesk(
        service.log, streams.break_glasses(service.log), people, lambda: service.rulebook
    )
    ask = RequestBreakGlass(role=Role.TEAM_LEAD, queue="payment_hold_review", reason="All are out.")
    glass = glasses.ask(ask, caller("mia", after(0))).glass.id
    glasses.open(glass, caller("head", after(0.1)))
    glasses.close(glass, caller("head", after(0.2)))
    judge = ReviewBreakGlass(justified=True, findings="They were.")
    glasses.review(glass, judge, caller("ana", after(0.3)))
    glasses.ask(ask, caller("mia", after(0.4)))


def hold_signals(service: InMemoryService) -> None:
    """Two captures name their orders by references; one is reported, and the other joins its order."""
    for payment in ("pi_1", "pi_2"):
        captured_of = captured(id=payment, refs=Refs(payment=payment))
        service.take(structs.replace(captured_of, order=""), at=after(2))
    held = service.intake.held
    for state in held.load(["\x1f\x1ftest/pi_1"]).values():
        service.log.append([held.record_report(state, after(30))])
    service.take(approved(order="o-held", payment="pi_2"), at=after(31))


def recover_queues(service: InMemoryService) -> None:
    """Queues that fall behind get recovery plans; one of them recovers."""
    desk, by = service.recovery, caller("ana", after(600))
    assert desk.look(after(600))
    queue = "payment_hold_review"
    plan = desk.own(queue, 1, AssignPlanOwner(owner="ana"), by).recovery
    plan = desk.add_action(queue, plan.version, AddAction(title="Call them"), by).recovery
    desk.complete_action(queue, plan.version, CompleteAction(action=1), by)
    for case in service.found():
        if case.queue == queue and not case.is_resolved:
            service.resolve(case, after(601))
    assert desk.look(after(602))
