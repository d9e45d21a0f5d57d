"""One person alone may change only the parts of a policy that hold no control, or make them stricter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.clock.calendars import BusinessCalendar
from domain.policy.document import (
    Automation,
    Backlog,
    ClockBands,
    Kind,
    PolicyDocument,
    Priorities,
    Queue,
    Route,
    ValueBand,
)
from domain.policy.emergency_limits import STRICTNESS, changes_routing, find_emergency_faults
from domain.policy.reader import read_policy
from tests.domain.policies import SHIPPED, shipped

BIG = {"fact": "charge.total", "at_least": "500 EUR"}
FRAUD = {"fact": "fraud.open", "is": True}
ADDRESS = {"fact": "address.open", "is": True}
REPLACEMENTS: dict[str, Any] = {
    "policy": "other",
    "detect": lambda part: part[1:],
    "expect": lambda part: part[1:],
    "services": lambda part: [{**part[0], "at_risk_percent": 99}, *part[1:]],
    "stages": None,
    "ladders": lambda part: {**part, "one_more": next(iter(part.values()))},
    "resolving_requires": {},
    "look_ups": None,
    "references": {"held_at_most": "P30D"},
    "sources": {"codes_at_most": 1},
    "approvals": lambda part: {**part, "lapses_after": "P30D"},
    "standard_flow_when": None,
    "access_reviews": {"every": "P90D", "owner": "ops_manager"},
}
"""A change of each section that an emergency may not touch."""
SECTIONS_WITH_LIMITS = ("queues", "kinds", "automation_pauses_when", "route")
FREE_SECTIONS = ("version", "summary", "priorities", "calendars")


def find_faults(**parts: Any) -> list[str]:
    """The pointers of the changes that one person may not make alone to the shipped policy."""
    changed = read_policy({**shipped(), **parts}).document
    return [fault.pointer for fault in find_emergency_faults(SHIPPED.document, changed)]


def test_every_section_of_a_policy_has_a_rule_here() -> None:
    """A new section is refused by default; whoever adds one decides here."""
    sections = {*REPLACEMENTS, *SECTIONS_WITH_LIMITS, *FREE_SECTIONS}
    assert {*PolicyDocument.__struct_fields__} == sections


@pytest.mark.parametrize("section", REPLACEMENTS)
def test_a_section_with_a_control_does_not_change(section: str) -> None:
    part = REPLACEMENTS[section]
    changed = shipped()
    changed[section] = part(changed[section]) if callable(part) else part
    (fault,) = find_emergency_faults(SHIPPED.document, as_document(changed))
    assert (fault.pointer, fault.detail) == (
        f"/document/{section}",
        "takes two people and a simulation",
    )


def as_document(raw: dict[str, Any]) -> PolicyDocument:
    """Without the checks between sections: what a section alone says is compared here."""
    return msgspec.convert(raw, PolicyDocument)


def test_the_parts_of_free_sections_hold_no_control() -> None:
    """One person may change all of these. A new field must be decided on here."""
    assert Route.__struct_fields__ == ("rule", "queue", "work_type", "skill", "when", "priority")
    assert Priorities.__struct_fields__ == ("severity", "tier", "value", "clock")
    assert ClockBands.__struct_fields__ == ("at_risk", "breached")
    assert ValueBand.__struct_fields__ == ("at_least", "adds")
    assert {*Backlog.__struct_fields__} == {
        *("volume", "recovered_volume", "age", "recovered_age", "owner")
    }
    assert {*BusinessCalendar.__struct_fields__} == {
        *("time_zone", "week", "always_open", "closed", "special", "cut_offs")
    }


def test_priorities_calendars_backlogs_and_routes_may_change() -> None:
    document = shipped()
    document["version"], document["summary"] = "fire", "It burns."
    document["priorities"]["severity"]["low"] = 99
    document["calendars"]["desk"]["closed"] = []
    document["queues"]["new_order_review"]["backlog"] = {"volume": 1, "recovered_volume": 0}
    del document["queues"]["payment_hold_review"]["backlog"]
    document["route"][0]["queue"] = "new_order_review"
    document["route"][1]["priority"] = 77
    assert find_faults(**document) == []


@pytest.mark.parametrize("field", sorted({*Queue.__struct_fields__} - {"backlog"}))
def test_of_a_queue_only_the_backlog_changes(field: str) -> None:
    changed = {
        "title": "Anything",
        "owner_team": "my_team",
        "claim_lease": "P9D",
        "hand_off_requires": ["carrier_statement"],
        "ladder": None,
    }
    queues = shipped()["queues"]
    queues["new_order_review"][field] = changed[field]
    assert find_faults(queues=queues) == [f"/document/queues/new_order_review/{field}"]


def test_queues_and_kinds_are_not_added_or_removed() -> None:
    document = shipped()
    queues = {**document["queues"], "mine": {"title": "Mine", "owner_team": "mine"}}
    assert find_faults(queues=queues) == ["/document/queues/mine"]
    kinds = document["kinds"]
    gone = kinds.pop("refund_due")
    kinds["refund_mine"] = gone
    found = find_emergency_faults(SHIPPED.document, as_document({**document, "kinds": kinds}))
    assert {fault.pointer for fault in found} == {
        "/document/kinds/refund_due",
        "/document/kinds/refund_mine",
    }


@pytest.mark.parametrize("field", sorted({*Kind.__struct_fields__} - {"automation"}))
def test_of_a_kind_only_the_automation_changes(field: str) -> None:
    changed: dict[str, Any] = {
        "title": "Anything",
        "bucket": "payment_mismatch",
        "severity": "low",
        "cleared_when": {"fact": "order.placed_at", "known": True},
        "reopen_within": "PT1S",
        "holds": [{"what": "fulfilment", "reason": "other"}],
        "next_steps": [{"title": "Wait", "action": "ask_warehouse", "within": "PT1H"}],
        "due_at": "dispute.evidence_due_at",
        "critical_within": "PT9H",
    }
    kinds = shipped()["kinds"]
    name = "stock_unavailable"
    kinds[name][field] = changed[field]
    document = as_document({**shipped(), "kinds": kinds})
    (fault,) = find_emergency_faults(SHIPPED.document, document)
    assert fault.pointer == f"/document/kinds/{name}/{field}"


def test_automation_only_becomes_stricter() -> None:
    assert {*STRICTNESS} == {*Automation}
    name = next(
        n for n, kind in SHIPPED.document.kinds.items() if kind.automation is Automation.AUTOMATIC
    )
    allowed = {}
    for before in STRICTNESS:
        for after in STRICTNESS:
            old, new = (_with_automation(name, one) for one in (before, after))
            allowed[before.value, after.value] = find_emergency_faults(old, new) == []
    assert {pair for pair, may in allowed.items() if not may} == {
        ("review", "automatic"),
        ("blocked", "automatic"),
        ("blocked", "review"),
    }


def _with_automation(kind: str, automation: Automation) -> PolicyDocument:
    document = shipped()
    document["kinds"][kind]["automation"] = automation.value
    return read_policy(document).document


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, BIG),
        (BIG, {"any": [BIG, FRAUD]}),
        (BIG, {"any": [FRAUD, BIG]}),
        ({"any": [BIG, FRAUD]}, {"any": [FRAUD, BIG, ADDRESS]}),
        ({"any": [BIG, FRAUD]}, {"any": [{"any": [BIG, FRAUD]}, ADDRESS]}),
        ({"all": [BIG, FRAUD]}, {"any": [{"all": [BIG, FRAUD]}, ADDRESS]}),
    ],
)
def test_automation_may_pause_in_more_cases(before: Any, after: Any) -> None:
    assert _pause_faults(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BIG, None),
        (BIG, FRAUD),
        (BIG, {"all": [BIG, FRAUD]}),
        (BIG, {"not": BIG}),
        (BIG, {**BIG, "at_least": "600 EUR"}),
        ({"any": [BIG, FRAUD]}, BIG),
        ({"any": [BIG, FRAUD]}, {"any": [BIG, ADDRESS]}),
        ({"any": [BIG, FRAUD]}, {"all": [{"any": [BIG, FRAUD]}, ADDRESS]}),
        ({"all": [BIG, FRAUD]}, {"any": [{"all": [BIG, FRAUD, ADDRESS]}, ADDRESS]}),
        ({"fact": "fraud.open", "is": True}, {"any": [{"fact": "fraud.open", "is": False}, BIG]}),
    ],
)
def test_automation_does_not_pause_in_fewer_cases(before: Any, after: Any) -> None:
    assert _pause_faults(before, after) == ["/document/automation_pauses_when"]


def _pause_faults(before: Any, after: Any) -> list[str]:
    old, new = (
        read_policy({**shipped(), "automation_pauses_when": one}).document
        for one in (before, after)
    )
    return [fault.pointer for fault in find_emergency_faults(old, new)]


def test_a_route_names_a_work_type_that_has_a_service_level() -> None:
    route = shipped()["route"]
    route.insert(0, {**route[0], "rule": "aside", "work_type": "whenever"})
    assert find_faults(route=route) == ["/document/route/0/work_type"]


def test_a_change_of_destination_is_a_change_of_routing() -> None:
    before = SHIPPED.document
    for changed, does in (({"queue": "new_order_review"}, True), ({"priority": 3}, False)):
        document = shipped()
        document["route"][0].update(changed)
        assert changes_routing(before, read_policy(document).document) is does
    document = shipped()
    document["route"][0]["when"]["one_of"].pop()
    assert changes_routing(before, read_policy(document).document)
