"""The client of `signals-http`, a process of its own: sends bodies that were encoded before.

    python sending.py HOST:PORT TOKEN FILE CONNECTIONS

Each line of the file is a body. Each line of standard input is a number of seconds to send for;
the answer is a line of JSON with how many signals were taken in how many seconds.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection


class Bodies:
    """The bodies, each handed to one of the connections, in their order."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._lock = threading.Lock()

    def next(self) -> bytes:
        with self._lock:
            return next(self._lines)


def send(address: str, token: str, bodies: Bodies, ends_at: float) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = HTTPConnection(address, timeout=60)
    taken = 0
    while time.monotonic() < ends_at:
        connection.request("POST", "/v1/signals", bodies.next(), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {said[:500]!r}")
        told = json.loads(said[: said.index(b',"items"')] + b"}")
        if told["duplicate"] or told["refused"]:
            raise RuntimeError(f"not all were taken: {told}")
        taken += told["recorded"]
    connection.close()
    return taken


def main(address: str, token: str, file: str, connections: int) -> None:
    with open(file, "rb") as lines, ThreadPoolExecutor(connections) as threads:
        bodies = Bodies(line.rstrip() for line in lines)
        for seconds in sys.stdin:
            started = time.monotonic()
            ends_at = started + float(seconds)
            sending = [
                threads.submit(send, address, token, bodies, ends_at) for _ in range(connections)
            ]
            signals = sum(one.result() for one in sending)
            print(
                json.dumps({"signals": signals, "seconds": time.monotonic() - started}), flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
