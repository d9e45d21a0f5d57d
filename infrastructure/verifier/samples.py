"""Draws a reproducible stratified sample: it depends only on a seed and a population.

Within a stratum, members are ordered by SHA-256(seed ‖ 0x00 ‖ leaf). Nobody can choose the members if the
seed becomes known only after the log was signed. The size of each stratum's share is proportional to the
stratum (largest remainder method).
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from infrastructure.verifier.bundle_format import EVENTS_FILE, BundleBroken, Fault
from infrastructure.verifier.population import PROPOSED_TYPE, PopulationCount, Question

STRATA: Final = ("kind", "queue", "currency", "person", "month")
ROUTED_TYPE: Final = "case.routed"
HANDED_OFF_TYPE: Final = "case.handed_off"


class PopulationMember(NamedTuple):
    """An event of the population; `stratum` has a value for each name of a stratification."""

    position: int
    leaf: bytes
    stratum: tuple[str, ...]
    stream: str
    version: int
    type: str
    recorded_at: str


class StratumCount(NamedTuple):
    stratum: tuple[str, ...]
    population: int
    drawn: int


class DrawnSample(NamedTuple):
    population: int
    parts: Sequence[StratumCount]
    members: Sequence[PopulationMember]


class MemberCollector:
    """Collects the population from events in order of position."""

    def __init__(self, question: Question, strata: Sequence[str]) -> None:
        self.found: list[PopulationMember] = []
        self._strata = strata
        self._count = PopulationCount(question)
        self._type = question["type"]
        self._queues: dict[str, str] = {}
        self._proposals: dict[tuple[str, str], dict[str, Any]] = {}
        wanted = [*member_event_types(question["type"], strata)]
        self._marks = tuple(f'"{one}"'.encode() for one in wanted)

    def add(self, position: int, envelope: bytes) -> None:
        if not any(mark in envelope for mark in self._marks):
            return
        before = len(self._count.positions)
        self._count.add(position, envelope)
        line = json.loads(envelope)
        event, stream = line["event"], line["stream"]
        if event["type"] in (ROUTED_TYPE, HANDED_OFF_TYPE):
            self._queues[stream] = event.get("queue") or event.get("to_queue")
        named = (stream, event.get("adjustment", ""))
        if event["type"] == PROPOSED_TYPE:
            self._proposals[named] = {name: event.get(name) for name in ("kind", "amount")}
        if len(self._count.positions) == before:
            return
        joined = {**self._proposals.get(named, {}), **event}
        leaf = sha256(b"\x00" + envelope).digest()
        stratum = tuple(self._value(name, line, joined) for name in self._strata)
        facts = (line["version"], event["type"], line["recorded_at"])
        self.found.append(PopulationMember(position, leaf, stratum, stream, *facts))

    def _value(self, name: str, line: dict[str, Any], event: dict[str, Any]) -> str:
        match name:
            case "kind":
                return str(event.get("kind") or "")
            case "queue":
                return self._queues.get(line["stream"]) or ""
            case "currency":
                money = event.get("amount")
                return str(money["currency"]) if isinstance(money, dict) else ""
            case "person":
                return str(line["actor"].get("person") or "")
            case _:
                return str(line["recorded_at"][:7])


def member_event_types(asked: str, strata: Sequence[str]) -> Iterator[str]:
    """The types of the events from which members and their strata are read."""
    yield asked
    yield PROPOSED_TYPE
    if "queue" in strata:
        yield from (ROUTED_TYPE, HANDED_OFF_TYPE)


def draw_sample(members: Sequence[PopulationMember], size: int, seed: str) -> DrawnSample:
    """Draw `size` members, or all if there are fewer."""
    counts = Counter(member.stratum for member in members)
    share = allocate_shares(counts, size)
    ranked: dict[tuple[str, ...], list[tuple[bytes, PopulationMember]]] = {}
    for member in members:
        rank = sha256(seed.encode() + b"\x00" + member.leaf).digest()
        ranked.setdefault(member.stratum, []).append((rank, member))
    picked = [
        member
        for stratum, some in ranked.items()
        for _, member in sorted(some, key=lambda pair: pair[0])[: share[stratum]]
    ]
    parts = [StratumCount(stratum, counts[stratum], share[stratum]) for stratum in sorted(counts)]
    return DrawnSample(len(members), parts, sorted(picked, key=lambda member: member.position))


def allocate_shares(counts: Counter[tuple[str, ...]], size: int) -> dict[tuple[str, ...], int]:
    """How many members to draw of each stratum: proportional, the rest to the largest remainders, and
    among equal remainders to the first by name."""
    whole = counts.total()
    if size >= whole:
        return dict(counts)
    share = {stratum: size * many // whole for stratum, many in counts.items()}
    left = size - sum(share.values())
    by_remainder = sorted(counts, key=lambda name: (-(size * counts[name] % whole), name))
    for stratum in by_remainder[:left]:
        share[stratum] += 1
    return share


def read_members(
    bundle: Path, question: Question, strata: Sequence[str], since: int
) -> list[PopulationMember]:
    """The population of a verified bundle. Raises BundleBroken for an event that cannot be read: a
    valid signature does not make an event valid."""
    members = MemberCollector(question, strata)
    with open(bundle / EVENTS_FILE, "rb") as lines:
        for line in lines:
            head, _, rest = line.partition(b',"envelope":')
            position = int(head.removeprefix(b'{"position":'))
            try:
                members.add(position, rest.removesuffix(b"}\n"))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                detail = f"no sample was drawn: the event at position {position} cannot be read"
                raise BundleBroken(
                    Fault("answer", EVENTS_FILE, detail, position=position)
                ) from None
    return [member for member in members.found if member.position > since]
