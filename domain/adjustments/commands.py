"""What people ask of adjustments, as it is decoded from a request."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.adjustments.events import (
    AdjustedLine,
    AdjustmentNote,
    Digest,
    PaymentId,
    Reference,
    SaidReason,
)
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.evidence import EvidenceRef
from domain.cases.work_commands import Ask
from domain.money import PositiveMoney


class ProposeAdjustment(Ask, frozen=True, kw_only=True):
    kind: AdjustmentKind
    amount: PositiveMoney
    reason: AdjustmentReason
    lines: Annotated[tuple[AdjustedLine, ...], Meta(max_length=1000)] = ()
    """Which lines of the order it is about; if told, their amounts make up the whole."""
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(max_length=50)] = ()
    payment: PaymentId | None = None
    """To which payment the money goes back; left out, the order's own, where it has one."""
    note: AdjustmentNote = ""


class ApproveAdjustment(Ask, frozen=True, kw_only=True):
    digest: Digest
    """Of what you looked at: the adjustment's `digest`."""
    note: AdjustmentNote = ""


class RejectAdjustment(Ask, frozen=True, kw_only=True):
    digest: Digest
    reason: SaidReason


class WithdrawAdjustment(Ask, frozen=True, kw_only=True):
    reason: SaidReason


class ExecuteAdjustment(Ask, frozen=True, kw_only=True):
    digest: Digest
    reference: Reference | None = None
    """What the system that carried it out calls it; only for what no payment provider does."""
