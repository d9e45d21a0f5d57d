"""What can stand against giving something to a customer."""

from __future__ import annotations

from domain.errors import CasetrailError


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


class StatementNotWhole(CasetrailError):
    """The statement is not whole."""

    explanation = (
        "It is read in the format of `GET /statement` of the local provider (docs/payments.md): numbered "
        "lines with running totals, and a last line that counts them. What does not add up is not "
        "compared."
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
