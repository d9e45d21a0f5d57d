"""The client process of `work` and `authorize`: it sends requests that are prepared as bytes.

    python http_client.py HOST:PORT FILE CLIENTS

Each line of the file is what one client sends, one request after the other: a JSON list of whole requests.
The server must answer each with 200. `clients` describes the input and the output.
"""

import json
import socket
import sys

from tests.benchmarks.clients import answer_each


def ask(connection: socket.socket, request: bytes) -> None:
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
        raise RuntimeError("the server closed the connection")
    return received


def main(address: str, file: str, clients: int) -> None:
    host, _, port = address.partition(":")

    def connect() -> socket.socket:
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(connection: socket.socket, line: bytes) -> int:
        requests = [request.encode() for request in json.loads(line)]
        for request in requests:
            ask(connection, request)
        return len(requests)

    answer_each(file, clients, connect, send)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
