"""Marks the evidence of a command that names nothing known, when it is cited."""

from collections.abc import Callable, Sequence

from msgspec import structs

from application.log.repository import Repository
from domain.adjustments.events import AdjustmentProposed
from domain.cases.events import CaseEvent, Resolved
from domain.cases.evidence import FILE_PREFIX, find_unknown_evidence, require_file_names
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_events import EvidenceAttached, HandedOff
from domain.orders.order import Order, order_stream

FileLookup = Callable[[str], bool]
"""Whether the evidence store has a file of this name."""


def assume_stored(ref: str) -> bool:
    """For replays, which have no evidence store."""
    return True


class CitedEvidence:
    def __init__(self, orders: Repository[Order], is_file_stored: FileLookup) -> None:
        self._orders = orders
        self._is_file_stored = is_file_stored

    def mark(self, case: ExceptionCase, events: Sequence[CaseEvent]) -> list[CaseEvent]:
        """The events, each with what it cites and is not known. Raises Invalid for a name that no file can
        have."""
        return [self._marked(case, event) for event in events]

    def _marked(self, case: ExceptionCase, event: CaseEvent) -> CaseEvent:
        match event:
            case Resolved(resolution=resolution):
                refs = resolution.cited
                for n, part in enumerate(resolution.parts or ()):
                    require_file_names(part.evidence, f"/parts/{n}/evidence/{{}}")
            case HandedOff(evidence=refs) | AdjustmentProposed(evidence=refs):
                pass
            case EvidenceAttached(evidence=piece):
                if not piece.ref.startswith(FILE_PREFIX):  # a file must be in the store
                    case = structs.replace(case, evidence=(*case.evidence, piece))
                refs = (piece.ref,)
            case _:
                return event
        require_file_names(refs, "/ref" if isinstance(event, EvidenceAttached) else "/evidence/{}")
        unknown = self._unknown(case, refs)
        return structs.replace(event, unknown_evidence=unknown) if unknown else event

    def _unknown(self, case: ExceptionCase, refs: Sequence[str]) -> tuple[str, ...]:
        """Without an order, only files can be looked up."""
        stream = order_stream(case.order)
        unknown: tuple[str, ...] = ()
        # The state in memory may be behind: look into the log before calling anything unknown.
        for load in (self._orders.cached, self._orders.refreshed):
            order = load([stream]).get(stream) if refs else None
            if order is None:
                refs = [ref for ref in refs if ref.startswith(FILE_PREFIX)]
            signals = order.signals if order is not None else ()
            unknown = find_unknown_evidence(refs, signals, case.held_evidence, self._is_file_stored)
            if not unknown:
                return ()
        return unknown
