"""Why something can be turned away. An error's docstring is the title that an API client reads."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One thing that is wrong in a document: where (JSON Pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class CasetrailError(Exception):
    """The request cannot be carried out."""

    explanation: ClassVar[str] = ""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class Invalid(CasetrailError):
    """The document has faults."""

    explanation = "Every fault is listed in `errors` with a JSON Pointer to its place. Mend them and send it again."

    def __init__(self, faults: Sequence[Fault], what: str = "the document") -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{what}: {first.pointer or '/'}: {first.detail}{more}")
        self.faults = tuple(faults)


class SignalIdReused(CasetrailError):
    """This source has already used this signal id for a different statement."""

    explanation = (
        "A signal is identified by source, id and order, and taken once. The same identity came "
        "with other content: send a correction under an id of its own."
    )


class SourceReserved(CasetrailError):
    """This source name is the service's own."""

    explanation = (
        "What the service finds out by look-ups has the source `casetrail`. Send the signal under "
        "the name of the system that says it."
    )


class OrderNotFound(CasetrailError):
    """There is no order with this id."""

    explanation = "No signal has named this order yet."


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


class PolicyVersionReused(CasetrailError):
    """This policy version already names another document."""

    explanation = "A version is written once. Give the changed document a version of its own."


class PersonExists(CasetrailError):
    """There is already a person with this name."""

    explanation = "Names are unique; choose another or use the person that is there."


class PersonNotFound(CasetrailError):
    """There is no person with this name."""

    explanation = "Add the person first: casetrail people add NAME."


class TrailHasGap(RuntimeError):
    """The trail is not numbered 1, 2, 3 … and cannot be trusted. Never the caller's fault."""


class TooContended(CasetrailError):
    """Others kept changing the same streams; nothing was stored."""

    explanation = "Send it again, with the same idempotency key or signal ids, after a moment."


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


class RecoveryNotFound(CasetrailError):
    """The queue has no plan to recover."""

    explanation = (
        "A plan begins when a queue holds more, or older, work than its policy's `backlog` allows."
    )


class RecoveryChanged(CasetrailError):
    """The plan has changed since you read it."""

    explanation = (
        "Read the plan again and decide on what it says now; `version` is the current one."
    )


class ActionNotOpen(CasetrailError):
    """The plan has no such action to be done."""

    explanation = "The plan lists its actions; only one that is not done yet can be completed."


class NoNextOwner(CasetrailError):
    """A hand-off names its next owner."""

    explanation = "Name the queue (`to_queue`), the person (`to_person`), or both; not the present owner alone."


class PolicyNotFound(CasetrailError):
    """There is no policy with this version or digest."""

    explanation = "GET /v1/policies lists every version that there ever was."


class PolicyStateWrong(CasetrailError):
    """The policy does not stand as this needs it to."""

    explanation = (
        "`state` says how it stands. A proposal is approved, then activated; what is over is "
        "proposed anew, and what has decided before is gone back to with a rollback."
    )


class PolicyOutOfDate(CasetrailError):
    """Another policy decides than the one that this proposal was held against."""

    explanation = (
        "`in_force` is the digest of what decides now. Compare the proposal with it, and propose "
        "it anew: what was approved was the difference to another policy."
    )


class PolicyUnchanged(CasetrailError):
    """The document says what the policy in force says."""

    explanation = "There is nothing to decide on: change the document first."


class PolicyInForce(CasetrailError):
    """Another policy decides here already."""

    explanation = (
        "Only a log without a policy is given one from beside the database. Propose the document "
        "instead: casetrail policy propose FILE."
    )


class AuthorMayNotDecide(CasetrailError):
    """Who wrote a policy does not decide on it, and who did not does not withdraw it."""

    explanation = (
        "`authors` lists everybody who wrote it or a version that it revises; agents and delegates "
        "count as their person. Another person approves, rejects or ratifies it."
    )


class OnlyPersonsDecide(CasetrailError):
    """Only a person decides on policies."""

    explanation = "An agent may propose and simulate. Approving and activating is for people."
