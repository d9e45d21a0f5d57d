"""Records refused attempts: who tried what on a case, and which rule forbade it.

They have a stream of their own. In the case's stream, somebody who keeps trying would change its version each
time, and keep others from working.
"""

from uuid import UUID

from application.log.caller import Caller
from application.log.event_log import EventLog
from application.log.streams import REFUSALS
from domain.adjustments.errors import Refusal
from domain.adjustments.refusals import AttemptRefused, refusals_stream
from domain.cases.exception_case import ExceptionCase
from domain.errors import TooContended

ATTEMPTS = 100
"""Only other processes are in each other's way: those of one process wait for their turn."""


def record_refusal(log: EventLog, case: ExceptionCase, refusal: Refusal, by: Caller) -> None:
    """Record that it was refused, without the content of the request. Raises TooContended."""
    adjustment = refusal.facts.get("adjustment")
    event = AttemptRefused(
        case=case.id,
        attempt=str(refusal.facts.get("duty", "approve")),
        rule=str(refusal.facts["rule"]),
        detail=refusal.detail,
        case_version=case.version,
        earlier=earlier_version_of(refusal),
        adjustment=UUID(str(adjustment)) if adjustment is not None else None,
    )
    write = by.write(refusals_stream(case.id), REFUSALS, 0, [event], case.order)
    if log.append_last(write, ATTEMPTS) is None:
        raise TooContended(f"others were refused here at the same moment; {ATTEMPTS} attempts")


def earlier_version_of(refusal: Refusal) -> int | None:
    """The version of the act in the case's trail that the refusal names, if it names one."""
    version = refusal.facts.get("version")
    return version if isinstance(version, int) else None
