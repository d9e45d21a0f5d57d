"""Signals about the screening of an order: for fraud, and for a deliverable address."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from domain.orders import signal_body as body
from domain.texts import Text


class FraudVerdict(StrEnum):
    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


class FraudScreened(body.SignalBody, frozen=True, kw_only=True, tag="fraud.screened"):
    verdict: FraudVerdict
    score: Annotated[int, Meta(ge=0, le=1000)] | None = None


class FraudDecision(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"


class FraudDecided(body.SignalBody, frozen=True, kw_only=True, tag="fraud.decided"):
    """The fraud review has decided on the order."""

    decision: FraudDecision
    reason: body.ReasonText = ""


class AddressVerdict(StrEnum):
    VALID = "valid"
    CORRECTED = "corrected"
    INVALID = "invalid"
    INCOMPLETE = "incomplete"
    UNDELIVERABLE = "undeliverable"


class AddressChecked(body.SignalBody, frozen=True, kw_only=True, tag="address.checked"):
    verdict: AddressVerdict
    detail: Text = ""
