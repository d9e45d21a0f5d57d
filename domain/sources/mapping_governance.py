"""How the mapping of a source changes: once it has taken deliveries, two people change it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from msgspec import Struct

from domain.errors import Fault, Invalid
from domain.people import Actor, Reason
from domain.sources.errors import (
    MappingActsNoLongerHold,
    MappingNeedsAnotherPerson,
    MappingProposalNotFound,
    SourceStateWrong,
)
from domain.sources.mapping_choice import MappingChoice
from domain.sources.names import SourceName
from domain.texts import form, one_line

Note = Annotated[str, one_line(500)]
LEAST_DIGITS: Final = 8
Digest = Annotated[
    str,
    form(
        f"[0-9a-f]{{{LEAST_DIGITS},64}}",
        f"the SHA-256 of the document, in hexadecimal, or its first {LEAST_DIGITS} digits or more",
    ),
]
SHOWN: Final = 12
"""Characters of a digest in a message."""


class SourceUsed(Struct, frozen=True, kw_only=True, tag="source.used"):
    """It has taken its first delivery: from here on, two people change its mapping."""

    name: SourceName


class SourceMappingProposed(Struct, frozen=True, kw_only=True, tag="source.mapping_proposed"):
    """The line's actor proposes that deliveries are read by this document."""

    name: SourceName
    mapping: MappingChoice
    base: str
    """The digest of the document that it is to replace."""
    reason: Reason


class SourceMappingApproved(Struct, frozen=True, kw_only=True, tag="source.mapping_approved"):
    """Deliveries are read by the proposed document from here on; or an operator's choice is confirmed."""

    name: SourceName
    digest: str
    note: Note = ""


class SourceMappingRejected(Struct, frozen=True, kw_only=True, tag="source.mapping_rejected"):
    """The proposed document will not be used."""

    name: SourceName
    digest: str
    reason: Reason


class SourceMappingWithdrawn(Struct, frozen=True, kw_only=True, tag="source.mapping_withdrawn"):
    """The proposer does not propose the document any more."""

    name: SourceName
    digest: str
    reason: Reason


MappingAct: TypeAlias = (
    SourceUsed
    | SourceMappingProposed
    | SourceMappingApproved
    | SourceMappingRejected
    | SourceMappingWithdrawn
)


class MappingProposal(Struct, frozen=True):
    """A document that waits for another person."""

    mapping: MappingChoice
    base: str
    reason: str
    by: Actor
    at: datetime
    version: int
    """Of the stream of sources, with the proposal."""


def whole_digest(given: str, candidates: Collection[str]) -> str:
    """The digest that begins as given; what is given, if none does. Raises Invalid if several do."""
    found = sorted({one for one in candidates if one.startswith(given)})
    if len(found) > 1:
        detail = f"{given} begins several: {', '.join(found)}. Give more digits"
        raise Invalid([Fault("/digest", detail)], "the decision")
    return found[0] if found else given


def require_person(by: Actor) -> None:
    """Raises MappingNeedsAnotherPerson for an agent, and for a part of the service."""
    if by.is_agent or not by.persons:
        who = f"{by.person}'s agent {by.via[-1]}" if by.is_agent else by.principal
        raise MappingNeedsAnotherPerson(f"only a person decides, and {who} is not a person")


def require_proposal(source: str, proposal: MappingProposal | None, digest: str) -> MappingProposal:
    """Raises MappingProposalNotFound."""
    if proposal is None:
        raise MappingProposalNotFound(f"no mapping of {source} waits for a decision")
    if proposal.mapping.digest != digest:
        waiting = proposal.mapping.digest
        raise MappingProposalNotFound(
            f"the mapping of {source} that waits for a decision is {waiting[:SHOWN]}, not {digest[:SHOWN]}",
            digest=waiting,
        )
    return proposal


def require_another_person(proposal: MappingProposal, names: Collection[str]) -> None:
    """`names` are all names of the person who decides. Raises MappingNeedsAnotherPerson."""
    if own := sorted({*proposal.by.persons} & {*names}):
        raise MappingNeedsAnotherPerson(
            f"{own[0]} proposed this mapping: another person must decide on it",
            proposers=sorted(proposal.by.persons),
        )


def require_proposer(proposal: MappingProposal, names: Collection[str]) -> None:
    """Raises MappingNeedsAnotherPerson."""
    if not {*proposal.by.persons} & {*names}:
        raise MappingNeedsAnotherPerson(
            f"{', '.join(sorted(proposal.by.persons))} proposed it: only the proposer can withdraw it; reject it instead",
            proposers=sorted(proposal.by.persons),
        )


def require_base(source: str, proposal: MappingProposal, in_use: MappingChoice) -> None:
    """Raises SourceStateWrong if another document was chosen since the proposal."""
    if proposal.base != in_use.digest:
        raise SourceStateWrong(
            f"the proposal was to replace {proposal.base[:SHOWN]}, but {source} is read by "
            f"{in_use.digest[:SHOWN]} now: reject it, and propose it again"
        )


def require_role_held(proposal: MappingProposal, name: str, held: bool) -> None:
    """Raises MappingActsNoLongerHold."""
    if not held:
        raise MappingActsNoLongerHold(
            f"{name} proposed it and had no valid role for that: reject it, and let another person propose it",
            persons=list(proposal.by.persons),
        )
