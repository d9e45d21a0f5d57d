"""Sends signals from a message broker: each line of standard input is one signal as JSON.

nats subscribe 'signals.>' --raw | CASETRAIL_URL=… CASETRAIL_TOKEN=… python3 consumer.py
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from http.client import HTTPException
from queue import Queue
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, TOKEN = f"{os.environ['CASETRAIL_URL']}/v1/signals", os.environ["CASETRAIL_TOKEN"]
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
waiting = Queue[bytes](1_000)


def receive(messages: Iterable[bytes]) -> None:
    for message in messages:
        waiting.put(message.strip())
    waiting.put(b"")


def send(batch: list[bytes]) -> list[dict[str, Any]]:
    """The results of a batch. It is sent until it is answered: a signal is recorded once."""
    pause = 0.2
    while True:
        try:
            with urlopen(Request(URL, b"\n".join(batch), HEADERS), timeout=60) as answer:
                return list(json.load(answer)["items"])
        except HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise SystemExit(error.read().decode()) from None
        except (OSError, HTTPException, ValueError) as error:
            print(f"no answer: {error}", file=sys.stderr)
        time.sleep(pause := min(2 * pause, 30))


Thread(target=receive, args=[filter(bytes.strip, sys.stdin.buffer)], daemon=True).start()
while message := waiting.get():  # it does not wait until a batch is full
    others = min(waiting.qsize(), 500) - 1  # the last one stays: it may be the end
    for result in send([message, *(waiting.get() for _ in range(others))]):
        if result["outcome"] == "refused":
            print(json.dumps(result), file=sys.stderr)
    # A client of a broker acknowledges the messages of the batch here, and not before.
