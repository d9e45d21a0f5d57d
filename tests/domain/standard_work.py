"""Standard work in a policy of tests: a team and a time for each stage."""

from __future__ import annotations

from typing import Any

from domain.policy.rulebook import Rulebook
from tests.domain.policies import shipped, with_version

STAGES: dict[str, dict[str, str]] = {
    "intake": {"owner_team": "order_desk", "within": "PT4H", "calendar": "always"},
    "payment": {"owner_team": "payments_desk", "within": "PT24H", "calendar": "always"},
    "allocation": {"owner_team": "stock_desk", "within": "PT8H", "calendar": "always"},
    "release": {"owner_team": "warehouse_desk", "within": "PT4H", "calendar": "always"},
    "shipment": {"owner_team": "warehouse_desk", "within": "PT24H", "calendar": "always"},
    "delivery": {"owner_team": "carrier_desk", "within": "PT120H", "calendar": "always"},
    "return": {"owner_team": "returns_desk", "within": "PT240H", "calendar": "always"},
}
ALWAYS = {"time_zone": "UTC", "always_open": True}


def with_stages(version: str = "stages", stages: Any = STAGES, **parts: Any) -> Rulebook:
    """The shipped policy with stages of standard work."""
    calendars = {**shipped()["calendars"], "always": ALWAYS}
    return with_version(version, stages=stages, calendars=calendars, **parts)
