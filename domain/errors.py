"""Errors of the whole domain. An error's docstring is the title that an API client reads."""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar, Final, Self

from msgspec import Struct

KNOWN_ARE: Final = " Known are: "
"""Before a long list of allowed values, at the end of a detail."""


def without_known(detail: str) -> str:
    """A detail without the long list of allowed values at its end, for a summary beside the whole."""
    return detail.partition(KNOWN_ARE)[0]


class Fault(Struct, frozen=True):
    """One error in a document: where (JSON Pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class CasetrailError(Exception):
    """The request cannot be carried out."""

    explanation: ClassVar[str] = ""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts
        self.lacks: str | None = None
        """The permission that does not reach what was asked for, where the answer does not say so."""

    def out_of_scope(self, permission: str | None) -> Self:
        """This error, for something that exists out of the scope of the permission (None: that does not exist). It
        is recorded as refused, and the answer does not tell."""
        self.lacks = permission
        return self


class Invalid(CasetrailError):
    """The document is not valid."""

    explanation = "`errors` lists every error with a JSON Pointer to its place. Correct them and send the document again."

    def __init__(self, faults: Sequence[Fault], what: str = "the document") -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{what}: {first.pointer or '/'}: {without_known(first.detail)}{more}")
        self.faults = tuple(faults)


class SignalIdReused(CasetrailError):
    """This source has already used this signal id for a different statement."""

    explanation = (
        "A signal is identified by source, id and order, and recorded once. This one has other "
        "content than the recorded one: send a correction under a new id."
    )

    def __init__(
        self,
        detail: str,
        differing: Iterable[str] = (),
        newest: tuple[str, Collection[str]] | None = None,
    ) -> None:
        """`differing` are the fields of the signal that say something else. `newest` is the id of the newest
        statement that replaces the recorded one, with the fields that say something else than this."""
        super().__init__(detail)
        self.differing = frozenset(differing)
        self.newest = newest


class SourceReserved(CasetrailError):
    """This source name is reserved for the service."""

    explanation = (
        "Signals from the service's own look-ups have the source `casetrail`. Send the signal under "
        "the name of the system that reports it."
    )


class OrderNotFound(CasetrailError):
    """There is no order with this id."""

    explanation = "No signal has named this order yet."


class TrailHasGap(RuntimeError):
    """The trail is not numbered 1, 2, 3 … and cannot be trusted. The caller cannot cause this."""


class TooContended(CasetrailError):
    """Other requests kept changing the same streams; nothing was stored."""

    explanation = "Wait a moment and send it again with the same idempotency key or signal ids."


class ReceiptNotReady(CasetrailError):
    """The receipt of this event cannot be made yet."""

    explanation = (
        "A receipt needs a checkpoint that includes the event: signed by the log and, unless the request "
        "has `cosigned=false`, cosigned by the quorum of witnesses. Ask again after `Retry-After` seconds, "
        "or send `Prefer: wait=N`."
    )


class NotWitnessedYet(CasetrailError):
    """The log has not been witnessed up to this position."""

    explanation = (
        "A proof needs a signed checkpoint. A worker signs one every few seconds while the log "
        "grows; GET /v1/audit/checkpoint shows the position of the latest one."
    )
