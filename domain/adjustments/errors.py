"""Errors and refusals about adjustments, payments and statements."""

from domain.errors import CasetrailError


class AdjustmentNotFound(CasetrailError):
    """The case has no adjustment with this id."""

    explanation = "The case lists its adjustments, each with its `id`."


class NothingMayBeGiven(CasetrailError):
    """The active policy has no approval matrix."""

    explanation = "Adjustments need a policy with `approvals`, which says who must approve what. Activate one first."


class MoreThanPaid(CasetrailError):
    """The adjustment would refund more than was captured."""

    explanation = (
        "`captured` is the amount captured, `given_back` what was refunded of it by any system, `disputed` "
        "what disputes hold, `reserved` the refunds that were requested and our adjustments that are not "
        "paid yet; `counted` is the sum of the last three, `left` the rest. A refund, a price adjustment "
        "or an appeasement goes back to the payment. Propose at most what is left, or withdraw another "
        "adjustment of the order first."
    )


class MoreThanLine(CasetrailError):
    """The adjustment would give more pieces or value than a line has left."""

    explanation = (
        "Every piece of a line is given once: refunded, credited, shipped again or written off, here or "
        "by another system. `pieces` and `value` are those of the line, `given_pieces` and `given` what "
        "was given of it or is reserved, `left` the value that is left. `unpaid` is the value of pieces that "
        "were cancelled, edited out or are unavailable, as far as it was never taken or is given back: for "
        "them, a refund gives at most what is overpaid on the order. Name fewer pieces or a smaller "
        "amount; give goodwill beyond the value as an appeasement, without lines."
    )


class MoreThanCharge(CasetrailError):
    """The adjustment would give more than is left of a charge."""

    explanation = (
        "`value` is what the charge costs, `given` what was given of it or is reserved, `left` the rest. "
        "Name a smaller amount, or give goodwill as an appeasement, without charges."
    )


class MoreThanOrder(CasetrailError):
    """More would be given for the order than it is worth."""

    explanation = (
        "`value` is what was charged for the order, or what was captured if that is more. `given` is everything that "
        "was given or is reserved for it in all of its cases, and `given_by` says by what: refunds, store "
        "credit, replacements and write-offs at their amount, refunds that other systems made or requested, "
        "and disputes. `goodwill` is what the policy's `approvals.goodwill` allows beyond the value, `left` "
        "the rest. Propose at most that, or withdraw another adjustment of the order first."
    )


class AdjustmentNotPending(CasetrailError):
    """The adjustment's state does not allow this."""

    explanation = (
        "`state` is its current state. A proposed adjustment can be approved, an approved one executed, "
        "an executed one reconciled. It can be rejected or withdrawn until its execution starts."
    )


class DigestDiffers(CasetrailError):
    """The digest that you named is not the adjustment's."""

    explanation = (
        "A decision is bound to the amount, lines, packet and policy that you read. Read the adjustment "
        "again and send its current `digest`."
    )


class AdjustmentDrifted(CasetrailError):
    """The order's facts or the policy changed, so the adjustment lapses."""

    explanation = (
        "`cause` says what changed: `facts` (those that were read for the proposal; `was` and `now` name "
        "them), `packet` (any fact of the order, for proposals of earlier versions) or `policy`. Read the "
        "case again and propose a new adjustment."
    )


class AdjustmentsOpen(CasetrailError):
    """The case has adjustments that are not finished."""

    explanation = "`adjustments` lists them. Resolve the case once each is paid, rejected, withdrawn or lapsed."


class NoPaymentToRefund(CasetrailError):
    """The payment to refund is not clear."""

    explanation = (
        "Give the provider's payment id in `payment`: `payments` lists the captured payments that the "
        "order's signals name, and `left` what is left of each. If it lists none, no `payment.captured` was "
        "recorded: send it first if the customer has paid."
    )


class Refusal(CasetrailError):
    """A rule forbids it to this person; the attempt is recorded with the case.

    Every refusal names its `rule`.
    """


class DutyConflict(Refusal):
    """The person already has another duty in this case or its order."""

    explanation = (
        "One person has one duty over an order and all of its cases: review, approve, execute or reconcile. "
        "This covers the whole history and all of the person's accounts, agents and delegates. `act`, "
        "`version` and `at` name the first act of the other duty; if it was in another case of the order, "
        "`other_case` and `other_version` name that. Another person has to do this; no setting and no role "
        "lifts the rule."
    )


class BeyondAuthority(Refusal):
    """The person's roles may not approve this amount."""

    explanation = (
        "The policy's approval matrix gives each role a limit and may name the roles that can approve. "
        "`counted` is the amount that is compared with the limit: this adjustment with all others for "
        "the order or the customer. Ask a person with a higher limit to approve it."
    )


class AgentHoldsNoDuty(Refusal):
    """An agent may not decide on money."""

    explanation = "An agent may read, add and draft. A person has to decide, in person."


class ApprovedAlready(Refusal):
    """The person has already approved it."""

    explanation = (
        "Several people must approve it, and each counts once, with all of their accounts. Ask another "
        "approver."
    )


class ApprovalsNoLongerHold(Refusal):
    """The proposal or an approval of this adjustment is not valid any more."""

    explanation = (
        "Before a payment is ordered, its proposal and approvals are checked again: their people and the "
        "executor are different humans by all names known now, none has another duty in the order, and each "
        "had a valid grant when they acted. `rule` says what is not so, `persons`, `at` and `version` name "
        "the act. It will never hold again: reject or withdraw the adjustment, and let people without "
        "another part in the order propose and approve a new one."
    )


class BreakGlassOfTheInvolved(Refusal):
    """A person with a part in the case has a part in its break-glass."""

    explanation = (
        "Nobody who has a duty in a case of an order asks for, opens or reviews a break-glass for one of its "
        "cases, and who opened one takes no duty in an order where it was used. All names of a person count. Let people without a part in the case do it."
    )


class AmountNotAsOrdered(CasetrailError):
    """The provider paid another amount than was ordered."""

    explanation = (
        "It cannot be reconciled: settle the difference with the provider. The trail shows both amounts "
        "in case.adjustment_amount_differs."
    )


class StatementNotWhole(CasetrailError):
    """The statement is incomplete or does not add up."""

    explanation = (
        "Send a complete statement in the format of the local provider's `GET /statement` "
        "(docs/payments.md): numbered lines with running totals, and a last line that counts them."
    )


class NoPaymentProvider(CasetrailError):
    """No payment provider is connected."""

    explanation = (
        "Refunds need a provider. Set CASETRAIL_PAYMENTS to `local:URL` for the provider of `casetrail "
        "provider`, or to `stripe:` with the secret key in CASETRAIL_STRIPE_KEY."
    )


class OutcomeUnknown(CasetrailError):
    """The payment provider gave no reliable answer."""

    explanation = (
        "The refund may or may not have been made. The service asks the provider again by the refund's "
        "key; with the same key the provider makes it at most once."
    )


class RefundRefused(CasetrailError):
    """The payment provider refused the refund."""

    explanation = "Nothing was refunded. `code` and `detail` are the provider's reason."

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail, code=code)
        self.code = code


class RefundKeyReused(CasetrailError):
    """The payment provider has used this key for another refund."""

    explanation = (
        "A refund's key and content never change, so this is an error of the service. Money may have "
        "been refunded under the key: compare the provider's statement with the trail."
    )
