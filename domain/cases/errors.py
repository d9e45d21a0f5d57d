"""Errors about work on a case."""

from collections.abc import Sequence
from uuid import UUID

from domain.errors import CasetrailError


class CaseNotFound(CasetrailError):
    """There is no case with this id."""

    explanation = "The id is wrong, or the case is outside your scope."


class QueueNotFound(CasetrailError):
    """There is no queue with this name."""

    explanation = "The active policy names the queues; GET /v1/queues lists them."


class CaseChanged(CasetrailError):
    """The case has changed since you read it."""

    explanation = (
        "`version` is the current version, and `since` lists the events after the version you named. "
        "Read the case again, then decide on its current state."
    )

    def __init__(self, case_id: UUID, expected: int, version: int, since: Sequence[str]) -> None:
        super().__init__(
            f"you named version {expected}, the case is at version {version}",
            case_id=str(case_id),
            version=version,
            since=list(since),
        )


class CaseNotOpen(CasetrailError):
    """Only an open case can be claimed."""

    explanation = (
        "Another person holds the case, or it is resolved. Claim another one, or reopen it."
    )


class ProblemHasCase(CasetrailError):
    """The order has an open case for this problem."""

    explanation = (
        "`case` is its id: work on it, or name parts of the order that it does not have yet. It is left "
        "out if the case is outside your scope."
    )


class CaseNotYours(CasetrailError):
    """Only the person who holds the case can do this."""

    explanation = "Claim the case first, or ask the person who holds it."


class CaseAlreadyResolved(CasetrailError):
    """The case is resolved."""

    explanation = "Reopen it, with a note that says why, before you work on it again."


class CaseNotResolved(CasetrailError):
    """Only a resolved case can be reopened."""

    explanation = "The case is not resolved: there is nothing to reopen."


class CaseNotWaiting(CasetrailError):
    """Only a waiting case can be resumed."""

    explanation = "The case is not waiting: work on it, or start a wait."


class EvidenceMissing(CasetrailError):
    """Evidence that policy requires is missing."""

    explanation = (
        "`missing` lists the types. Attach each (POST …/evidence), name it in the command's `evidence`, "
        "and send the command again."
    )


class PacketNotFound(CasetrailError):
    """The case has no packet with this digest."""

    explanation = (
        "The trail names the digest of each packet, in `case.enriched` and in `case.resolved`."
    )


class EvidenceNotFound(CasetrailError):
    """There is no file with this digest."""

    explanation = "Upload it first: POST /v1/evidence returns the `ref` that names it."


class EvidenceErased(CasetrailError):
    """The file was erased with its customer's data."""

    explanation = "Its digest stays in the trail of the case; its content cannot be restored."


class NoSuchVersion(CasetrailError):
    """The case's trail has no such version."""

    explanation = "The trail (GET …/trail) lists the case's versions: name one of them."


class NoTermsFit(CasetrailError):
    """The active policy has no service level for this work."""

    explanation = "The policy's `services` set the terms of each work type. A case without terms has no clock."


class TaskNotOpen(CasetrailError):
    """The case has no such open task."""

    explanation = (
        "The case lists its tasks; only an open or overdue one can be completed or dropped."
    )


class HoldNotOurs(CasetrailError):
    """Only an active hold that this case placed can be released."""

    explanation = "The case lists its holds. A hold of another system must be released there."


class StepsOpen(CasetrailError):
    """The case has open tasks or active holds."""

    explanation = (
        "`tasks` and `holds` list them. Complete or drop each task and release each hold, then resolve "
        "the case. So no order stays on hold for a resolved case."
    )


class NoNextOwner(CasetrailError):
    """A hand-off must name a new owner."""

    explanation = "Name the queue (`to_queue`), the person (`to_person`) or both; they must differ from the present owner."


class NotDoneYet(CasetrailError):
    """Nothing shows that this was done."""

    explanation = (
        "`refunded`, `partially_refunded`, `appeased`, `reshipped` and `store_credit` need an executed "
        "adjustment of the case, of a kind in `adjustments`, or a statement of another system about it; "
        "`cancelled` needs `order.cancelled`, `returned` needs `return.received`. `refunded` means all that the pieces cost. Execute the adjustment, "
        "send the missing statement as a signal, or choose the reason for what happened."
    )
