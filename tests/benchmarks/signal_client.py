"""The client process of `signals-http`: it sends bodies that are already encoded.

    python signal_client.py HOST:PORT TOKEN FILE CONNECTIONS

Each line of the file is a body. `clients` describes the input and the output.
"""

import json
import sys
from http.client import HTTPConnection

from tests.benchmarks.clients import answer_each


def main(address: str, token: str, file: str, connections: int) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def connect() -> HTTPConnection:
        connection = HTTPConnection(address, timeout=60)
        connection.connect()
        return connection

    def send(connection: HTTPConnection, body: bytes) -> int:
        connection.request("POST", "/v1/signals", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer[:500]!r}")
        counts = json.loads(answer[: answer.index(b',"items"')] + b"}")
        if counts["duplicate"] or counts["refused"]:
            raise RuntimeError(f"some signals were duplicates or refused: {counts}")
        recorded: int = counts["recorded"]
        return recorded

    answer_each(file, connections, connect, send)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
