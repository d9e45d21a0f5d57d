"""Values of examples that go together: states with what belongs to them, and times in order."""

import re
from collections.abc import Mapping
from typing import Any, Final

NOON: Final = "2026-11-20T12:00:00Z"
LATER: Final = "2026-11-27T12:00:00Z"
_CLOCK: Final[Mapping[str, str]] = {
    "event_time": "08:00",
    "first_at": "08:00",
    "first_signal_at": "08:00",
    "since": "09:00",
    "added_at": "09:00",
    "opened_at": "10:00",
    "detected_at": "10:00",
    "created_at": "10:00",
    "asked_at": "10:00",
    "proposed_at": "11:00",
    "placed_at": "08:00",
    "owned_since": "10:00",
}
_TO_COME: Final = re.compile(
    r"until|deadline|(.*_)?(due|due_at|due_next|lapses_at|expires_at|lease_until|due_next|due_before|due_after)"
)
_TIMES: Final = re.compile(
    r"at|as_of|since|(.*_)?(at|since|time)|first_action_due|next_update_due|resolution_due|complete_until"
)


def time_named(name: str) -> str | None:
    """The time of a member of this name, in order with those beside it; None if it is no time."""
    if name == "time_zone":
        return None
    if _TO_COME.fullmatch(name):
        return LATER
    if not _TIMES.fullmatch(name):
        return None
    return f"2026-11-20T{_CLOCK.get(name, '12:00')}:00Z"


MAY_BE_SHOWN: Final = frozenset(
    {"owner", "queue", "region", "work_type", "skill", "priority", "bucket", "severity", "deadline", "currency"}
    | {"amount", "packet", "digest", "topic", "title", "document", "mapping", "address", "webhook", "scheme"}
)  # fmt: skip
"""Members that may be null and have a value in examples. The others are null: most say how something ended."""

OF_SHAPE: Final[Mapping[str, Mapping[str, Any]]] = {
    "CaseRow": {"state": "open"},
    "CaseView": {
        "state": "open",
        "owner": "payments_desk",
        "signals_joined": 0,
        "cleared": False,
        "reopened": 0,
        "parts": [],
        "hand_offs": 0,
        "escalations": 0,
        "evidence": [],
        "unknown_evidence": [],
        "tasks": [],
        "holds": [],
        "links": [],
        "errors": [],
        "adjustments": [],
        "conflicts": [],
    },
    "Adjustment": {"state": "proposed", "kind": "partial_refund", "proposed_by": ["ana"]},
    "AdjustmentLine": {
        "state": "proposed",
        "kind": "partial_refund",
        "proposed_by": "ana",
        "approved_by": [],
        "in_doubt": False,
        "amount_differs": False,
    },
    "ApprovalResult": {"outcome": "approved"},
    "PolicyLine": {"state": "proposed", "acts": []},
    "PolicyView": {"state": "proposed", "acts": []},
    "SlaView": {"at_risk": [], "breached": [], "paused": False},
    "WebhookAnswer": {"known": False, "duplicate": 0, "held": 0, "refused": 0, "reasons": []},
    "SignalResult": {"outcome": "recorded"},
    "ReadAgainResult": {"looked_at": 2},
    "MappingSimulation": {
        "looked_at": 3,
        "same": 2,
        "newly_understood": 0,
        "no_longer_understood": 0,
        "not_readable": 0,
    },
    "AccessReviewView": {"revoked": 0, "left": 0},
    "AccessReviewSummary": {"revoked": 0, "left": 0},
    "ReconciliationView": {"discrepancies": []},
    "QueueView": {"at_risk": 0, "breached": 0},
    "RecheckView": {"done_percent": 50, "overtaken": False},
    "DeliveryView": {"understood": True, "reasons": []},
    "TaskView": {"overdue": False},
    "ApprovalView": {"why_not": []},
    "Candidate": {"why_not": []},
    "SourceView": {
        "owner": "order_desk",
        "webhook": "/v1/sources/shop/webhook",
        "last_received_at": NOON,
    },
    "DocumentView": {"name": "shopify"},
    "OrderOwner": {"overdue": False},
}
"""By shape, members that would contradict each other if each had the first value that its schema allows."""


def _with_adjustment(state: str) -> Mapping[str, Any]:
    case = "pending_approval" if state == "proposed" else "claimed"
    return {"state": case, "owner": "ana", "adjustments": [{"state": state}]}


def _in_force(**more: Any) -> Mapping[str, Any]:
    return {"state": "in_force", "effective_from": NOON, **more}


SHOWN: Final = object()
"""Of a member that may be null: it has a value."""
_CLAIMED: Final = {"state": "claimed", "owner": "ana", "lease_until": LATER}
_OPENED: Final = {
    "opened_by": "bo",
    "opened_at": NOON,
    "until": "2026-11-20T13:00:00Z",
    "grant": "g1",
}
_CLOSED: Final = {**_OPENED, "ended": "closed", "ended_at": "2026-11-20T12:30:00Z"}
AFTER: Final[Mapping[str, Mapping[str, Any]]] = {
    "claim": _CLAIMED,
    "claim_next": _CLAIMED,
    "wait": {"state": "waiting", "owner": "ana", "waiting": SHOWN},
    "resolve": {"state": "resolved", "owner": None, "resolved_at": NOON, "resolution": SHOWN},
    "reopen": {"reopened": 1},
    "escalate": {"escalations": 1},
    "hand_off": {"hand_offs": 1},
    "propose_adjustment": _with_adjustment("proposed"),
    "approve_adjustment": _with_adjustment("approved"),
    "reject_adjustment": _with_adjustment("rejected"),
    "withdraw_adjustment": _with_adjustment("withdrawn"),
    "execute_adjustment": _with_adjustment("executed"),
    "approve_policy": {"state": "approved"},
    "reject_policy": {"state": "rejected"},
    "withdraw_policy": {"state": "withdrawn"},
    "activate_policy": _in_force(),
    "rollback_policy": _in_force(),
    "ratify_policy": _in_force(),
    "emergency_policy": _in_force(expires_at=LATER),
    "open_break_glass": {"stage": "open", **_OPENED},
    "close_break_glass": {"stage": "review_due", **_CLOSED},
    "review_break_glass": {
        "stage": "reviewed",
        **_CLOSED,
        "review": SHOWN,
        "reviewed_by": "cleo",
        "reviewed_at": "2026-11-21T09:00:00Z",
    },
    "complete_access_review": {"completed_by": "ana", "completed_at": NOON},
    "pause_source": {"paused_for": "The sender repairs its clock."},
    "choose_pull": {"pull": SHOWN},
    "rotate_pull_secret": {"pull": SHOWN},
}
"""By operation, what its answer shows that others do not."""
