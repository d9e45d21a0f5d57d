"""What can stand against work on a case."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.errors import CasetrailError


class CaseNotFound(CasetrailError):
    """There is no case with this id."""

    explanation = "The id is not that of a case, or the case is outside your scope."


class QueueNotFound(CasetrailError):
    """There is no queue with this name."""

    explanation = "The active policy names the queues; GET /v1/queues lists them."


class CaseChanged(CasetrailError):
    """The case has changed since you read it."""

    explanation = (
        "`version` is the current version and `since` lists what happened after the one you named. "
        "Read the case again and decide on what it says now."
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

    explanation = "Somebody holds the case already, or it is resolved."


class CaseNotYours(CasetrailError):
    """Only the person who holds the case can do this."""

    explanation = "Claim the case first, or ask its owner."


class CaseAlreadyResolved(CasetrailError):
    """The case is resolved."""

    explanation = "Reopen it, with a note that says why, before you work on it again."


class CaseNotResolved(CasetrailError):
    """Only a resolved case can be reopened."""

    explanation = "The case is still being worked on: there is nothing to reopen."


class CaseNotWaiting(CasetrailError):
    """Only a waiting case can be resumed."""

    explanation = "The case waits for nobody: work on it, or start a wait."


class EvidenceMissing(CasetrailError):
    """Evidence that policy requires is missing."""

    explanation = (
        "`missing` lists the types. Attach each (POST …/evidence), name it in the resolution's "
        "`evidence`, and send the command again."
    )


class PacketNotFound(CasetrailError):
    """No decision on this case was made on this packet."""

    explanation = (
        "The trail names the digest of each packet: in `case.enriched`, in `case.resolved`."
    )


class EvidenceNotFound(CasetrailError):
    """There is no file with this digest."""

    explanation = "Upload it first: POST /v1/evidence answers with the `ref` to name it by."


class EvidenceErased(CasetrailError):
    """The file was erased with its customer's data."""

    explanation = "Its digest stays in the trail of the case; its content is gone."


class NoSuchVersion(CasetrailError):
    """The case's trail has no such version."""

    explanation = "The trail (GET …/trail) numbers its lines: `version` is one of them."


class NoTermsFit(CasetrailError):
    """The active policy has no service level for this work."""

    explanation = "A case without terms has no clock. The policy's `services` say which work has."


class TaskNotOpen(CasetrailError):
    """The case has no such task to be done."""

    explanation = (
        "The case lists its tasks; only one that is open or overdue can be done or dropped."
    )


class HoldNotOurs(CasetrailError):
    """Only a hold that this case placed, and that still stands, can be released."""

    explanation = "The case lists its holds. Whoever placed another has to release it."


class StepsOpen(CasetrailError):
    """Tasks are open, or holds that the case placed still stand."""

    explanation = (
        "`tasks` and `holds` list them. Complete or drop each task and release each hold, then "
        "resolve the case: nothing is left held up behind a case that is over."
    )


class NoNextOwner(CasetrailError):
    """A hand-off names its next owner."""

    explanation = "Name the queue (`to_queue`), the person (`to_person`), or both; not the present owner alone."
