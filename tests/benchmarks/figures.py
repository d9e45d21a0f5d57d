"""What a benchmark finds, and how: pieces measured in turn, several rounds, medians."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from statistics import mean, median

from msgspec import UNSET, Struct, UnsetType
from rich.table import Table

ROUNDS = 5


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the result. `ratio` is the value divided by what it is held against, or by the
    same quantity of it: above 1 is more, be it rows a second or milliseconds."""

    name: str
    value: float
    unit: str
    ratio: float
    against: str
    target: str | UnsetType = UNSET


class Bench(Struct, frozen=True):
    """What every benchmark gets."""

    dsn: str
    """A database on the server under test: scratch databases are made beside it."""
    seconds: float
    """How long one piece is measured in one round."""
    olist: Path | None
    say: Callable[[str], None]


class Rounds:
    """What was measured, piece by piece, in rounds."""

    def __init__(self, found: Mapping[str, Sequence[float]]) -> None:
        self._found = found

    def value(self, piece: str) -> float:
        return median(self._found[piece])

    def ratio(self, piece: str, other: str) -> float:
        """The median of the rounds' ratios: what disturbs a round disturbs both sides of it."""
        pairs = zip(self._found[piece], self._found[other], strict=True)
        return median(one / two for one, two in pairs)

    def against(self, what: str, other: str, unit: str) -> str:
        return f"{what}: {_short(self.value(other))} {unit}"


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
    """Measure the pieces so many times in every round, each time in the other order; what a round finds
    of a piece is the mean of its slices. Each is told which slice of the round it is, from 0."""
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
    """How often so many threads together carry it out in a second, each again and again."""
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
    """The 99th percentile: the least that 99 of 100 do not exceed."""
    return sorted(found)[ceil(len(found) * 0.99) - 1]


def as_table(figures: Sequence[Figure]) -> Table:
    table = Table(title="casetrail benchmarks", title_justify="left")
    table.add_column("name", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("target", no_wrap=True)
    table.add_column("against", overflow="fold")
    for one in figures:
        target = "" if one.target is UNSET else one.target
        table.add_row(one.name, _short(one.value), one.unit, _short(one.ratio), target, one.against)
    return table


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    fields = ("name", "value", "unit", "ratio", "against")
    return [{field: getattr(one, field) for field in fields} for one in figures]


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
