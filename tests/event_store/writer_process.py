"""A process that appends as fast as it can and prints each acknowledged event; tests kill or freeze it.

    python -m tests.event_store.writer_process DSN THREADS APPENDS

Each thread appends to streams of its own and, every third time, to one that all processes
contend for; the conflicts are refused and rolled back. For each event it prints a line
`position stream version` as soon as the append is acknowledged.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append, CommandRow, VersionTaken
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore

ROOT = Path(__file__).parents[2]
CONTESTED = [uuid5(NAMESPACE_URL, f"contested {n}") for n in range(5)]


def state_of(stream: UUID, version: int) -> bytes:
    return f'{{"stream":"{stream}","version":{version}}}'.encode()


class Writer:
    """The writer process. `acknowledged` has the state of each event that it printed, by position."""

    def __init__(self, dsn: str, threads: int = 8, appends: int = 1_000_000) -> None:
        module = "tests.event_store.writer_process"
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, dsn, str(threads), str(appends)],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.acknowledged: dict[int, bytes] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def finish(self) -> int:
        """Wait for its end, read all its output, and return its exit code."""
        self._reader.join(30)
        return self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.finish()
        assert self.process.stdout
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.endswith("\n"):
                position, stream, version = line.split()
                self.acknowledged[int(position)] = state_of(UUID(stream), int(version))


def append_in_threads(dsn: str, threads: int, appends: int) -> None:
    recorder = PostgresLogRecorder(Datastore(dsn))
    failed = threading.Event()

    def write() -> None:
        try:
            write_on()
        except BaseException:
            failed.set()
            raise

    def write_on() -> None:
        guesses = dict.fromkeys(CONTESTED, 1)
        for turn in range(appends):
            own = uuid4()
            places = [(own, version) for version in range(1, turn % 3 + 2)]
            if turn % 3 == 0:
                contested = CONTESTED[turn // 3 % len(CONTESTED)]
                places.append((contested, guesses[contested]))
                guesses[contested] += 1
            events = [StoredEvent(s, v, "written", state_of(s, v)) for s, v in places]
            command = CommandRow("writer", str(own), b"", b"") if turn % 2 else None
            try:
                first = recorder.append(Append(events, command=command))
            except VersionTaken:
                continue
            lines = (f"{first + n} {s} {v}\n" for n, (s, v) in enumerate(places))
            # One write for each append, so that the lines of several threads do not mix.
            os.write(1, "".join(lines).encode())

    writers = [threading.Thread(target=write) for _ in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    recorder.close()
    sys.exit(1 if failed.is_set() else 0)


if __name__ == "__main__":
    append_in_threads(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
