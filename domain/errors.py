"""Why something can be turned away. An error's docstring is the title that an API client reads."""

from collections.abc import Sequence
from typing import ClassVar

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


class TrailHasGap(RuntimeError):
    """The trail is not numbered 1, 2, 3 … and cannot be trusted. Never the caller's fault."""


class TooContended(CasetrailError):
    """Others kept changing the same streams; nothing was stored."""

    explanation = "Send it again, with the same idempotency key or signal ids, after a moment."


class NotWitnessedYet(CasetrailError):
    """The log has not been witnessed as far as that."""

    explanation = (
        "Proofs are about the log as a checkpoint signed it. A worker makes one every few seconds "
        "while the log grows; GET /v1/audit/checkpoint tells how far the last one reaches."
    )
