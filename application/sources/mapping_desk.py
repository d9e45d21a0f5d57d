"""Commands on the mapping of a source: once it has taken deliveries, one person proposes and another approves."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.streams import PERSON
from application.policy.policy_persons import PolicyPersons
from application.sources.delivery_events import unpack
from application.sources.ports import Mappings, ReadDelivery
from application.sources.source_desk import SourceDesk
from domain.orders.signal_body import given
from domain.people import person_stream
from domain.permissions import Permission
from domain.sources import mapping_governance as governance
from domain.sources import source as model
from domain.sources.deliveries import KeptDelivery, NotUnderstoodWhy
from domain.sources.errors import SourceStateWrong
from domain.sources.mapping_choice import MappingChoice
from domain.sources.source import SOURCES_STREAM, Source, SourceReply

MOST_EXAMPLES: Final = 3
"""Of each kind of difference."""
MOST_SHOWN: Final = 20
"""Signals, and reasons, of one example."""
_NEEDS: Final = Permission.MANAGE_SOURCES
_NAMES_A_MAPPING: Final = (
    model.SourceAdded,
    model.SourceMappingChosen,
    governance.SourceMappingProposed,
)


class Difference(StrEnum):
    """What another document would make of a delivery."""

    SAME = "same"
    CHANGED = "changed"
    """Other signals, or other reasons."""
    NEWLY_UNDERSTOOD = "newly_understood"
    NO_LONGER_UNDERSTOOD = "no_longer_understood"


class Reading(Struct, frozen=True):
    """What a document makes of a delivery, without anything that was in it."""

    topic: str | None
    signals: Sequence[str]
    """The types of the signals."""
    reasons: Sequence[str]
    """Why a part became no signal: the reason, and the JSON Pointer of the field where there is one."""


class DifferenceExample(Struct, frozen=True):
    delivery: UUID
    difference: Difference
    before: Reading
    after: Reading


class MappingSimulation(Struct, frozen=True):
    """What a document would make of kept deliveries, compared with the one in use. Nothing is recorded."""

    looked_at: int
    same: int
    changed: int
    newly_understood: int
    no_longer_understood: int
    not_readable: int
    """Deliveries that were erased, and rows that no document can read."""
    examples: Sequence[DifferenceExample]


class MappingDesk:
    def __init__(
        self,
        log: EventLog,
        sources: SourceDesk,
        mappings: Mappings,
        persons: PolicyPersons,
        teams: Callable[[], Collection[str]],
    ) -> None:
        self._log = log
        self._sources = sources
        self._mappings = mappings
        self._persons = persons
        self._teams = teams

    def choose(self, name: str, ask: model.ChooseMapping, by: Caller) -> SourceReply:
        """Use another document, or propose it if the source has taken deliveries. The operator of the command line
        always uses it at once; then a person has to confirm it.

        Raises SourceNotFound, Invalid, SourceStateWrong.
        """
        mapping = self._mappings.choose(given(ask.mapping), given(ask.document))
        is_proposed = bool(by.actor.persons)

        def decide(source: Source) -> model.SourceChange:
            if source.mapping.digest == mapping.digest:
                raise SourceStateWrong(
                    f"{name} is read by this document already ({mapping.digest[: governance.SHOWN]})"
                )
            if not (source.is_used and is_proposed):
                return model.SourceMappingChosen(name=name, mapping=mapping, reason=ask.reason)
            if source.proposal is not None:
                raise SourceStateWrong(
                    f"the mapping {source.proposal.mapping.digest[: governance.SHOWN]} of {name} waits for a decision: "
                    "let it be approved, rejected or withdrawn first"
                )
            return governance.SourceMappingProposed(
                name=name, mapping=mapping, base=source.mapping.digest, reason=ask.reason
            )

        return self._sources.change(name, decide, by)

    def approve(self, name: str, ask: model.ApproveMapping, by: Caller) -> SourceReply:
        """Use the proposed document, or confirm what the operator chose. All is checked again by what the log has
        now: who proposed it, under any name, whether their role was valid, and the document itself.

        Raises SourceNotFound, MappingProposalNotFound, MappingNeedsAnotherPerson, MappingActsNoLongerHold,
        SourceStateWrong, NotInScope, Invalid.
        """

        def decide(source: Source) -> model.SourceChange:
            # All of it is read at each attempt: the people may have changed since the one before.
            self._require_decider(by)
            names = self._persons.names_behind(by)
            unconfirmed = () if source.is_confirmed else (source.mapping.digest,)
            digest = self._whole_digest(name, ask.digest)
            approved = governance.SourceMappingApproved(name=name, digest=digest, note=ask.note)
            if digest in unconfirmed:
                if source.proposal is not None and source.proposal.mapping.digest == digest:
                    governance.require_another_person(source.proposal, names)
                return approved
            proposal = governance.require_proposal(name, source.proposal, digest)
            governance.require_another_person(proposal, names)
            governance.require_base(name, proposal, source.mapping)
            if source.owner not in self._teams():
                raise SourceStateWrong(f"no queue has the team {source.owner}, which owns {name}")
            self._mappings.choose(None, proposal.mapping.document)
            for person in proposal.by.persons[:1]:
                governance.require_role_held(proposal, person, self._held_role(proposal, person))
            return approved

        return self._sources.change(name, decide, by, lambda source: self._guards(source, by))

    def reject(self, name: str, ask: model.DropMapping, by: Caller) -> SourceReply:
        """Raises SourceNotFound, MappingProposalNotFound, MappingNeedsAnotherPerson, NotInScope."""
        self._require_decider(by)

        def decide(source: Source) -> model.SourceChange:
            digest = self._whole_digest(name, ask.digest)
            governance.require_proposal(name, source.proposal, digest)
            return governance.SourceMappingRejected(name=name, digest=digest, reason=ask.reason)

        return self._sources.change(name, decide, by)

    def withdraw(self, name: str, ask: model.DropMapping, by: Caller) -> SourceReply:
        """By the proposer. Raises SourceNotFound, MappingProposalNotFound, MappingNeedsAnotherPerson."""
        names = self._persons.names_behind(by)

        def decide(source: Source) -> model.SourceChange:
            digest = self._whole_digest(name, ask.digest)
            proposal = governance.require_proposal(name, source.proposal, digest)
            governance.require_proposer(proposal, names)
            return governance.SourceMappingWithdrawn(name=name, digest=digest, reason=ask.reason)

        return self._sources.change(name, decide, by)

    def simulate(
        self, source: Source, mapping: MappingChoice, kept: Mapping[UUID, KeptDelivery]
    ) -> MappingSimulation:
        """Read kept deliveries of a source by its mapping and by another one, and compare."""
        counts: Counter[Difference | None] = Counter()
        examples = []
        for delivery, one in kept.items():
            raw = unpack(one)
            if raw is None or (raw.place is not None and raw.place.fault):
                counts[None] += 1
                continue
            before, after = (
                self._mappings.read(document, raw, source.name, source.shop)
                for document in (source.mapping, mapping)
            )
            kind = _difference(before, after)
            counts[kind] += 1
            if kind is not Difference.SAME and counts[kind] <= MOST_EXAMPLES:
                examples.append(DifferenceExample(delivery, kind, _shown(before), _shown(after)))
        differences = {one.value: counts[one] for one in Difference}
        return MappingSimulation(
            looked_at=len(kept), not_readable=counts[None], examples=examples, **differences
        )

    def read_document(self, ask: model.ChooseMapping) -> MappingChoice:
        """The document that a command names. Raises Invalid."""
        return self._mappings.choose(given(ask.mapping), given(ask.document))

    def _whole_digest(self, name: str, given: str) -> str:
        """The digest that begins as given, of all documents that were ever chosen or proposed for the source: a
        proposer could make another document with the same beginning as one that the approver has seen. Raises
        Invalid."""
        events = [line.event for line in self._log.trail(SOURCES_STREAM)]
        named = [one for one in events if isinstance(one, _NAMES_A_MAPPING) and one.name == name]
        return governance.whole_digest(given, {one.mapping.digest for one in named})

    def _require_decider(self, by: Caller) -> None:
        governance.require_person(by.actor)
        self._persons.require_permission(by, _NEEDS)

    def _held_role(self, proposal: governance.MappingProposal, person: str) -> bool:
        people = self._persons.people
        if not people.known_as([person]):
            return True  # a name that the log does not have is no person's: nobody can act by it
        lines = self._log.tails({SOURCES_STREAM: proposal.version - 1})[SOURCES_STREAM]
        authority = people.authority_at(person, lines[0].position, proposal.at)
        return _NEEDS in authority.everywhere

    def _guards(self, source: Source, by: Caller) -> list[Write]:
        """Let the append fail if one of the people has changed since they were read."""
        proposers = source.proposal.by.persons if source.proposal is not None else ()
        people = self._persons.people.deciding_names({*by.names, *proposers})
        return [by.write(person_stream(one.name), PERSON, one.version, ()) for one in people]


def _difference(before: ReadDelivery, after: ReadDelivery) -> Difference:
    if before.reasons and not after.reasons:
        return Difference.NEWLY_UNDERSTOOD
    if after.reasons and not before.reasons:
        return Difference.NO_LONGER_UNDERSTOOD
    is_same = [*before.signals] == [*after.signals] and [*before.reasons] == [*after.reasons]
    return Difference.SAME if is_same else Difference.CHANGED


def _shown(read: ReadDelivery) -> Reading:
    types = [str(one.__struct_config__.tag) for one in read.signals]
    reasons = [_in_words(one.why, one.pointer) for one in read.reasons]
    return Reading(read.topic, types[:MOST_SHOWN], reasons[:MOST_SHOWN])


def _in_words(why: NotUnderstoodWhy, pointer: str) -> str:
    return f"{why} at {pointer}" if pointer else str(why)
