"""What the groups of routes are for, by the first word of their paths."""

from collections.abc import Mapping
from typing import Final

TAGS: Final[Mapping[str, str]] = {
    "access-review": "Who may do what, as a list to review.",
    "access-reviews": "Reviews of the active grants, on a schedule.",
    "adjustments": "Refunds and other adjustments, in all cases.",
    "approvals": "Adjustments that wait for an approval.",
    "audit": "Questions of auditors, checkpoints, proofs and bundles.",
    "break-glass": "Access that two people open for an emergency.",
    "cases": "Cases: the work on them, their trail and their adjustments.",
    "eligible": "Who could have done something at a time.",
    "events": "The log of all events, in order.",
    "evidence": "Files that cases cite.",
    "grants": "Roles that wait for a second person, or were given by one.",
    "held": "Signals whose order is not known yet.",
    "livez": "Whether the process runs.",
    "me": "Who the request counts for.",
    "orders": "Orders, with all facts and where each comes from.",
    "people": "People, their grants, skills and names.",
    "personal-data": "Customers' data: find, hold, erase.",
    "policies": "Policies: propose, simulate, approve, activate.",
    "problems": "What the types of problems mean.",
    "queues": "Queues, and the next case of one.",
    "readyz": "Whether the service can receive signals.",
    "reconciliations": "Payments compared with the provider's statement.",
    "receipts": "Proofs that single decisions are in the log.",
    "recovery-plans": "Plans to work off a backlog.",
    "sources": "Systems that send, and what they sent.",
    "signals": "Statements of other systems about orders.",
    "views": "Reports.",
}
