"""Checks that events belong to the manifest's question, by the first fields of each envelope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from infrastructure.verifier.bundle_format import EVENTS_FILE, Fault
from infrastructure.verifier.population import TIME_PATTERN, PopulationCount, comparable_time

_ENVELOPE_HEAD = re.compile(
    rb'\{"stream":"([0-9a-f-]{36})","version":([1-9][0-9]{0,15}),"recorded_at":"(%b)",'
    % TIME_PATTERN.encode()
)
_SECONDS: Final = len("2026-10-01T00:00:00")
PROVES: Final = {
    "everything": "these are all events of the log, up to its size",
    "case": "these are the first events of the case; later ones may have been left out",
    "period": "these events were recorded in the period; others of it may have been left out",
    "population": "of the events after `since`, these are all that were asked for",
}
"""What a verified bundle proves. Only `everything` and `population` prove that nothing was left out."""


class BundleScope(Protocol):
    """Checks each event of a bundle against the question."""

    def add(self, position: int, envelope: bytes) -> None: ...

    @property
    def faults(self) -> list[Fault]: ...


def scope_of(question: Mapping[str, Any]) -> BundleScope | None:
    match question["ask"]:
        case "case":
            return CaseScope(question["case"])
        case "period":
            return PeriodScope(question["from"], question["to"])
        case _:
            return None


class CaseScope:
    """The events of one case. Versions count from 1, so a gap before the last event shows."""

    def __init__(self, case: str) -> None:
        self._case = case.encode()
        self._version = 0
        self._strays: list[int] = []

    def add(self, position: int, envelope: bytes) -> None:
        self._version += 1
        head = _ENVELOPE_HEAD.match(envelope)
        if head is None or head[1] != self._case or int(head[2]) != self._version:
            self._strays.append(position)

    @property
    def faults(self) -> list[Fault]:
        return _faults_at(self._strays, "it is not the next event of the case")


class PeriodScope:
    def __init__(self, start: str, end: str) -> None:
        self._start, self._end = comparable_time(start), comparable_time(end)
        # The second alone decides for most events, which is faster.
        self._first, self._last = start[:_SECONDS].encode(), end[:_SECONDS].encode()
        self._strays: list[int] = []

    def add(self, position: int, envelope: bytes) -> None:
        head = _ENVELOPE_HEAD.match(envelope)
        if head is None or not (
            self._first < head[3][:_SECONDS] < self._last
            or self._start <= comparable_time(head[3].decode()) < self._end
        ):
            self._strays.append(position)

    @property
    def faults(self) -> list[Fault]:
        return _faults_at(self._strays, "it was not recorded in the period")


class PopulationScope:
    def __init__(self, count: PopulationCount) -> None:
        self.count = count
        self.add = count.add

    @property
    def faults(self) -> list[Fault]:
        detail = "its content or its proposal cannot be read"
        return [Fault("answer", EVENTS_FILE, detail, None, p) for p in self.count.unknown]


def _faults_at(positions: list[int], detail: str) -> list[Fault]:
    return [Fault("question", EVENTS_FILE, detail, None, position) for position in positions]
