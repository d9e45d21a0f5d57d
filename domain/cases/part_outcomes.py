"""The outcomes that a resolution gives to parts of its case."""

from collections.abc import Collection, Mapping

from domain.cases.decisions import require_evidence
from domain.cases.events import Resolution
from domain.cases.evidence import EvidenceType
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening_by_hand import find_part_faults
from domain.cases.reasons import ResolutionReason
from domain.errors import Invalid


def require_part_outcomes(
    case: ExceptionCase,
    resolution: Resolution,
    requires: Mapping[ResolutionReason, Collection[EvidenceType]],
) -> None:
    """Raises Invalid for a part that the case does not have or that is named twice, EvidenceMissing."""
    outcomes = resolution.parts or ()
    known = [part for part in case.parts if part]
    named = [outcome.part for outcome in outcomes]
    if faults := find_part_faults(named, known, "/parts/{}/part", "the case"):
        raise Invalid(faults, "the resolution")
    for outcome in outcomes:
        what = f"to resolve {outcome.part} of case {case.id} as {outcome.reason}"
        cited = (*resolution.evidence, *outcome.evidence)
        require_evidence(case, requires.get(outcome.reason, ()), what, cited)
