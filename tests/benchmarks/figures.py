"""The figures of a benchmark, their targets, and how they are measured: in turn, in rounds, as medians."""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from statistics import mean, median
from typing import Literal

from msgspec import Struct

ROUNDS = 5


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the result.

    `ratio` is the value divided by the value that it is compared with, for rows a second as well as for
    milliseconds.
    """

    name: str
    """Unique among the figures of all benchmarks; a target of this name applies to it."""
    value: float
    unit: str
    ratio: float
    against: str
    """What the value is compared with."""


class Target(Struct, frozen=True):
    """A limit for the value of a figure, or for its ratio."""

    of: Literal["value", "ratio"]
    sign: Literal["≥", "≤", "<"]
    limit: float
    unit: str

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:,g} {self.unit}"

    def is_met(self, figure: Figure) -> bool:
        found: float = getattr(figure, self.of)
        return bool(_COMPARE[self.sign](found, self.limit))

    def found(self, figure: Figure) -> str:
        """The part of the figure that the target limits."""
        return f"{short(getattr(figure, self.of))} {self.unit}"


_COMPARE = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}


def at_least(limit: float, unit: str) -> Target:
    return Target("value", "≥", limit, unit)


def at_most(limit: float, unit: str) -> Target:
    return Target("value", "≤", limit, unit)


def less_than(limit: float, unit: str) -> Target:
    return Target("value", "<", limit, unit)


def ratio_at_least(limit: float, other: str) -> Target:
    return Target("ratio", "≥", limit, f"× {other}")


def ratio_at_most(limit: float, other: str) -> Target:
    return Target("ratio", "≤", limit, f"× {other}")


class Bench(Struct, frozen=True):
    """The arguments of every benchmark."""

    dsn: str
    """A database on the server under test: scratch databases are made beside it."""
    seconds: float
    """How long one piece is measured in one round."""
    olist: Path | None
    say: Callable[[str], None]
    """Shows what is done now."""


class Rounds:
    """The measurements of each piece, one from each round."""

    def __init__(self, found: Mapping[str, Sequence[float]]) -> None:
        self._found = found

    def value(self, piece: str) -> float:
        return median(self._found[piece])

    def ratio(self, piece: str, other: str) -> float:
        """The median of the rounds' ratios, since a disturbance of a round affects both values."""
        pairs = zip(self._found[piece], self._found[other], strict=True)
        return median(one / two for one, two in pairs)

    def against(self, what: str, other: str, unit: str) -> str:
        return f"{what}: {short(self.value(other))} {unit}"


def measure_in_turn(
    bench: Bench, pieces: Mapping[str, Callable[[], float]], rounds: int = ROUNDS
) -> Rounds:
    """Measure each piece once in every round."""
    found: dict[str, list[float]] = {name: [] for name in pieces}
    for number in range(1, rounds + 1):
        for name, measure in pieces.items():
            bench.say(f"round {number} of {rounds}: {name}")
            found[name].append(measure())
    return Rounds(found)


def measure_in_slices(
    bench: Bench, pieces: Mapping[str, Callable[[int], float]], slices: int, rounds: int
) -> Rounds:
    """Measure the pieces in several slices of every round, in alternating order.

    The value of a piece in a round is the mean of its slices. A piece gets the number of the slice, from 0.
    """
    found: dict[str, list[float]] = {name: [] for name in pieces}
    order = [*pieces.items()]
    for number in range(1, rounds + 1):
        bench.say(f"round {number} of {rounds}: {' and '.join(pieces)} in turn")
        seen: dict[str, list[float]] = {name: [] for name in pieces}
        for slice_ in range(slices):
            for name, measure in order:
                seen[name].append(measure(slice_))
            order.reverse()
        for name, values in seen.items():
            found[name].append(mean(values))
    return Rounds(found)


def per_second(act: Callable[[], object], callers: int, seconds: float) -> float:
    """How many calls a second so many threads make together, in a loop."""
    begin = threading.Barrier(callers)

    def call(_: int) -> float:
        begin.wait()
        done = 0
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            act()
            done += 1
        return done / elapsed

    with ThreadPoolExecutor(callers) as threads:
        return sum(threads.map(call, range(callers)))


def percentile_99(found: Sequence[float]) -> float:
    """The 99th percentile: the smallest value that 99 of 100 do not exceed."""
    return sorted(found)[ceil(len(found) * 0.99) - 1]


def short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
