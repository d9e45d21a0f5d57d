"""Every page is checked with axe-core against WCAG 2.2 AA, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.adjustments import act_on_adjustment, open_paid_case, post, propose_on_new_case
from tests.api.running_service import RunningService
from tests.api.signals import open_case
from tests.console.axe_core import violations
from tests.console.browser import Page
from tests.console.conftest import SignedIn


@pytest.fixture(params=[("light", 1400), ("dark", 380)], ids=["light", "dark-and-narrow"])
def width(request: pytest.FixtureRequest, page: Page) -> Iterator[int]:
    """The width of the window, together with the preferred colours."""
    scheme, wide = request.param
    page.prefer(scheme)
    yield wide
    page.prefer("")


def case_with_everything(server: RunningService) -> str:
    """A case with an adjustment, evidence, a note, a declared error and a refused attempt."""
    case = propose_on_new_case(server)
    with server.client_as("ana") as ana, server.client_as("fay") as fay:
        attached = {"ref": "dhl/pod-1", "type": "carrier_statement", "title": "Signed"}
        case = post(ana, case, "evidence", attached).json()
        case = post(ana, case, "notes", {"note": "Called.\nNobody answered."}).json()
        wrong = {"about": case["version"], "reason": "incorrect_data", "note": "Another number."}
        assert post(ana, case, "declare-error", wrong).status_code == 200
        refused = act_on_adjustment(ana, ana.get(f"/v1/cases/{case['id']}").json(), "approve")
        assert refused.status_code == 403, refused.text
        case = ana.get(f"/v1/cases/{case['id']}").json()
        assert act_on_adjustment(fay, case, "approve").status_code == 200
    found: str = case["id"]
    return found


def test_the_trail_page_is_accessible(server: RunningService, page: Page, width: int) -> None:
    case = case_with_everything(server)
    page.send_headers(Authorization=f"Bearer {server.tokens['ana']}", Accept="text/html")
    try:
        page.open(f"{server.url}/v1/cases/{case}/trail", width)
        page.until("document.querySelector('table') && document.readyState === 'complete'")
        assert page.value("document.querySelectorAll('table').length") == 2
        assert page.text("s").startswith("Noted: Called.")
        assert violations(page) == []
        assert page.is_within(width)
    finally:
        page.send_headers()


def test_the_reference_is_accessible(server: RunningService, page: Page, width: int) -> None:
    page.open(f"{server.url}/docs#resolve", width)
    page.until("document.querySelector('#resolve')?.open")
    for one in ("send_signals", "get_trail", "upload_evidence", "CaseView", "OrderPlaced"):
        page.value(f"document.getElementById({one!r}).open = true")
    assert violations(page) == []
    assert page.is_within(width)


def test_the_reference_search_finds_words_and_a_link_opens_its_entry(
    server: RunningService, page: Page
) -> None:
    page.faults.clear()
    page.open(f"{server.url}/docs")
    page.until("document.querySelector('#find')")
    page.value("document.querySelector('#find').focus()")
    page.fill("Find", "approve adjustment")
    page.reads("found", "#found")
    assert "Approve an adjustment" in page.text("main")
    assert "Send signals" not in page.text("main")
    page.value("location.hash = 'Signed'; location.hash = 'send_signals'")
    page.until("document.querySelector('#send_signals').open")
    page.reads("Send signals", "main")
    assert page.value("document.querySelector('#find').value") == ""
    assert page.faults == []


def test_the_sign_in_page_is_accessible(server: RunningService, page: Page, width: int) -> None:
    page.open(f"{server.url}/", width)
    page.value("sessionStorage.clear()")
    page.open(f"{server.url}/", width)
    page.until("!document.querySelector('#sign-in').hidden")
    assert violations(page) == []
    page.fill("Your token", "ct_wrong")
    page.press("Sign in")
    page.reads("This token is not known")
    assert violations(page) == []


def test_a_case_with_adjustments_is_accessible(
    server: RunningService, as_person: SignedIn, width: int
) -> None:
    case = case_with_everything(server)
    page = as_person("ana", width)
    page.value(f"showCase({case!r}, true)")
    page.reads("Adjustments", "#case")
    assert violations(page) == []
    page.press("Note", "#case-actions")
    assert violations(page) == []


def test_the_form_to_resolve_a_case_is_accessible(
    server: RunningService, as_person: SignedIn, width: int
) -> None:
    with server.client_as("ana") as ana:
        case = open_case(ana)
        assert post(ana, ana.get(f"/v1/cases/{case}").json(), "claim").status_code == 200
    page = as_person("ana", width)
    page.value(f"showCase({case!r}, true)")
    page.press("Resolve", "#case-actions")
    assert violations(page) == []


def test_the_approvals_inbox_is_accessible(
    server: RunningService, as_person: SignedIn, width: int
) -> None:
    open_paid_case(server)
    propose_on_new_case(server)
    page = as_person("fay", width)
    page.press("Approvals", "header")
    page.until("document.querySelector('#approvals tbody tr')")
    assert violations(page) == []
