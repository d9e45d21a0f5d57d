"""Reperformance of decisions about no order: each must rest on the facts that its packet recorded."""

from collections.abc import Iterator, Sequence

from domain.cases import events
from domain.cases.citations import decisions_of
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import PacketFact
from domain.cases.reperformance import (
    NOTHING,
    DecisionBasis,
    DecisionDifference,
    compare_case_decision,
)


def compare_subject_decision(
    event: events.CaseEvent, case: ExceptionCase, packet: Sequence[PacketFact], on: DecisionBasis
) -> Iterator[DecisionDifference]:
    """Compare what a decision read with the packet at its moment; repeat a routing.

    The figures themselves are counts of deliveries, or what a mapping document read: they are not counted again.
    Raises TypeError for an event that policy does not decide.
    """
    match event:
        case events.Detected() | events.SignalJoined() | events.Resolved():
            known = {one.fact: one.value for one in packet}
            for decision in decisions_of(event):
                for verdict in decision.verdicts:
                    if verdict.fact not in known or known[verdict.fact] != verdict.read:
                        recorded = f"{verdict.fact} was {verdict.read}"
                        found = known.get(verdict.fact, NOTHING)
                        yield DecisionDifference("decision", recorded, f"the packet has {found}")
        case _:
            yield from compare_case_decision(event, case, on)
