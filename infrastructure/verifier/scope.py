"""Checks that events belong to the manifest's question, by the first fields of each envelope."""

import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final, TypeAlias

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


HeadCheck: TypeAlias = Callable[[re.Match[bytes] | None], bool]


class HeadScope:
    """Checks each event of a bundle by the first fields of its envelope."""

    def __init__(self, belongs: HeadCheck, detail: str) -> None:
        self.faults: list[Fault] = []
        self._belongs, self._detail = belongs, detail

    def add(self, position: int, envelope: bytes) -> None:
        if not self._belongs(_ENVELOPE_HEAD.match(envelope)):
            self.faults.append(Fault("question", EVENTS_FILE, self._detail, None, position))


def scope_of(question: Mapping[str, Any]) -> HeadScope | None:
    match question["ask"]:
        case "case":
            belongs = _is_next_of(question["case"])
            return HeadScope(belongs, "it is not the next event of the case")
        case "period":
            belongs = _is_recorded_within(question["from"], question["to"])
            return HeadScope(belongs, "it was not recorded in the period")
        case _:
            return None


def _is_next_of(case: str) -> HeadCheck:
    """Versions count from 1, so a gap before the last event of the case shows."""
    versions, stream = count(1), case.encode()

    def belongs(head: re.Match[bytes] | None) -> bool:
        version = next(versions)
        return head is not None and head[1] == stream and int(head[2]) == version

    return belongs


def _is_recorded_within(start: str, end: str) -> HeadCheck:
    from_, to = comparable_time(start), comparable_time(end)
    # The second alone decides for most events, which is faster.
    first, last = start[:_SECONDS].encode(), end[:_SECONDS].encode()

    def belongs(head: re.Match[bytes] | None) -> bool:
        return head is not None and (
            first < head[3][:_SECONDS] < last or from_ <= comparable_time(head[3].decode()) < to
        )

    return belongs


class PopulationScope:
    def __init__(self, count: PopulationCount) -> None:
        self.count = count
        self.add = count.add

    @property
    def faults(self) -> list[Fault]:
        detail = "its content or its proposal cannot be read"
        return [Fault("answer", EVENTS_FILE, detail, None, p) for p in self.count.unknown]
