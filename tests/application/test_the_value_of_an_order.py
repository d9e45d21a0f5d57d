"""What is given for an order, in all its cases, by anybody and of any kind, is at most its value."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec import structs

from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.errors import BeyondAuthority, MoreThanOrder, MoreThanPaid
from domain.adjustments.events import AdjustmentProposed, ApprovalRequirement, ExecutionFailed
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.kinds import AdjustmentReason
from domain.cases.reperformance import DecisionBasis, compare_case_decision
from domain.errors import Invalid
from domain.people import Role
from domain.policy.document import PolicyDocument
from domain.policy.emergency_limits import find_emergency_faults
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.money_service import MoneyService, caller_with_roles
from tests.application.two_cases import FIRST, SECOND, TwoCases
from tests.domain.signals import after, captured, line, placed, refunded, unavailable


@pytest.fixture
def cases() -> TwoCases:
    cases = TwoCases()
    cases.open_second("bo")
    return cases


def with_goodwill(**goodwill: object) -> Rulebook:
    document = UNTIMED_RULEBOOK.document
    assert document.approvals is not None
    built = msgspec.to_builtins(document, str_keys=True)
    built["approvals"]["goodwill"] = goodwill
    return Rulebook(msgspec.convert(built, PolicyDocument, strict=False))


def refused(act: Callable[[], object]) -> MoreThanOrder:
    with pytest.raises(MoreThanOrder) as found:
        act()
    return found.value


def test_a_write_off_beside_a_full_refund(cases: TwoCases) -> None:
    cases.propose(FIRST, "ana", "100.00", Kind.REFUND)
    error = refused(lambda: cases.propose(SECOND, "bo", "20.00", Kind.WRITE_OFF))
    assert error.facts == {
        "currency": "EUR",
        "value": "100.00",
        "goodwill": "0.00",
        "given": "100.00",
        "given_by": {"refund": "100.00"},
        "left": "0.00",
    }
    assert error.detail == (
        "the order is worth 100.00 EUR; 100.00 was given or is reserved (refund 100.00): 0.00 is left, "
        "20.00 is too much"
    )


def test_a_refund_beside_a_write_off_that_was_carried_out(cases: TwoCases) -> None:
    one = cases.propose(SECOND, "bo", "60.00", Kind.WRITE_OFF)
    cases.approve(SECOND, "fay", one)
    cases.execute(SECOND, "fred", one, "w-1")
    refused(lambda: cases.propose(FIRST, "ana", "40.01", Kind.PARTIAL_REFUND, at=8))
    cases.propose(FIRST, "ana", "40.00", Kind.PARTIAL_REFUND, at=8)


def test_store_credit_on_an_order_that_is_not_paid_yet() -> None:
    service = MoneyService(None)
    service.take(placed(0, lines=(line("100.00", "EUR"),)), unavailable(2), at=after(3))
    case = service.of()
    service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
    refused(lambda: service.propose("800.00", Kind.STORE_CREDIT))
    service.propose("60.00", Kind.STORE_CREDIT)
    refused(lambda: service.propose("60.00", Kind.STORE_CREDIT, at=6))


def test_store_credit_is_limited_by_the_value_and_not_by_what_was_captured() -> None:
    service = MoneyService(None)
    paid = captured(1, "40.00", "EUR", order="o-1")
    whole = placed(0, lines=(line("100.00", "EUR"),), order="o-1")
    service.take(whole, paid, unavailable(2, order="o-1"), at=after(3))
    case = service.of()
    service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
    service.propose("60.00", Kind.STORE_CREDIT)
    with pytest.raises(MoreThanPaid):
        service.propose("10.00", at=6)
    refused(lambda: service.propose("40.01", Kind.STORE_CREDIT, at=6))
    service.propose("40.00", Kind.STORE_CREDIT, at=6)


def test_a_refund_that_is_told_later_stops_the_payment(cases: TwoCases) -> None:
    one = cases.propose(SECOND, "bo", "60.00", Kind.WRITE_OFF)
    cases.approve(SECOND, "fay", one)
    cases.service.take(refunded(6.5, "70.00", "EUR", "told", order="o-1"), at=after(6.6))
    assert cases.case(SECOND).adjustments.get(one.id).state is State.LAPSED
    error = refused(lambda: cases.propose(SECOND, "bo", "60.00", Kind.WRITE_OFF, at=8))
    assert error.facts["given_by"] == {"refunds of other systems and disputes": "70.00"}


def test_a_failed_refund_gives_its_room_back(cases: TwoCases) -> None:
    one = cases.propose(FIRST, "ana", "100.00", Kind.REFUND)
    cases.approve(FIRST, "fay", one)
    cases.execute(FIRST, "fred", one)
    refused(lambda: cases.propose(SECOND, "bo", "50.00", Kind.WRITE_OFF, at=8))
    failed = ExecutionFailed(adjustment=one.id, provider="local", detail="closed")
    cases.service.record_outcome(failed, "o-1", 8.5)
    cases.propose(SECOND, "bo", "50.00", Kind.WRITE_OFF, at=9)


def test_our_refund_that_the_provider_tells_counts_once(cases: TwoCases) -> None:
    one = cases.propose(FIRST, "ana", "60.00", Kind.PARTIAL_REFUND)
    cases.approve(FIRST, "fay", one)
    cases.service.paid(cases.execute(FIRST, "fred", one), "re_1")
    told = refunded(9, "60.00", "EUR", "told", order="o-1")
    told = structs.replace(told, refund="re_1", payment=one.payment)
    cases.service.take(told, at=after(9.1))
    refused(lambda: cases.propose(SECOND, "bo", "40.01", Kind.WRITE_OFF, at=10))
    cases.propose(SECOND, "bo", "40.00", Kind.WRITE_OFF, at=10)


def test_what_nobody_told_is_not_zero() -> None:
    service = MoneyService(None)
    service.take(unavailable(2), at=after(3))
    case = service.of()
    service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
    service.propose("60.00", Kind.WRITE_OFF)


def test_goodwill_beyond_the_value_takes_its_own_approvers(cases: TwoCases) -> None:
    cases.service.rulebook = with_goodwill(
        percent="25", up_to="20", approvers=2, roles=["finance_approver"]
    )
    cases.propose(FIRST, "ana", "100.00", Kind.REFUND)
    error = refused(lambda: cases.propose(SECOND, "bo", "20.01", Kind.WRITE_OFF))
    assert (error.facts["goodwill"], error.facts["left"]) == ("20.00", "20.00")
    one = cases.propose(SECOND, "bo", "9.00", Kind.STORE_CREDIT)
    assert (one.requirement.rule, one.requirement.approvers) == ("goodwill", 2)
    assert one.requirement.roles == ("finance_approver",)
    assert one.requirement.beyond_value == "9.00"
    case = cases.case(SECOND)
    (why,) = cases.service.money.why_not(
        case,
        one,
        structs.replace(
            cases.caller("tia", 6), authority=caller_with_roles("tia", after(6)).authority
        ),
    )
    assert isinstance(why, BeyondAuthority)
    cases.approve(SECOND, "fay", one)
    cases.approve(SECOND, "finn", one)
    assert cases.execute(SECOND, "fred", one, "c-1").state is State.EXECUTED


def test_beyond_the_value_the_roles_of_the_band_hold_too() -> None:
    """The band for such write-offs is `write-off-by-finance`."""
    goodwill = {"percent": "10", "up_to": "50", "approvers": 2, "roles": ["ops_manager"]}
    service = MoneyService("2000.00", rulebook=with_goodwill(**goodwill))
    one = service.propose("2040.00", Kind.WRITE_OFF)
    required = one.requirement
    assert (required.rule, required.approvers) == ("goodwill", 2)
    assert (required.roles, required.beyond_roles) == (("finance_approver",), ("ops_manager",))
    for person in ("omar", "fay"):
        with pytest.raises(BeyondAuthority, match="and beyond the order's value one of: ops_man"):
            service.approve(one, person)
    both = (Role.OPS_MANAGER, Role.FINANCE_APPROVER)
    for person in ("pia", "pim"):
        authority = caller_with_roles(person, after(6), roles=both).authority
        one = service.approve(one, person, authority=authority)
    assert (one.state, one.approvals[0].role) == (State.APPROVED, "finance_approver")


def test_a_requirement_of_an_earlier_version_is_repeated_as_it_was() -> None:
    goodwill = {"percent": "10", "roles": ["ops_manager"]}
    service = MoneyService("2000.00", rulebook=with_goodwill(**goodwill))
    service.propose("2040.00", Kind.WRITE_OFF)
    case = service.of()
    (event,) = [x.event for x in service.lines() if isinstance(x.event, AdjustmentProposed)]
    earlier = structs.replace(event.requirement, roles=event.requirement.beyond_roles)
    earlier = structs.replace(earlier, beyond_roles=())
    on = DecisionBasis(service.order("o-1"), service.rulebook, after(5))

    def differences(requirement: ApprovalRequirement) -> set[str]:
        repeated = structs.replace(event, requirement=requirement)
        return {one.what for one in compare_case_decision(repeated, case, on)} - {"digest"}

    assert differences(event.requirement) == differences(earlier) == set()
    assert differences(structs.replace(earlier, roles=())) == {"requirement"}
    assert differences(structs.replace(event.requirement, roles=())) == {"requirement"}


def test_goodwill_beyond_the_value_is_never_given_by_policy_alone() -> None:
    cases = TwoCases(price="5.00")
    cases.open_second("bo")
    cases.service.rulebook = with_goodwill(percent="100")
    goodwill = {"what": Kind.STORE_CREDIT, "reason": AdjustmentReason.GOODWILL}
    within = cases.propose(SECOND, "bo", "5.00", **goodwill)  # type: ignore[arg-type]
    assert (within.state, within.requirement.beyond_value) == (State.SYSTEM_APPROVED, None)
    one = cases.propose(SECOND, "bo", "4.00", **goodwill)  # type: ignore[arg-type]
    assert (one.state, one.requirement.approvers) == (State.PROPOSED, 1)


def test_money_back_to_a_payment_is_never_beyond_it(cases: TwoCases) -> None:
    cases.service.rulebook = with_goodwill(percent="50")
    cases.propose(FIRST, "ana", "100.00", Kind.REFUND)
    with pytest.raises(MoreThanPaid):
        cases.propose(SECOND, "bo", "10.00", Kind.APPEASEMENT)


def test_an_emergency_change_adds_no_goodwill() -> None:
    changed = with_goodwill(percent="25").document
    faults = find_emergency_faults(UNTIMED_RULEBOOK.document, changed)
    assert [fault.pointer for fault in faults] == ["/document/approvals"]


@pytest.mark.parametrize("goodwill", [{}, {"percent": "-1"}, {"up_to": "-1"}])
def test_a_goodwill_band_needs_a_limit(goodwill: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="/approvals/goodwill"):
        with_goodwill(**goodwill)


def test_a_refund_that_is_dated_ahead_of_our_clock_counts_at_once(cases: TwoCases) -> None:
    """Another system's clock may run ahead: what it gave back is not given again meanwhile."""
    one = cases.propose(FIRST, "ana", "60.00", Kind.PARTIAL_REFUND)
    cases.approve(FIRST, "fay", one)
    cases.service.take(refunded(16, "70.00", "EUR", "told", order="o-1"), at=after(6.6))
    refused(lambda: cases.propose(SECOND, "bo", "40.00", Kind.WRITE_OFF, at=6.8))
    with pytest.raises(MoreThanPaid):
        cases.execute(FIRST, "fred", one)
