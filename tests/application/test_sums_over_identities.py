"""Sums find a customer again without an id, under other spellings, and a proposer over all customers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from application.audit.log_scan import LogScan
from application.audit.splits import find_splits
from application.policy.reperformance import Period
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.identity_kinds import Identity
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.kinds import AdjustmentReason as Reason
from domain.orders.purchase_signals import Address, Customer
from domain.policy.document import PolicyDocument
from domain.policy.emergency_limits import find_emergency_faults
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after, captured, line, placed, unavailable
from tests.domain.test_identities import CUSTOMER_IDS, EMAILS, PHONES, STREETS

PRICE = "600.00"
"""One approver may approve up to 1,000."""


def rulebook_with(**approvals: object) -> Rulebook:
    built = msgspec.to_builtins(UNTIMED_RULEBOOK.document, str_keys=True)
    built["approvals"] |= approvals
    return Rulebook(msgspec.convert(built, PolicyDocument, strict=False))


class Shop:
    """Guest orders, each with a refund."""

    def __init__(self, rulebook: Rulebook = UNTIMED_RULEBOOK) -> None:
        self.service = MoneyService(None, rulebook=rulebook)
        self.count = 0

    def order(
        self, customer: Customer | None = None, address: Address | None = None, **paid: object
    ) -> str:
        """A paid order that cannot be delivered, of a guest where nothing else is said; ana claims its case."""
        self.count += 1
        order, service = f"g-{self.count}", self.service
        story = (
            placed(lines=(line(PRICE, "EUR"),), customer=customer, ship_to=address),
            captured(1, PRICE, "EUR", **paid),
            unavailable(2),
        )
        service.take(
            *(structs.replace(one, order=order, id=f"{one.id}-{order}") for one in story),
            at=after(3),
        )
        case = service.of(order)
        service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
        return order

    def refund(self, order: str, amount: str = "300.00", at: float = 5, **more: Any) -> Adjustment:
        return self.service.propose(amount, order=order, at=at, **more)


def by_email(n: int) -> dict[str, Any]:
    return {"customer": Customer(email=EMAILS[n % len(EMAILS)])}


def by_phone(n: int) -> dict[str, Any]:
    return {"customer": Customer(phone=PHONES[n % len(PHONES)])}


def by_id(n: int) -> dict[str, Any]:
    return {"customer": Customer(id=CUSTOMER_IDS[n % len(CUSTOMER_IDS)])}


def by_address(n: int) -> dict[str, Any]:
    street = STREETS[n % len(STREETS)]
    return {"address": Address(country_code="DE", postal_code="50667", street_address=street)}


def by_instrument(n: int) -> dict[str, Any]:
    return {"instrument": "fp_1"}


KINDS: dict[Identity, Callable[[int], dict[str, Any]]] = {
    Identity.CUSTOMER: by_id,
    Identity.EMAIL: by_email,
    Identity.PHONE: by_phone,
    Identity.ADDRESS: by_address,
    Identity.INSTRUMENT: by_instrument,
}


@pytest.mark.parametrize("kind", Identity)
def test_six_orders_with_one_identity_are_one_sum(kind: Identity) -> None:
    shop = Shop()
    found = [shop.refund(shop.order(**KINDS[kind](n))) for n in range(6)]
    assert [one.requirement.counted for one in found] == [f"{300 * n}.00" for n in range(1, 7)]
    assert [one.requirement.approvers for one in found] == [1, 1, 1, 2, 2, 2]
    (last,) = found[-1].requirement.sums
    assert (last.of, last.sum, last.orders) == (kind, "1800.00", 5)


@pytest.mark.parametrize("kind", Identity)
def test_a_policy_names_the_identities_that_it_sums_over(kind: Identity) -> None:
    others = [one for one in Identity if one is not kind]
    shop = Shop(rulebook_with(sums_over=others))
    found = [shop.refund(shop.order(**KINDS[kind](n))) for n in range(4)]
    assert {one.requirement.counted for one in found} == {"300.00"}
    assert found[-1].requirement.sums == ()


def test_guests_without_a_common_identity_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    found = [
        shop.refund(shop.order(customer=Customer(email=f"guest{n}@example.com"))) for n in range(6)
    ]
    assert {one.requirement.counted for one in found} == {"300.00"}


def test_what_was_proposed_before_the_window_does_not_count() -> None:
    shop = Shop()
    shop.refund(shop.order(**by_email(0)))
    late = shop.refund(shop.order(**by_email(1)), at=5 + 24 * 31)
    assert late.requirement.counted == "300.00"


def test_what_was_rejected_does_not_count() -> None:
    shop = Shop()
    order = shop.order(**by_email(0))
    shop.service.reject(shop.refund(order), "fay", order=order)
    assert shop.refund(shop.order(**by_email(1)), at=7).requirement.counted == "300.00"


def test_two_proposals_at_the_same_moment_see_each_other() -> None:
    shop = Shop()
    first, second = shop.order(**by_email(0)), shop.order(**by_email(1))
    log = shop.service.log
    original, late = log.append, list[Adjustment]()

    def append(writes: Any, *more: Any) -> Any:
        if not late:
            late.append(None)  # type: ignore[arg-type]
            late[0] = shop.refund(second)
        return original(writes, *more)

    log.append = append  # type: ignore[method-assign]
    assert shop.refund(first).requirement.counted == "600.00"
    assert late[0].requirement.counted == "300.00"


def test_only_digests_are_in_the_ledgers() -> None:
    shop = Shop()
    customer = Customer(id="C-17", email="ana@example.com", phone="0151 23456789")
    shop.refund(shop.order(customer=customer, instrument="fp_1"))
    lines = [x for x in shop.service.lines() if x.type == "ledger.adjustment_entered"]
    assert {x.event.of for x in lines} >= {None, *Identity} - {Identity.ADDRESS}  # type: ignore[union-attr]
    texts = "".join(str(x) for x in lines)
    for text in ("C-17", "c-17", "ana@example", "23456789", "fp_1"):
        assert text not in texts


SMALL = {"kind": Kind.PARTIAL_REFUND, "reason": Reason.PRICE_ERROR}


def test_policy_approves_only_so_much_for_one_proposer() -> None:
    shop = Shop(rulebook_with(by_policy_per_proposer="50"))
    found = [shop.refund(shop.order(), "15.00", **SMALL) for _ in range(5)]
    assert [one.state for one in found] == [State.SYSTEM_APPROVED] * 3 + [State.PROPOSED] * 2
    assert [one.requirement.of_proposer for one in found] == [
        "15.00",
        "30.00",
        "45.00",
        "60.00",
        "60.00",
    ]
    other = shop.order()
    case = shop.service.of(other)
    shop.service.desk.release(case.id, case.version, "", caller_with_roles("ana", after(4.5)))
    case = shop.service.of(other)
    shop.service.desk.claim(case.id, case.version, caller_with_roles("bo", after(4.6)))
    assert shop.refund(other, "15.00", by="bo", **SMALL).state is State.SYSTEM_APPROVED


def test_the_proposers_limit_is_for_the_window() -> None:
    shop = Shop(rulebook_with(by_policy_per_proposer="20"))
    assert shop.refund(shop.order(), "15.00", **SMALL).state is State.SYSTEM_APPROVED
    assert shop.refund(shop.order(), "15.00", **SMALL).state is State.PROPOSED
    later = shop.refund(shop.order(), "15.00", at=5 + 24 * 31, **SMALL)
    assert later.state is State.SYSTEM_APPROVED


def test_what_people_approve_does_not_use_up_the_proposers_limit() -> None:
    shop = Shop(rulebook_with(by_policy_per_proposer="20"))
    shop.refund(shop.order(), "300.00")
    assert shop.refund(shop.order(), "15.00", **SMALL).state is State.SYSTEM_APPROVED


@pytest.mark.parametrize(
    "looser", [{"sums_over": []}, {"sums_over": ["email"]}, {"by_policy_per_proposer": "90"}]
)
def test_an_emergency_change_does_not_loosen_sums(looser: dict[str, object]) -> None:
    before = rulebook_with(by_policy_per_proposer="50").document
    faults = find_emergency_faults(
        before, rulebook_with(**{"by_policy_per_proposer": "50"} | looser).document
    )
    assert [fault.pointer for fault in faults] == ["/document/approvals"]


def test_refunds_of_other_systems_count_for_an_identity() -> None:
    shop = Shop()
    for n in range(3):
        shop.service.told_elsewhere(shop.order(**by_email(n)), "300.00", 5)
    found = shop.refund(shop.order(**by_email(3)), at=6).requirement
    assert (found.counted, found.approvers) == ("1200.00", 2)
    assert found.sums[0].orders == 3


def splits_of(shop: Shop) -> Any:
    log, rulebook = shop.service.log, shop.service.rulebook
    matrix = rulebook.approvals
    assert matrix is not None
    return find_splits(LogScan(log, log.head()), lambda _: matrix, Period(None, None)).splits


@pytest.mark.parametrize("kind", Identity)
def test_question_16_reports_a_sum_that_was_split_over_one_identity(kind: Identity) -> None:
    shop = Shop()
    for n in range(4):
        shop.refund(shop.order(**KINDS[kind](n)))
    (found,) = splits_of(shop)
    assert (found.of, found.limit, found.together, len(found.parts)) == (kind, "1000", "1200.00", 4)
    assert found.same == f"the same {kind} ({str(found.ledger)[:8]})"
    assert found.is_counted_together


def test_question_16_names_all_that_the_parts_have_in_common() -> None:
    shop = Shop()
    for n in range(4):
        customer = Customer(id=CUSTOMER_IDS[n], email=EMAILS[n])
        shop.refund(shop.order(customer=customer, instrument="fp_1"))
    (found,) = splits_of(shop)
    assert found.same.startswith("the same customer, email, instrument (")


@pytest.mark.parametrize("n", range(6))
def test_question_16_names_a_customer_by_the_ledger_in_the_log(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the customer's record has another id for who reads, which may sort first."""
    shop = Shop()
    for _ in range(4):
        shop.refund(shop.order(customer=Customer(id="c-1")))
    (found,) = splits_of(shop)
    monkeypatch.setattr(shop.service.log, "subject_of", lambda _: UUID(int=n))
    (again,) = splits_of(shop)
    assert (again.ledger, again.same) == (found.ledger, found.same)


def test_question_16_reports_a_proposer_whom_policy_gave_too_much() -> None:
    shop = Shop(rulebook_with(by_policy_per_proposer="1000"))
    for _ in range(5):
        shop.refund(shop.order(), "15.00", **SMALL)
    assert splits_of(shop) == []
    shop.service.rulebook = rulebook_with(by_policy_per_proposer="70")
    (found,) = splits_of(shop)
    assert (found.of, found.together, found.limit_is) == (
        "proposer",
        "75.00",
        "by_policy_per_proposer",
    )
    assert found.same == "proposed by ana, approved by policy"
