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


class AdjustmentNotFound(CasetrailError):
    """The case has no adjustment with this id."""

    explanation = "The case lists its adjustments, each with its `id`."


class NothingMayBeGiven(CasetrailError):
    """The active policy has no approval matrix."""

    explanation = "Nothing can be given to a customer until the policy's `approvals` say who must approve what."


class MoreThanPaid(CasetrailError):
    """More would be given back than was taken."""

    explanation = (
        "`captured` is what was taken for the order, `counted` what of it was given back or may yet "
        "be. A refund, a price adjustment or an appeasement goes back the way the money came, and "
        "cannot be more than that."
    )


class AdjustmentNotPending(CasetrailError):
    """The adjustment is not in a state in which this can be done."""

    explanation = (
        "`state` says how it stands. Only what is proposed can be approved or rejected, only what is "
        "approved executed, only what is executed reconciled."
    )


class DigestDiffers(CasetrailError):
    """The digest that you named is not the adjustment's."""

    explanation = (
        "An approval is bound to what was looked at: amount, lines, packet and policy. Read the "
        "adjustment again, and decide on its `digest`."
    )


class AdjustmentDrifted(CasetrailError):
    """What it was decided on has changed: it lapses."""

    explanation = (
        "`cause` says what changed: what is known of the order, or the policy. Look at the case as it "
        "is now, and propose it anew."
    )


class AdjustmentsOpen(CasetrailError):
    """Adjustments of the case are still to be decided on or carried out."""

    explanation = (
        "`adjustments` lists them. A case ends once what was proposed is paid, rejected, withdrawn "
        "or lapsed."
    )


class NoPaymentToRefund(CasetrailError):
    """It is not known which payment the money is to go back to."""

    explanation = (
        "Name the provider's id of the payment in `payment`; `payments` lists those that the order's "
        "signals tell of."
    )


class Refusal(CasetrailError):
    """A rule forbids it to this person: the attempt is recorded beside the case.

    Every refusal names its `rule`.
    """


class DutyConflict(Refusal):
    """The person has had another duty in this case."""

    explanation = (
        "One person has one duty in a case: to review, to approve, to execute or to reconcile; over "
        "its whole history, and through whatever account, agent or delegate. `act`, `version` and "
        "`at` name what made the other duty theirs. Somebody else has to do it; no setting and no "
        "role lifts this."
    )


class BeyondAuthority(Refusal):
    """The person's roles do not reach that far."""

    explanation = (
        "The approval matrix of the policy gives each role a limit, in its own currency, and may name "
        "the roles that can approve. `counted` is what is measured: the amount with all else that was "
        "given for the order, and to the customer. Somebody with a higher limit has to approve it."
    )


class AgentHoldsNoDuty(Refusal):
    """An agent never decides on money."""

    explanation = (
        "An agent may look, add and draft. The person it acts for has to decide, in person."
    )


class ApprovedAlready(Refusal):
    """The person has approved it already."""

    explanation = "Several people must approve it: each counts once, through whatever account."


class AmountNotAsOrdered(CasetrailError):
    """The provider gave another amount than was ordered."""

    explanation = (
        "It is not reconciled until people have settled the difference with the provider: see "
        "case.adjustment_amount_differs in the trail."
    )


class NoPaymentProvider(CasetrailError):
    """No payment provider is connected."""

    explanation = (
        "Nothing can be given back until whoever runs the service says where: CASETRAIL_PAYMENTS is "
        "`local:URL` for the provider of `casetrail provider`, or `stripe:` with the secret key in "
        "CASETRAIL_STRIPE_KEY."
    )


class OutcomeUnknown(CasetrailError):
    """The payment provider gave no answer that could be relied on."""

    explanation = (
        "It may or may not have done what it was asked. What became of a refund is asked by its key, "
        "and asked again with the same key it is made at most once."
    )


class RefundRefused(CasetrailError):
    """The payment provider refused the refund."""

    explanation = "No money went back. `code` and `detail` are the provider's reason."

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail, code=code)
        self.code = code


class RefundKeyReused(CasetrailError):
    """The payment provider knows this key for another refund."""

    explanation = (
        "A refund keeps its key and its content for life, so this is a fault of the service. Money "
        "may have gone back under the key: compare the provider's statement with the trail."
    )


class NotInScope(CasetrailError):
    """Your grants do not reach this far."""

    explanation = (
        "`permission` is what it needs here. You may see it, and your grants give the permission "
        "elsewhere: GET /v1/me lists them with their scopes."
    )


class AnotherPersonNeeded(CasetrailError):
    """Somebody else has to do this."""

    explanation = (
        "Nobody gives authority to themselves, nor opens or reviews their own break-glass: not under "
        "another name of theirs either, nor through an agent."
    )


class GrantNotFound(CasetrailError):
    """The person has no such grant."""

    explanation = "GET /v1/people/{name} lists the grants."


class GrantOver(CasetrailError):
    """The grant is over already."""

    explanation = "It was revoked, or its time has run out: there is nothing to take back."


class PersonGone(CasetrailError):
    """The person has left."""

    explanation = "Nothing can be given to somebody who has left: let the person return first."


class PersonPresent(CasetrailError):
    """The person has not left."""

    explanation = "Only somebody who has left can return."


class BreakGlassNotFound(CasetrailError):
    """There is no break-glass with this id."""

    explanation = "GET /v1/break-glass lists them."


class BreakGlassMoved(CasetrailError):
    """The break-glass is not, or no longer, at this point."""

    explanation = (
        "It is asked for, opened, closed and reviewed, in this order; `state` is where it stands."
    )


class BreakGlassReviewDue(CasetrailError):
    """A break-glass of yours has not been reviewed yet."""

    explanation = (
        "`due` lists them. Until somebody else has reviewed each, whoever asked for it or opened it "
        "can do neither again."
    )


class PrincipalNotLinked(CasetrailError):
    """The token is genuine, and whom it names is nobody here."""

    explanation = (
        "Whoever keeps the service links a subject to a person: "
        "`casetrail people link NAME --issuer … --subject …`."
    )


class ActorNotAllowed(CasetrailError):
    """Whoever acts here may not act for this person."""

    explanation = (
        "A person is acted for by an agent of their own (`casetrail people agent`), or by somebody "
        "to whom they have delegated, for as long as that lasts (`casetrail people delegate`)."
    )


class PrincipalTaken(CasetrailError):
    """This principal is somebody's already."""

    explanation = (
        "A subject stands for one person, an agent has one owner. Unlink or retire it there first."
    )


class PrincipalNotFound(CasetrailError):
    """There is no such principal."""

    explanation = (
        "`casetrail people tokens NAME` lists the keys, logins, agents and delegates of a person."
    )


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


class NotWitnessedYet(CasetrailError):
    """The log has not been witnessed as far as that."""

    explanation = (
        "Proofs are about the log as a checkpoint signed it. A worker makes one every few seconds "
        "while the log grows; GET /v1/audit/checkpoint tells how far the last one reaches."
    )
