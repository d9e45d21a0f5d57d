"""The common part of the client processes: they send the lines of a file, which `supply` extends."""

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Protocol, TypeVar


class Closes(Protocol):
    def close(self) -> None: ...


Connection = TypeVar("Connection", bound=Closes)


class Lines:
    """The lines of a file, each handed to one thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.taken = 0

    def next(self) -> bytes | None:
        """The next line; None if all lines are taken."""
        with self._lock:
            line = self._file.readline()
            self.taken += bool(line)
        return line.rstrip(b"\n") or None


def answer_each(
    file: str,
    clients: int,
    connect: Callable[[], Connection],
    send: Callable[[Connection, bytes], int],
) -> None:
    """Read numbers of seconds from standard input, and send lines for so long.

    Print a line of JSON for each number: the work done, the seconds and the number of lines. `send`
    returns how much work it did with a line.

    The clock stops as soon as the file is used up. Connecting is not measured.
    """
    with open(file, "rb") as lines_file, ThreadPoolExecutor(clients) as threads:
        lines = Lines(lines_file)
        for seconds in sys.stdin:
            try:
                answer = _measure(lines, float(seconds), threads, clients, connect, send)
            except Exception as error:  # noqa: BLE001 - the benchmark reports it
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


def _measure(
    lines: Lines,
    seconds: float,
    threads: ThreadPoolExecutor,
    clients: int,
    connect: Callable[[], Connection],
    send: Callable[[Connection, bytes], int],
) -> dict[str, object]:
    connections = [connect() for _ in range(clients)]
    before = lines.taken
    started = time.monotonic()

    def work(connection: Connection) -> int:
        done = 0
        while time.monotonic() < started + seconds and (line := lines.next()) is not None:
            done += send(connection, line)
        return done

    done = sum(threads.map(work, connections))
    elapsed = time.monotonic() - started
    for connection in connections:
        connection.close()
    return {"done": done, "seconds": elapsed, "lines": lines.taken - before}
