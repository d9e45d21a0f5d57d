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
    "ReconciliationView": {"discrepancies": [], "until": NOON},
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
        "not_understood": 0,
        "refused_7d": 0,
    },
    "DocumentView": {"name": "shopify"},
    "PersonView": {"known_as": ["ana"], "reviews_due": []},
    "BreakGlassView": {"minutes": 60},
    "ListedBreakGlass": {"minutes": 60},
    "Emergency": {"minutes": 60, "acts": []},
    "PrivacyView": {"holds": []},
    "PersonalDataHeld": {"holds": []},
    "HeldData": {"holds": []},
    "RangeCheck": {"wrong": [], "losses": []},
    "Control": {"operated": "yes", "exceptions": [], "exceptions_in_all": 0},
    "WhyNotReport": {"attempts": [], "requests": []},
    "GivenTooMuch": {"taken": "12.50", "given_back": "20.00", "too_much": "7.50"},
    "SplitSum": {"limit": "20.00", "together": "25.00"},
    "SplitPart": {"state": "executed", "counts": "12.50", "was_counted": "12.50"},
    "UnpaidApproval": {"state": "approved", "in_doubt": False},
    "Duration": {"state": "proposed"},
    "HeldReference": {"kind": "payment", "value": "pi_3"},
    "OrderView": {"id": "A-1001"},
    "StatementReconciliation": {"discrepancies": [], "until": NOON},
    "SimulationView": {"until": NOON},
    "PullResultView": {"until": NOON, "detail": "", "failures": 0},
    "Liveness": {"status": "ok"},
    "Readiness": {"status": "ready"},
    "OrderPlaced": {"order": "A-1001"},
    "ProblemType": {"status": 404},
    # Bodies whose members are each optional, and of which some are needed.
    "AddSource": {"name": "shop", "owner": "order_desk", "mapping": "shopify"},
    "ChooseMapping": {"mapping": "shopify"},
    "ChoosePull": {"pull": "stripe"},
    "HandOff": {"to_person": "bo"},
    "ProposeAdjustment": {"kind": "appeasement", "amount": {"amount": "12.50", "currency": "EUR"}},
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
_NO_ROLE: Final[Mapping[str, Any]] = {"roles": [], "permissions": [], "reviews_due": []}
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
    "add_person": {**_NO_ROLE, "grants": []},
    "person_grants": {**_NO_ROLE, "grants": [{"status": "proposed", "lives": False}]},
    "revoke_grant": {
        **_NO_ROLE,
        "grants": [
            {
                "status": "ended",
                "lives": False,
                "revoked_at": NOON,
                "revoked_by": "bo",
                "revoked_for": "Another team does this work.",
            }
        ],
    },
    "confirm_grant": {"grants": [{"confirmed_at": "2026-11-20T12:30:00Z", "confirmed_by": "bo"}]},
    "reject_grant": {**_NO_ROLE, "grants": [{"status": "rejected", "lives": False}]},
    "withdraw_grant": {**_NO_ROLE, "grants": [{"status": "withdrawn", "lives": False}]},
    "person_leave": {**_NO_ROLE, "grants": [], "left_at": NOON, "left_for": "The contract ended."},
    "place_legal_hold": {
        "holds": [
            {
                "hold": 1,
                "reason": "A dispute in court.",
                "reference": "court-7",
                "placed_by": "ana",
                "placed_at": NOON,
            }
        ],
        "erasures": [],
    },
    "release_legal_hold": {"erasures": []},
    "hold_statement": {"question": 18},
    "add_source": {
        "in_use": False,
        "last_received_at": None,
        "deliveries": 0,
        "deliveries_24h": 0,
        "signals_24h": 0,
    },
    "complete_access_review": {"completed_by": "ana", "completed_at": NOON},
    "pause_source": {"paused_for": "The sender repairs its clock."},
    "choose_pull": {"pull": SHOWN},
    "rotate_pull_secret": {"pull": SHOWN},
}
"""By operation, what its answer shows that others do not."""
