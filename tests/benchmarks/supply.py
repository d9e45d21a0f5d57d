"""Work for a client process, written while the benchmark runs, so that no machine is too fast for it.

The client takes each line of a file once. Before each measurement, the file gets more lines than the
client is expected to take. If the client takes all of them, it stops its clock, gets more and continues.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

from tests.benchmarks.servers import CouldNotMeasure, client_process

FIRST_LINES = 500
"""Written while the pace of the client is unknown."""
SPARE = 2
"""How many times the expected number of lines is written."""
ENOUGH = 0.9
"""The share of the wanted time after which a measurement is complete."""
WARM_UP_SECONDS = 0.5


@contextmanager
def supplied(
    client: Callable[[str], Sequence[str]], lines: Iterator[bytes]
) -> Iterator[Callable[[float], float]]:
    """Measure how much work a client does in a second.

    `client` returns the command of the client's process for the name of its file. `lines` never ends.
    """
    with tempfile.NamedTemporaryFile() as file, client_process(client(file.name)) as ask:
        measure = _Supplied(Path(file.name), lines, ask).per_second
        measure(WARM_UP_SECONDS)  # the first requests find cold caches
        yield measure


class _Supplied:
    def __init__(
        self, file: Path, lines: Iterator[bytes], ask: Callable[[float], dict[str, Any]]
    ) -> None:
        self._file = file
        self._lines = lines
        self._ask = ask
        self._left = 0
        self._lines_per_second = 0.0

    def per_second(self, seconds: float) -> float:
        done = elapsed = 0.0
        while elapsed < seconds * ENOUGH:
            self._write(seconds - elapsed)
            answer = self._ask(seconds - elapsed)
            if not answer["lines"]:
                raise CouldNotMeasure("the client did nothing in its time")
            self._left -= answer["lines"]
            pace = answer["lines"] / answer["seconds"]
            self._lines_per_second = max(self._lines_per_second, pace)
            done += answer["done"]
            elapsed += answer["seconds"]
        return done / elapsed

    def _write(self, seconds: float) -> None:
        expected = ceil(SPARE * self._lines_per_second * seconds)
        missing = max(FIRST_LINES, expected) - self._left
        if missing <= 0:
            return
        with self._file.open("ab") as out:
            out.writelines(line + b"\n" for line in islice(self._lines, missing))
        self._left += missing
