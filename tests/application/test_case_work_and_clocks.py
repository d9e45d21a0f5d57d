"""The work of people on a case, and the events of its clocks without work."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from domain.cases.errors import (
    CaseAlreadyResolved,
    CaseNotOpen,
    CaseNotWaiting,
    CaseNotYours,
    EvidenceMissing,
    NoNextOwner,
    NoSuchVersion,
    ProblemHasCase,
    QueueNotFound,
)
from domain.cases.events import Resolution
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, OpenCase, StartWait
from domain.cases.work_events import ErrorReason, EscalationCause, Link
from domain.clock.terms import Dependency, Measure
from domain.errors import Invalid, OrderNotFound
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import (
    RESOLUTION,
    SHIPPED_RULEBOOK,
    InMemoryService,
    caller,
)
from tests.domain.exception_signals import checked
from tests.domain.signals import after, handed_over, unavailable

DHL = StartWait(dependency=Dependency.CARRIER, party="dhl")


def open_case(rulebook: Rulebook = SHIPPED_RULEBOOK) -> tuple[InMemoryService, ExceptionCase]:
    """A service with one open case, routed at 3 h: a Wednesday, 15:00 UTC, 16:00 at the desk."""
    service = InMemoryService(rulebook)
    service.take(unavailable(), at=after(3))
    return service, service.only_case("stock_unavailable")


def changed(**parts: object) -> Rulebook:
    """The shipped policy with some parts replaced."""
    return Rulebook(msgspec.structs.replace(SHIPPED_RULEBOOK.document, **parts))


def test_a_hand_off_gives_the_case_to_the_next_owner() -> None:
    service, case = open_case()
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    ask = HandOff(to_queue="refund_validation", note="They want their money back.")
    handed = service.desk.hand_off(case.id, held.version, ask, caller("ana", after(5))).case
    assert (handed.state, handed.queue, handed.owner) == (
        CaseState.OPEN,
        "refund_validation",
        "refunds_desk",
    )
    assert handed.owned_since == after(5)
    ask = HandOff(to_person="bo", note="You know this customer.")
    given = service.desk.hand_off(case.id, handed.version, ask, caller("cy", after(6))).case
    assert (given.state, given.owner, given.owned_since) == (CaseState.CLAIMED, "bo", after(6))
    assert given.hand_offs == 2
    (first, second) = service.events(case.id, "case.handed_off")
    assert (first.from_queue, first.from_person) == ("allocation_failure_review", "ana")
    assert (second.from_queue, second.to_queue, second.to_person) == (
        "refund_validation",
        "refund_validation",
        "bo",
    )


def test_a_hand_off_needs_another_owner() -> None:
    service, case = open_case()
    by = caller("ana", after(4))
    for ask, error in (
        (HandOff(note="Yours."), NoNextOwner),
        (HandOff(to_queue=case.queue, note="Yours."), NoNextOwner),
        (HandOff(to_queue="nowhere", note="Yours."), QueueNotFound),
    ):
        with pytest.raises(error):
            service.desk.hand_off(case.id, case.version, ask, by)
    held = service.desk.claim(case.id, case.version, by).case
    ask = HandOff(to_queue="refund_validation", note="Mine now.")
    with pytest.raises(CaseNotYours):
        service.desk.hand_off(case.id, held.version, ask, caller("bo", after(5)))
    assert service.only_case("stock_unavailable") == held


def test_a_hand_off_needs_the_evidence_that_the_queue_requires() -> None:
    queues = dict(SHIPPED_RULEBOOK.document.queues)
    queues["refund_validation"] = msgspec.structs.replace(
        queues["refund_validation"], hand_off_requires=(EvidenceType.RECEIPT,)
    )
    service, case = open_case(changed(queues=queues))
    ask = HandOff(to_queue="refund_validation", note="Refund it.")
    with pytest.raises(EvidenceMissing, match="receipt") as refused:
        service.desk.hand_off(case.id, case.version, ask, caller("ana", after(4)))
    assert refused.value.facts == {"missing": ["receipt"]}
    receipt = Evidence(ref="shop/receipt-1", type=EvidenceType.RECEIPT)
    case = service.desk.attach(case.id, case.version, receipt, caller("ana", after(4))).case
    case = service.desk.hand_off(case.id, case.version, ask, caller("ana", after(5))).case
    assert case.queue == "refund_validation"


def test_a_wait_keeps_its_person_and_ends_on_resume() -> None:
    service, case = open_case()
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    waiting = service.desk.wait(case.id, case.version, DHL, caller("ana", after(5))).case
    assert (waiting.state, waiting.owner, waiting.lease_until) == (CaseState.WAITING, "ana", None)
    with pytest.raises(CaseNotOpen):
        service.desk.claim(case.id, waiting.version, caller("bo", after(6)))
    with pytest.raises(CaseNotYours):
        service.desk.resume(case.id, waiting.version, "", caller("bo", after(6)))
    case = service.desk.resume(
        case.id, waiting.version, "They called.", caller("ana", after(7))
    ).case
    assert (case.state, case.owner, case.ownership.resumed) == (CaseState.CLAIMED, "ana", True)
    with pytest.raises(CaseNotWaiting):
        service.desk.resume(case.id, case.version, "", caller("ana", after(7)))


def test_a_wait_ends_when_the_expected_answer_is_overdue() -> None:
    service, case = open_case()
    ask = msgspec.structs.replace(DHL, expected_by=after(9))
    service.desk.wait(case.id, case.version, ask, caller("ana", after(4)))
    service.tick(after(9, microseconds=-1))
    assert service.only_case("stock_unavailable").state is CaseState.WAITING
    service.tick(after(9))
    assert service.only_case("stock_unavailable").state is CaseState.OPEN
    assert service.trail(case.id)[-1] == "case.wait_ended"


def test_a_hand_off_of_a_waiting_case_keeps_the_wait() -> None:
    service, case = open_case()
    case = service.desk.wait(case.id, case.version, DHL, caller("ana", after(4))).case
    ask = HandOff(to_queue="refund_validation", to_person="bo", note="Wait for them.")
    case = service.desk.hand_off(case.id, case.version, ask, caller("ana", after(5))).case
    assert (case.state, case.owner, case.queue) == (CaseState.WAITING, "bo", "refund_validation")
    case = service.desk.resume(case.id, case.version, "", caller("bo", after(6))).case
    assert (case.state, case.owner) == (CaseState.CLAIMED, "bo")


def test_a_new_wait_ends_the_earlier_one() -> None:
    service, case = open_case()
    case = service.desk.wait(case.id, case.version, DHL, caller("ana", after(4))).case
    other = StartWait(dependency=Dependency.CUSTOMER, party="C1")
    case = service.desk.wait(case.id, case.version, other, caller("ana", after(5))).case
    assert case.waiting is not None
    assert case.waiting.party == "C1"
    assert service.trail(case.id)[-3:] == [
        "case.wait_started",
        "case.wait_ended",
        "case.wait_started",
    ]


def test_an_idle_claim_lapses_and_an_active_one_does_not() -> None:
    service, case = open_case()
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    assert case.lease_until == after(12)
    case = service.desk.note(case.id, case.version, "Called them.", caller("ana", after(11))).case
    service.tick(after(12))
    assert service.only_case("stock_unavailable").person == "ana"
    service.tick(after(19))
    lapsed = service.only_case("stock_unavailable")
    assert (lapsed.state, lapsed.owner) == (CaseState.OPEN, "inventory_desk")
    (event,) = service.events(case.id, "case.claim_lapsed")
    assert (event.person, event.lease_until) == ("ana", after(19))


def test_a_resolution_needs_the_evidence_that_policy_requires() -> None:
    required = {ResolutionReason.RESHIPPED: (EvidenceType.SHIPPING_DOCUMENTATION,)}
    service, case = open_case(changed(resolving_requires=required))
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    label = Evidence(ref="dhl/label-7", type=EvidenceType.SHIPPING_DOCUMENTATION)
    reshipped = Resolution(
        reason=ResolutionReason.RESHIPPED, root_cause=RootCause.UPSTREAM_DATA, evidence=("wms/1",)
    )
    with pytest.raises(EvidenceMissing):
        service.desk.resolve(case.id, case.version, reshipped, caller("ana", after(5)))
    case = service.desk.attach(case.id, case.version, label, caller("ana", after(5))).case
    with pytest.raises(EvidenceMissing):  # attached, but the resolution does not name it
        service.desk.resolve(case.id, case.version, reshipped, caller("ana", after(5)))
    service.take(handed_over(5.5), at=after(5.5))
    case = service.only_case("stock_unavailable")
    rests = msgspec.structs.replace(reshipped, evidence=("dhl/label-7",))
    case = service.desk.resolve(case.id, case.version, rests, caller("ana", after(6))).case
    assert case.is_resolved


def test_a_file_that_was_never_uploaded_is_not_the_evidence_that_policy_requires() -> None:
    required = {ResolutionReason.RESHIPPED: (EvidenceType.SHIPPING_DOCUMENTATION,)}
    service, case = open_case(changed(resolving_requires=required))
    service.stored_files = set()
    service.take(handed_over(3.5), at=after(4))
    case = service.only_case("stock_unavailable")
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    ref = f"sha256:{'a' * 64}"
    label = Evidence(ref=ref, type=EvidenceType.SHIPPING_DOCUMENTATION)
    case = service.desk.attach(case.id, case.version, label, caller("ana", after(5))).case
    assert case.unknown_evidence == (ref,)
    reshipped = Resolution(
        reason=ResolutionReason.RESHIPPED, root_cause=RootCause.UPSTREAM_DATA, evidence=(ref,)
    )
    with pytest.raises(EvidenceMissing, match="attach: shipping_documentation"):
        service.desk.resolve(case.id, case.version, reshipped, caller("ana", after(5)))
    service.stored_files.add(ref)
    uploaded = msgspec.structs.replace(label, size=9)
    case = service.desk.attach(case.id, case.version, uploaded, caller("ana", after(6))).case
    case = service.desk.resolve(case.id, case.version, reshipped, caller("ana", after(6))).case
    assert case.is_resolved


def test_a_person_opens_one_case_of_a_kind_after_another() -> None:
    service, _ = open_case()
    ask = OpenCase(order="o-1", kind="refund_due", note="The customer called.")
    first = service.desk.open(ask, caller("ana", after(5))).case
    with pytest.raises(ProblemHasCase, match=str(first.id)) as refused:
        service.desk.open(ask, caller("bo", after(6)))
    assert refused.value.facts == {"case": str(first.id), "state": "open"}
    assert service.trail(first.id) == ["case.opened", "case.enriched", "case.routed"]
    service.resolve(first, after(6))
    second = service.desk.open(ask, caller("bo", after(6))).case
    assert (first.id, first.occurrence) != (second.id, second.occurrence)
    assert (first.queue, first.state, first.rule) == ("refund_validation", CaseState.OPEN, "")
    assert service.trail(second.id) == ["case.opened", "case.enriched", "case.routed"]
    with pytest.raises(Invalid):
        service.desk.open(msgspec.structs.replace(ask, kind="nonsense"), caller("ana", after(7)))
    with pytest.raises(OrderNotFound):
        service.desk.open(msgspec.structs.replace(ask, order="nobody"), caller("ana", after(7)))


def test_links_and_error_declarations_do_not_change_earlier_events() -> None:
    service, case = open_case()
    ask = OpenCase(order="o-1", kind="refund_due", note="The customer called.")
    other = service.desk.open(ask, caller("ana", after(5))).case
    link = LinkCase(link=Link.DUPLICATE_OF, case=other.id)
    case = service.desk.link(case.id, case.version, link, caller("ana", after(6))).case
    wrong = DeclareError(about=1, reason=ErrorReason.DID_NOT_OCCUR, note="A test order.")
    before = service.log.trail(case.id)
    case = service.desk.declare_error(case.id, case.version, wrong, caller("ana", after(7))).case
    assert service.log.trail(case.id)[:-1] == before
    assert (case.links, case.errors) == ({other.id: Link.DUPLICATE_OF}, (1,))
    assert service.desk.case(other.id) == other
    wrong = msgspec.structs.replace(wrong, about=99)
    with pytest.raises(NoSuchVersion):
        service.desk.declare_error(case.id, case.version, wrong, caller("ana", after(7)))
    itself = msgspec.structs.replace(link, case=case.id)
    with pytest.raises(Invalid):
        service.desk.link(case.id, case.version, itself, caller("ana", after(7)))


@pytest.mark.parametrize("late", [0, 30])
def test_at_risk_and_breached_events_have_their_own_times(late: float) -> None:
    """Routed on Wednesday at 16:00 in Berlin, the first action due after 4 hours of the desk. 2
    are left of Wednesday, so it is due on Thursday at 10:00, which is 09:00 UTC (21 h after
    noon). At risk at 80 %: after 3 h 12 min, at 08:12 UTC."""
    service, case = open_case()
    service.tick(after(21 + late, microseconds=1))
    found = {
        (event.measure, event.at)
        for tag in ("case.at_risk", "case.breached")
        for event in service.events(case.id, tag)
    }
    assert (Measure.FIRST_ACTION, after(20.2)) in found
    assert (Measure.FIRST_ACTION, after(21, microseconds=1)) in found
    (breach,) = [
        event
        for event in service.events(case.id, "case.breached")
        if event.measure is Measure.FIRST_ACTION
    ]
    assert breach.due_at == after(21)
    assert breach.spent == {"queue": 4 * 3600}
    before = service.trail(case.id)
    service.tick(after(21 + late, microseconds=1))
    assert service.trail(case.id) == before


def test_a_wait_for_the_customer_stops_the_clock_and_one_for_the_carrier_does_not() -> None:
    for dependency, breached in ((Dependency.CUSTOMER, False), (Dependency.CARRIER, True)):
        service, case = open_case()
        ask = StartWait(dependency=dependency, party="C1")
        service.desk.wait(case.id, case.version, ask, caller("ana", after(4)))
        service.tick(after(24 * 14))
        measures = {event.measure for event in service.events(case.id, "case.breached")}
        assert (Measure.RESOLUTION in measures) is breached


def test_aging_work_escalates_and_empty_rungs_are_skipped_and_recorded() -> None:
    """There is no ops manager, so the second rung is skipped at once."""
    service, case = open_case()
    steps = [after(27), after(39), after(39 + 72), after(39 + 144)]
    for at in steps:
        service.tick(at)
    escalations = service.events(case.id, "case.escalated")
    assert [(e.cause, e.rung, e.to, e.people, e.skipped) for e in escalations] == [
        (EscalationCause.AGING, 1, "team_lead", ("tia",), ()),
        (EscalationCause.IDLE, 3, "executive_sponsor", ("eve",), ("ops_manager",)),
        (EscalationCause.IDLE, 3, "executive_sponsor", ("eve",), ()),
        (EscalationCause.IDLE, 3, "executive_sponsor", ("eve",), ()),
    ]


def test_work_on_a_case_restarts_the_aging_escalation() -> None:
    service, case = open_case()
    service.tick(after(27))
    case = service.desk.case(case.id)
    service.desk.claim(case.id, case.version, caller("ana", after(28)))
    service.tick(after(51))
    assert len(service.events(case.id, "case.escalated")) == 1
    service.tick(after(52))  # a day after the claim without any work
    escalations = service.events(case.id, "case.escalated")
    assert [(e.cause, e.rung) for e in escalations] == [
        (EscalationCause.AGING, 1),
        (EscalationCause.AGING, 1),
    ]


def test_a_new_policy_moves_no_running_clock_until_a_re_term() -> None:
    service, case = open_case()
    due = case.timing.clock.runs[Measure.RESOLUTION].due_at
    services = tuple(
        msgspec.structs.replace(s, resolution=s.resolution * 2 if s.resolution else None)
        for s in SHIPPED_RULEBOOK.document.services
    )
    service.rulebook = changed(services=services)
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    assert held.timing.clock.runs[Measure.RESOLUTION].due_at == due
    case = service.desk.reterm(case.id, held.version, "Agreed.", caller("ana", after(5))).case
    (event,) = service.events(case.id, "case.retermed")
    assert event.due_before[Measure.RESOLUTION] == due
    assert event.due_after[Measure.RESOLUTION] == case.timing.clock.runs[Measure.RESOLUTION].due_at
    assert event.due_after[Measure.RESOLUTION] > due


def test_a_resolved_case_has_no_timer() -> None:
    service, case = open_case()
    service.resolve(case, after(4))
    assert service.due() == {}
    before = service.lines()
    service.tick(after(24 * 60))
    assert service.lines() == before
    resolved = service.only_case("stock_unavailable")
    by = caller("ana", after(5))
    service.desk.note(resolved.id, resolved.version, "For the record.", by)
    resolved = service.only_case("stock_unavailable")
    with pytest.raises(CaseAlreadyResolved):
        service.desk.wait(resolved.id, resolved.version, DHL, caller("ana", after(6)))
    with pytest.raises(CaseAlreadyResolved):
        service.desk.resolve(resolved.id, resolved.version, RESOLUTION, caller("ana", after(6)))


def test_notes_on_a_resolved_case_set_no_timer() -> None:
    service, case = open_case()
    case = service.resolve(case, after(4))
    by = caller("ana", after(5))
    case = service.desk.note(case.id, case.version, "For the record.", by).case
    proof = Evidence(ref="dhl/pod-1", type=EvidenceType.SHIPPING_DOCUMENTATION)
    case = service.desk.attach(case.id, case.version, proof, by).case
    ask = HandOff(to_queue="refund_validation", note="Whoever asks for it again, ask them.")
    case = service.desk.hand_off(case.id, case.version, ask, by).case
    assert (case.state, case.queue, case.next_due) == (
        CaseState.RESOLVED,
        "refund_validation",
        None,
    )
    assert service.due() == {}
    back = service.desk.reopen(case.id, case.version, "It is not.", caller("bo", after(6))).case
    assert (back.queue, back.owner) == ("refund_validation", "refunds_desk")
    service.tick(after(30))
    assert service.trail(case.id)[-1] == "case.escalated"


def test_concurrent_and_late_timekeepers_record_each_event_once() -> None:
    service, case = open_case()
    other = service.another_process()
    for at in (after(20.2), after(21, microseconds=1), after(27), after(30)):
        service.tick(at)
        other.tick(at)
    tags = service.trail(case.id)
    assert tags.count("case.breached") == 1
    assert tags.count("case.escalated") == 1
    assert service.due() == {case.id: service.only_case("stock_unavailable").next_due}


def test_overdue_events_are_recorded_before_a_command() -> None:
    service, case = open_case()
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    due = held.timing.clock.runs[Measure.RESOLUTION].due_at
    assert due is not None
    late = due + timedelta(seconds=1)
    noted = service.desk.note(case.id, held.version, "At last.", caller("bo", late)).case
    lines = service.log.trail(case.id)[held.version :]
    assert lines[-1].type == "case.note_added"
    assert {line.type for line in lines[:-1]} >= {"case.claim_lapsed", "case.breached"}
    assert {line.actor for line in lines[:-1]} == {TIMEKEEPER_ACTOR}
    assert {line.cause for line in lines[:-1]} == {f"due:{due_of(held).isoformat()}"}
    (breached,) = [
        e for e in service.events(case.id, "case.breached") if e.measure is Measure.RESOLUTION
    ]
    assert breached.due_at == due
    assert service.due()[case.id] == noted.next_due
    assert noted.state is CaseState.OPEN


def test_a_lapsed_claim_is_void_even_before_the_timekeeper_runs() -> None:
    service, case = open_case()
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    assert held.lease_until is not None
    with pytest.raises(CaseNotYours):
        service.desk.resolve(case.id, held.version, RESOLUTION, caller("ana", held.lease_until))
    assert service.only_case("stock_unavailable") == held


def test_overdue_events_are_recorded_before_a_signal() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(checked(2, "invalid"), at=after(3))
    case = service.only_case("address_problem")
    due = case.timing.clock.runs[Measure.RESOLUTION].due_at
    assert due is not None
    service.take(checked(4, "valid", "again"), at=due + timedelta(hours=1))
    trail = service.log.trail(case.id)
    breaches = [n for n, line in enumerate(trail) if line.type == "case.breached"]
    joined = [n for n, line in enumerate(trail) if line.type == "case.signal_joined"]
    assert breaches
    assert max(breaches) < min(joined)
    assert trail[breaches[0]].actor == TIMEKEEPER_ACTOR
    assert trail[joined[0]].actor == POLICY_ACTOR


def test_an_assigned_person_gets_the_lease_of_the_queue() -> None:
    service, case = open_case()
    ask = HandOff(to_person="bo", note="You know this customer.")
    given = service.desk.hand_off(case.id, case.version, ask, caller("cy", after(6))).case
    lease = SHIPPED_RULEBOOK.document.queues[case.queue].claim_lease
    assert lease is not None
    assert given.lease_until == after(6) + lease
    service.tick(given.lease_until)
    assert service.only_case("stock_unavailable").person is None


def due_of(case: ExceptionCase) -> datetime:
    assert case.next_due is not None
    return case.next_due
