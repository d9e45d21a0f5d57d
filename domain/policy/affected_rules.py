"""Which rules can decide otherwise after a signal: those that read its type and a group that changed."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from domain.policy.detector import Detector
from domain.policy.expectations import Watch

MOST_KNOWN: Final = 10_000
"""How many pairs of signal types and changed groups are remembered; a shop's orders have some hundreds."""


class Affected(Struct, frozen=True):
    detectors: Sequence[Detector]
    watches: Sequence[int]
    """Their indexes in the rulebook."""


class AffectedRules:
    def __init__(self, detectors: Sequence[Detector], watches: Sequence[Watch]) -> None:
        self._detectors = detectors
        self._watches = watches
        self._known: dict[tuple[frozenset[str], frozenset[str]], Affected] = {}

    def by(self, types: frozenset[str], changed: frozenset[str]) -> Affected:
        """The rules that read one of these signal types, and a fact of a group that changed."""
        found = self._known.get((types, changed))
        if found is None:

            def is_affected(rule: Detector | Watch) -> bool:
                return bool(types & rule.feeds) and not changed.isdisjoint(rule.groups)

            found = Affected(
                [one for one in self._detectors if is_affected(one)],
                [n for n, one in enumerate(self._watches) if is_affected(one)],
            )
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[types, changed] = found
        return found
