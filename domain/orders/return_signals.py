"""Signals about returns."""

from domain.orders.signal_body import ReasonText, SignalBody
from domain.texts import Text


class ReturnRequested(SignalBody, frozen=True, kw_only=True, tag="return.requested"):
    rma: Text = ""
    reason: ReasonText = ""


class ReturnAuthorized(SignalBody, frozen=True, kw_only=True, tag="return.authorized"):
    rma: Text = ""


class ReturnRefused(SignalBody, frozen=True, kw_only=True, tag="return.refused"):
    """The return was refused, and the customer was informed."""

    rma: Text = ""
    reason: ReasonText = ""


class ReturnLabelCreated(SignalBody, frozen=True, kw_only=True, tag="return.label_created"):
    rma: Text = ""
    carrier: Text = ""
    tracking: Text = ""


class ReturnLabelFailed(SignalBody, frozen=True, kw_only=True, tag="return.label_failed"):
    rma: Text = ""
    reason: Text = ""


class ReturnReceived(SignalBody, frozen=True, kw_only=True, tag="return.received"):
    rma: Text = ""
