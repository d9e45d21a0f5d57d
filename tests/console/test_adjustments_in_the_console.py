"""Adjustments in a real browser: proposed, approved and executed by different people."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.adjustments import act_on_adjustment, open_paid_case, post, proposal_body
from tests.api.running_service import RunningService
from tests.api.signals import captured, money, order_id, placed, send
from tests.console.conftest import SignedIn

ACTS = "#adjustments"
LOSE_ONE_ANSWER = """{
  const real = window.fetch;
  window.fetch = async (path, options = {}) => {
    const answer = await real(path, options);
    if (options.method !== "POST") return answer;
    window.fetch = real;
    throw new TypeError("the connection is gone");
  };
}"""


def open_case(page: Any, case: str) -> None:
    page.value(f"showCase({case!r}, true)")
    page.until(f"openCase?.id === {case!r} && document.activeElement.id === 'case-title'")


def test_a_store_credit_is_proposed_approved_and_executed_by_three_persons(
    server: RunningService, as_person: SignedIn
) -> None:
    case = open_paid_case(server)["id"]
    page = as_person("ana")
    open_case(page, case)
    page.press("Propose an adjustment")
    page.fill("What", "store_credit")
    page.fill("Amount in EUR", "300,00")
    page.fill("Reason", "cancelled")
    page.fill("Note (optional)", "Agreed on the telephone.")
    page.press("Propose it")
    page.reads("store credit of 300.00 EUR: proposed", ACTS)
    shown = page.text(ACTS)
    for words in (
        "Agreed on the telephone.",
        "1 approval: band one-approver of policy 5",
        "300.00 EUR (of the order 300.00, of the customer 300.00)",
        "ops manager (up to 2500 EUR), finance approver (up to 25000 EUR)",
        "Duties: review: ana",
        "in 3 d",
    ):
        assert words in shown
    assert "team lead" not in shown  # a team lead approves up to 250
    page.reads("pending approval", "#case-facts")
    page.press("Refund validation")
    page.until("document.querySelector('#queues tr[aria-current] td:nth-child(5)')?.innerText > 0")
    page.reads("pending approval", "#work tbody")

    page = as_person("olga")
    open_case(page, case)
    page.press("Approve: store credit of 300.00 EUR")
    page.press("Approve the store credit of 300.00 EUR")
    page.reads("store credit of 300.00 EUR: approved", ACTS)
    page.reads("olga as ops manager (up to 2500 EUR)", ACTS)

    page = as_person("fay")
    open_case(page, case)
    assert (
        page.text("#case-actions") == ""
    )  # she handles no cases, so she cannot take a duty by mistake
    page.press("Execute: store credit of 300.00 EUR")
    page.fill("Reference (where it was executed)", "credit-1")
    page.press("Execute the store credit of 300.00 EUR")
    page.reads("store credit of 300.00 EUR: executed", ACTS)
    page.reads("credit-1", ACTS)
    page.reads("Duties: review: ana; approve: olga; execute: fay", ACTS)
    assert [page.is_within(width) for width in (1400, 400)] == [True, True]


def test_a_refusal_is_shown_in_the_words_of_the_api(
    server: RunningService, as_person: SignedIn
) -> None:
    case = open_paid_case(server)
    with server.client_as("carla") as carla, server.client_as("ana") as ana:
        case = post(carla, case, "notes", {"note": "Pay it."}).json()
        post(ana, case, "adjustments", proposal_body("200.00"))
    page = as_person("carla")
    open_case(page, case["id"])
    page.press("Approve: refund of 200.00 EUR")
    page.fill("Note (optional)", "It is right.")
    page.key("Enter")
    page.reads("carla has the duty to review in this case since case.note_added", "#status")
    assert "(rule one-duty-per-person)" in page.text("#status")
    assert page.value("document.querySelector('#adjustments-form input').value") == "It is right."


def test_a_lost_response_is_retried_without_a_second_effect(
    server: RunningService, as_person: SignedIn
) -> None:
    case = open_paid_case(server)["id"]
    page = as_person("ana")
    open_case(page, case)
    page.press("Propose an adjustment")
    page.fill("What", "refund")
    page.fill("Amount in EUR", "120")
    page.fill("Reason", "duplicate")
    page.value(LOSE_ONE_ANSWER)
    page.press("Propose it")
    page.reads("Send it again: it is done once.", "#status")
    page.press("Propose it")
    page.reads("refund of 120 EUR: proposed", ACTS)
    page.reads("Done. It is recorded in the trail.", "#status")
    with server.client_as("ana") as ana:
        assert len(ana.get(f"/v1/cases/{case}").json()["adjustments"]) == 1


def test_a_concurrent_change_is_shown_and_typed_text_is_kept(
    server: RunningService, as_person: SignedIn
) -> None:
    case = open_paid_case(server)
    with server.client_as("ana") as ana, server.client_as("finn") as finn:
        case = post(ana, case, "adjustments", proposal_body("300.00")).json()
        page = as_person("olga")
        open_case(page, case["id"])
        page.press("Reject: refund of 300.00 EUR")
        page.fill("Why", "It was paid back already.")
        assert act_on_adjustment(finn, case, "approve").status_code == 200
    page.key("Enter")
    page.reads("The page now shows the current state.", "#status")
    page.reads("refund of 300.00 EUR: approved", ACTS)
    page.key("Enter")
    page.reads("refund of 300.00 EUR: rejected", ACTS)
    page.reads("It was paid back already.", ACTS)


def test_evidence_and_one_of_several_payments_can_be_chosen(
    server: RunningService, as_person: SignedIn
) -> None:
    order = order_id()
    case = open_paid_case(server, order=order)
    with server.client_as("ana") as ana:
        send(ana, captured(order, "5.00", id=f"{order}-more", payment="pay-2"))
        attached = {"ref": "mail/17", "type": "customer_communication", "title": "She wrote"}
        case = ana.get(f"/v1/cases/{case['id']}").json()
        post(ana, case, "evidence", attached)
        page = as_person("ana")
        open_case(page, case["id"])
        page.press("Propose an adjustment")
        page.fill("What", "partial_refund")
        page.fill("Amount in EUR", "5.00")
        page.fill("Reason", "duplicate")
        page.value("document.querySelector('#adjustments-form [type=checkbox]').click()")
        page.fill("Back to payment (optional)", "pay-2")
        page.press("Propose it")
        page.reads("partial refund of 5.00 EUR: proposed", ACTS)
        one = ana.get(f"/v1/cases/{case['id']}").json()["adjustments"][0]
        assert (one["evidence"], one["payment"]) == (["mail/17"], "pay-2")
        page.press("Withdraw: partial refund of 5.00 EUR")
        page.fill("Why", "She keeps it.")
        page.key("Enter")
        page.reads("partial refund of 5.00 EUR: withdrawn", ACTS)


def test_an_adjustment_is_proposed_for_an_order_of_another_shop(
    server: RunningService, as_person: SignedIn
) -> None:
    case = open_paid_case(server, shop="berlin")
    page = as_person("ana")
    open_case(page, case["id"])
    page.press("Propose an adjustment")
    page.fill("What", "refund")
    page.fill("Amount in EUR", "20.00")
    page.fill("Reason", "cancelled")
    page.press("Propose it")
    page.reads("refund of 20.00 EUR: proposed", ACTS)


@pytest.mark.parametrize("width", [400, 700, 1000, 1400])
def test_no_page_scrolls_sideways(server: RunningService, as_person: SignedIn, width: int) -> None:
    case = open_paid_case(server)
    with server.client_as("ana") as ana:
        asked = proposal_body("300.00", note="long" * 60, evidence=["mail/" + "x" * 200])
        case = post(ana, case, "adjustments", asked).json()
        send(ana, placed(order_id(), lines=[{"sku": "tea", "price": money("1.00")}]))
    page = as_person("ana", width)
    open_case(page, case["id"])
    page.press("Propose an adjustment")
    assert page.is_within(width)
