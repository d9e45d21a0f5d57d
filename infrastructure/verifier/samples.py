"""A sample that anybody draws again: from a seed and a population alone, in the log or in a bundle.

Within a stratum, members come in the order of SHA-256(seed ‖ 0x00 ‖ leaf): nobody can choose which, who
learns the seed only after the log was signed. How many of each stratum follows from their sizes (the
largest remainders make up what is left over).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from infrastructure.verifier.files import EVENTS, Broken, Fault
from infrastructure.verifier.population import PROPOSED, Count, Question

STRATA: Final = ("kind", "queue", "currency", "person", "month")
ROUTED: Final = "case.routed"
HANDED_OFF: Final = "case.handed_off"


class Member(NamedTuple):
    """An event of the population; `stratum` has a value for each name that it is parted by."""

    position: int
    leaf: bytes
    stratum: tuple[str, ...]
    stream: str
    version: int
    type: str
    recorded_at: str


class Part(NamedTuple):
    stratum: tuple[str, ...]
    population: int
    drawn: int


class Drawn(NamedTuple):
    population: int
    parts: Sequence[Part]
    members: Sequence[Member]


class Members:
    """Gathers the population from events in the order of their positions."""

    def __init__(self, question: Question, strata: Sequence[str]) -> None:
        self.found: list[Member] = []
        self._strata = strata
        self._count = Count(question)
        self._type = question["type"]
        self._queues: dict[str, str] = {}
        self._proposals: dict[tuple[str, str], dict[str, Any]] = {}
        wanted = [*wanted_types(question["type"], strata)]
        self._marks = tuple(f'"{one}"'.encode() for one in wanted)

    def look(self, position: int, envelope: bytes) -> None:
        if not any(mark in envelope for mark in self._marks):
            return
        before = len(self._count.positions)
        self._count.look(position, envelope)
        line = json.loads(envelope)
        event, stream = line["event"], line["stream"]
        if event["type"] in (ROUTED, HANDED_OFF):
            self._queues[stream] = event.get("queue") or event.get("to_queue")
        named = (stream, event.get("adjustment", ""))
        if event["type"] == PROPOSED:
            self._proposals[named] = {one: event.get(one) for one in ("kind", "amount")}
        if len(self._count.positions) == before:
            return
        joined = {**self._proposals.get(named, {}), **event}
        leaf = sha256(b"\x00" + envelope).digest()
        stratum = tuple(self._value(name, line, joined) for name in self._strata)
        told = (line["version"], event["type"], line["recorded_at"])
        self.found.append(Member(position, leaf, stratum, stream, *told))

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


def wanted_types(asked: str, strata: Sequence[str]) -> Iterator[str]:
    """Of which events a member, and what it is parted by, is made."""
    yield asked
    yield PROPOSED
    if "queue" in strata:
        yield from (ROUTED, HANDED_OFF)


def drawn(members: Sequence[Member], size: int, seed: str) -> Drawn:
    """So many of them; all, if there are no more."""
    counts = Counter(member.stratum for member in members)
    share = shares(counts, size)
    ranked: dict[tuple[str, ...], list[tuple[bytes, Member]]] = {}
    for member in members:
        rank = sha256(seed.encode() + b"\x00" + member.leaf).digest()
        ranked.setdefault(member.stratum, []).append((rank, member))
    picked = [
        member
        for stratum, some in ranked.items()
        for _, member in sorted(some, key=lambda one: one[0])[: share[stratum]]
    ]
    parts = [Part(stratum, counts[stratum], share[stratum]) for stratum in sorted(counts)]
    return Drawn(len(members), parts, sorted(picked, key=lambda member: member.position))


def shares(counts: Counter[tuple[str, ...]], size: int) -> dict[tuple[str, ...], int]:
    """How many of each stratum: in proportion, what is left over to the largest remainders, among
    equal ones to the first by name."""
    whole = counts.total()
    if size >= whole:
        return dict(counts)
    share = {stratum: size * many // whole for stratum, many in counts.items()}
    left = size - sum(share.values())
    by_remainder = sorted(counts, key=lambda one: (-(size * counts[one] % whole), one))
    for stratum in by_remainder[:left]:
        share[stratum] += 1
    return share


def members_of(bundle: Path, question: Question, strata: Sequence[str], since: int) -> list[Member]:
    """The population of a bundle that was verified. Raises Broken: whoever signs a log may have signed
    what reads as no event of ours."""
    members = Members(question, strata)
    with open(bundle / EVENTS, "rb") as lines:
        for line in lines:
            head, _, rest = line.partition(b',"envelope":')
            position = int(head.removeprefix(b'{"position":'))
            try:
                members.look(position, rest.removesuffix(b"}\n"))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                told = f"nothing is drawn: the event at position {position} cannot be read"
                raise Broken(Fault("answer", EVENTS, told, position=position)) from None
    return [member for member in members.found if member.position > since]
