"""The client of `work`, a process of its own: sends requests that were written before.

    python http_client.py HOST:PORT FILE CLIENTS

Each line of the file is what one client sends, one after the other: a JSON list of whole requests.
Each line of standard input is a number of seconds; the answer is a line of JSON with how many
requests were answered with 200 in how many seconds.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor


def send_request(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _received(connection)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{head.decode()}\n{body[:500].decode()}")


def _received(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise RuntimeError("the server has hung up")
    return received


class RequestLines:
    """The lines, each handed to one of the clients, in their order."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._lock = threading.Lock()

    def next(self) -> list[bytes]:
        with self._lock:
            line = next(self._lines)
        return [request.encode() for request in json.loads(line)]


def run(connection: socket.socket, lines: RequestLines, ends_at: float) -> int:
    done = 0
    while time.monotonic() < ends_at:
        for request in lines.next():
            send_request(connection, request)
            done += 1
    return done


def main(address: str, file: str, clients: int) -> None:
    host, _, port = address.partition(":")
    connections = [socket.create_connection((host, int(port))) for _ in range(clients)]
    for connection in connections:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with open(file) as lines, ThreadPoolExecutor(clients) as threads:
        told = RequestLines(iter(lines))
        for seconds in sys.stdin:
            started = time.monotonic()
            ends_at = started + float(seconds)
            asking = [threads.submit(run, one, told, ends_at) for one in connections]
            requests = sum(one.result() for one in asking)
            elapsed = time.monotonic() - started
            print(json.dumps({"requests": requests, "seconds": elapsed}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
