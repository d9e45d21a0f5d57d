"""Which orders were decided on by the rules of the policy in force, from their first event on."""

from datetime import datetime

from application.log.event_log import EventLog
from application.policy.policy_desk import PolicyDesk
from application.policy.recheck import load_recheck
from domain.policy.document import PolicyDocument
from domain.policy.events import recheck_stream


def reads_alike(one: PolicyDocument, other: PolicyDocument) -> bool:
    """Whether both pass the same orders through intake, and read amounts by the same rates."""
    return one.standard_flow_when == other.standard_flow_when and _rates_of(one) == _rates_of(other)


def decides_alike(one: PolicyDocument, other: PolicyDocument) -> bool:
    """Whether both find the same problems. They may treat them otherwise."""
    return reads_alike(one, other) and one.detect == other.detect and one.expect == other.expect


def decided_after(log: EventLog, policy: PolicyDesk, now: datetime) -> int | None:
    """The position after which orders begin that rules like those in force decided on from the start.

    None if the log does not have it: the recheck under the policy has not begun.
    """
    governance = policy.refresh()
    in_force = governance.in_force(now)
    found = None
    for change in reversed([one for one in governance.policy_changes() if one.at <= now]):
        document = governance.policies[change.digest].document
        if in_force is None or not decides_alike(document, in_force.document):
            break
        if change.before is None:
            return 0  # the first policy of the log
        recheck = load_recheck(log, recheck_stream(change.digest, change.at))
        if recheck is None:
            break
        found = recheck.until
    return found


def _rates_of(document: PolicyDocument) -> object:
    approvals = document.approvals
    return (approvals.currency, approvals.rates) if approvals is not None else None
