"""casetrail case show | trail: the case as in the API, as text and as one JSON document."""

import json
from uuid import UUID

import pytest

from tests.api.running_service import RunningService
from tests.api.signals import ago, captured, money, order_id, placed, send, signal, unavailable
from tests.cli.conftest import Casetrail


@pytest.fixture(scope="module")
def case(server: RunningService) -> str:
    """A case of a payment that differs from the charge."""
    order = order_id()
    with server.client_as("shop") as shop:
        answer = send(shop, placed(order, "10.00"), captured(order, "12.50"))
    return str(answer.json()["items"][1]["cases"][0]["case"])


def test_a_case_is_shown_as_in_the_api(
    casetrail: Casetrail, server: RunningService, case: str
) -> None:
    shown = casetrail("case", "show", case, "--json")
    trail = casetrail("case", "trail", case, "--json")
    assert (shown.returncode, trail.returncode) == (0, 0)
    with server.client_as("ana") as ana:
        assert json.loads(shown.stdout) == ana.get(f"/v1/cases/{case}").json()
        address = f"/v1/cases/{case}/trail"
        assert json.loads(trail.stdout) == ana.get(address).json()
        table = ana.get(address, headers={"Accept": "text/csv"}).text
    told = casetrail("case", "trail", case, "--csv")
    assert told.stdout.splitlines() == table.splitlines()
    assert casetrail("case", "trail", case, "--csv", "--json").returncode == 2


def order_of_two_parcels(server: RunningService) -> tuple[str, str]:
    """A case by hand of one of two parcels, and its order."""
    order = order_id()
    with server.client_as("shop") as shop:
        lines = [{"sku": "tea", "quantity": 2, "price": money("10.00")}]
        send(
            shop,
            placed(order, lines=lines),
            captured(order, "20.00", payment="pay-1"),
            *(
                signal(
                    "shipment.handed_over",
                    order,
                    shipment=name,
                    carrier="dhl",
                    lines=[{"line": "tea", "quantity": 1}],
                )
                for name in ("P1", "P2")
            ),
            signal("shipment.delivered", order, shipment="P2", event_time=ago(minutes=30)),
        )
    asked = {"order": order, "kind": "lost", "note": "Not here.", "parts": ["parcel:P1"]}
    with server.client_as("ana") as ana:
        opened = ana.post("/v1/cases", json=asked, headers={"Idempotency-Key": order})
    return str(opened.json()["id"]), order


def test_a_case_lists_its_parts(casetrail: Casetrail, server: RunningService) -> None:
    case, order = order_of_two_parcels(server)
    with server.client_as("ana") as ana:
        (part,) = ana.get(f"/v1/cases/{case}").json()["parts"]
        assert (part["key"], part["kind"], part["id"]) == ("parcel:P1", "parcel", "P1")
        assert (part["rule"], part["cleared_by"], part["outcome"]) == ("by-hand", None, None)
        assert ana.get(f"/v1/cases/{case}?version=1").json()["parts"] == [part]
        shown = ana.get(f"/v1/orders/{order}").json()
        assert shown["cases"] == {"lost": case}
        (line,) = shown["parts"]["lines"]
        assert (line["key"], line["ordered"], line["delivered"]) == ("line:tea", 2, 1)
        assert [one["id"] for one in shown["parts"]["parcels"]] == ["P1", "P2"]
        assert shown["parts"]["parcels"][1]["delivered_at"]
        again = {"order": order, "kind": "lost", "note": "Not here."}
        refused = ana.post("/v1/cases", json=again, headers={"Idempotency-Key": f"{order}2"})
        assert (refused.status_code, refused.json()["case"]) == (409, case)
        unknown = {**again, "parts": ["parcel:P9"]}
        wrong = ana.post("/v1/cases", json=unknown, headers={"Idempotency-Key": f"{order}3"})
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["pointer"] == "/parts/0"
    assert "parcel:P1 since " in casetrail("case", "show", case).stdout
    assert ", for parcel:P1: Not here." in casetrail("case", "trail", case).stdout


def test_a_past_case_is_shown_as_in_the_api(
    casetrail: Casetrail, server: RunningService, case: str
) -> None:
    with server.client_as("ana") as ana:
        shown = casetrail("case", "show", case, "--at", "2", "--json")
        assert json.loads(shown.stdout) == ana.get(f"/v1/cases/{case}?version=2").json()
        changed = casetrail("case", "diff", case, "2", "3", "--json")
        assert json.loads(changed.stdout) == ana.get(f"/v1/cases/{case}/diff?from=2&to=3").json()
    words = casetrail("case", "diff", case, "2").stdout
    assert "queue: nothing → payment_hold_review" in words
    assert "packet: nothing changed" in words
    for wrong in (("show", case, "--at", "99"), ("diff", case, "yesterday")):
        ran = casetrail("case", *wrong)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "Traceback" not in ran.stderr


def test_a_case_is_shown_in_words_with_its_verdicts(casetrail: Casetrail, case: str) -> None:
    shown = casetrail("case", "show", case).stdout
    for told in (case, "payment_mismatch", "payment_hold_review", "open", "payments_desk"):
        assert told in shown
    trail = " ".join(casetrail("case", "trail", case).stdout.split())
    for told in ("case.detected", "case.enriched", "case.routed by policy"):
        assert told in trail
    for told in ("payments-differ-from-charge", "payment.overpaid", "2.50"):
        assert told in trail


def test_a_case_is_found_by_its_order(
    casetrail: Casetrail, server: RunningService, case: str
) -> None:
    with server.client_as("ana") as ana:
        order = ana.get(f"/v1/cases/{case}").json()["order"]
    for words in (("show", order, "--as-of", "2"), ("diff", order, "2"), ("trail", order)):
        by_order = casetrail("case", *words)
        assert by_order.returncode == 0, by_order.stderr
        assert by_order.stdout == casetrail("case", words[0], case, *words[2:]).stdout
    at = [casetrail("case", "show", case, name, "2").stdout for name in ("--at", "--as-of")]
    assert at[0] == at[1]
    unknown = casetrail("case", "trail", "A-1001").stderr
    assert (
        "A-1001 is neither a case id (a UUID) nor the id of a known order in the shop default."
        in unknown
    )
    with server.client_as("shop") as shop:
        send(shop, placed(bare := order_id()))
        send(shop, placed(two := order_id(), "10.00"), captured(two, "12.50"), unavailable(two))
    assert f"The order {bare} has no case." in casetrail("case", "show", bare).stderr
    several = casetrail("case", "show", two).stderr
    assert f"The order {two} has 3 cases; name one by its id:" in several
    assert "(payment_mismatch)" in several


@pytest.mark.parametrize(("command", "wrong"), [("show", str(UUID(int=7))), ("trail", "nonsense")])
def test_an_unknown_case_gets_a_plain_error(casetrail: Casetrail, command: str, wrong: str) -> None:
    ran = casetrail("case", command, wrong, "--json")
    assert ran.returncode == 2
    assert wrong in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
