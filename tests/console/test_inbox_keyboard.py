"""The approvals inbox in a real browser, without a mouse."""

from __future__ import annotations

from tests.api.adjustments import (
    act_on_adjustment,
    open_paid_case,
    post,
    proposal_body,
    propose_on_new_case,
)
from tests.api.running_service import RunningService
from tests.console.browser import Page
from tests.console.conftest import SignedIn

MINE, OTHERS = "#may-approve", "#may-not-approve"


def show(page: Page, order: str, place: str = MINE) -> None:
    page.value("location.hash = '#approvals-title'")
    page.reads(order, place)


def focus_on(page: Page, order: str) -> None:
    """Press `j` until this order has the focus."""
    page.value("document.getElementById('approvals-title').focus()")
    for _ in range(page.value("document.querySelectorAll('#approvals tbody tr').length")):
        page.key("j")
        if order in page.focused():
            return
    raise AssertionError(f"{order} is not reached")


def test_several_are_approved_by_keyboard_and_a_refusal_is_shown(
    server: RunningService, as_person: SignedIn
) -> None:
    first, second, third = (
        propose_on_new_case(server, amount) for amount in ("300.10", "120.05", "80.00")
    )
    page = as_person("olga")
    show(page, third["order"])
    for case in (first, second):
        focus_on(page, case["order"])
        page.key("x")
    page.reads("2 of 3 selected: 420.15 EUR", "#approvals-says")
    page.key("a")
    page.reads("Approve 2 adjustments: 420.15 EUR in all?", "#confirm")
    page.key("Escape")
    page.until("!document.getElementById('confirm').open")
    assert second["order"] in page.focused()
    page.key("a")
    page.reads("420.15 EUR", "#confirm[open]")
    with server.client_as("finn") as finn:
        assert (
            act_on_adjustment(finn, second, "approve").status_code == 200
        )  # finn approves it first
    page.key("Enter")
    page.reads("1 approved, 1 refused.", "#status")
    told = page.text("#approvals-told").splitlines()
    assert told[0] == f"refund of 300.10 EUR, order {first['order']}: approved."
    assert told[1].startswith(f"refund of 120.05 EUR, order {second['order']}: refused. ")
    assert "is approved: it cannot be approved" in told[1]
    assert page.text(MINE).count("order ") == 1
    with server.client_as("olga") as olga:
        states = [
            olga.get(f"/v1/cases/{case['id']}").json()["adjustments"][0]["approvals"]
            for case in (first, second, third)
        ]
    assert [[one["persons"] for one in given] for given in states] == [[["olga"]], [["finn"]], []]
    assert [page.is_within(width) for width in (1400, 400)] == [True, True]


def test_approvals_of_others_show_the_reason_and_the_act(
    server: RunningService, as_person: SignedIn
) -> None:
    case = open_paid_case(server)
    with server.client_as("carla") as carla, server.client_as("ana") as ana:
        case = post(carla, case, "notes", {"note": "Pay it."}).json()
        case = post(ana, case, "adjustments", proposal_body("200.00")).json()
    page = as_person("carla")
    show(page, case["order"], OTHERS)
    assert "carla has the duty to review in this case" in page.text(OTHERS)
    assert "(rule one-duty-per-person)" in page.text(OTHERS)
    version = case["version"] - 1
    page.press(f"Show the act: entry {version} of the trail, order {case['order']}")
    page.until(f"document.activeElement.id === 'trail-{version}'")
    assert "case.note_added by carla" in page.focused()


def test_an_approver_without_cases_starts_in_the_inbox(
    server: RunningService, as_person: SignedIn
) -> None:
    case = propose_on_new_case(server, "4500.00", price="5000.00", kind="write_off")
    page = as_person("fay", 400)
    page.reads(case["order"], MINE)
    assert page.is_within(400)
    focus_on(page, case["order"])
    page.key("a")  # nothing is selected: applies to the focused row
    page.reads("Approve 1 adjustment: 4500.00 EUR in all?", "#confirm")
    page.key("Enter")
    page.reads(f"write off of 4500.00 EUR, order {case['order']}: approved.", "#approvals-told")
    stand = "document.querySelector('#to-approvals').checkVisibility()"
    assert page.value(stand)
    page = as_person("shop")
    assert not page.value(stand)  # and approves nothing
