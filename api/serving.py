"""A running service: the HTTP server in this process, a worker beside it that is kept alive."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.service import service

RESTART_SECONDS = 1.0
COLLECT_AFTER = (50_000, 20, 50)
BACKLOG = 512
_ENDING = (signal.SIGINT, signal.SIGTERM)
_logger = logging.getLogger("casetrail.serve")


class PortTaken(Exception):
    """The address is taken."""


def collect_seldom() -> None:
    """Look for cycles of garbage a hundred times less often than by default.

    Nearly everything here is freed by counting; the default thresholds cost a third of the CPU of
    taking signals, in walks over aggregates that are kept at hand.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortTaken, before anything else has been started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"{host}:{port}: {error.strerror}. Name another with --port, or stop what runs there."
        ) from None
    listener.listen(BACKLOG)
    return listener


def serve_http(dsn: str, evidence: str, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    with service(dsn, evidence) as ours:
        ours.desks.decide_by()
        collect_seldom()
        config = uvicorn.Config(
            create_app(ours), log_level="warning", access_log=False, lifespan="on", backlog=BACKLOG
        )
        with _told_to_end():
            uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _told_to_end() -> Iterator[None]:
    """The server ends in good order when it is told to, and then sends itself the signal again,
    which would end this process before the rest is put in order."""
    before = {number: signal.signal(number, lambda *_: None) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def kept_alive(words: Sequence[str], dsn: str) -> Iterator[None]:
    """Run `casetrail WORDS` on this database for as long as the context lasts.

    A process that dies is started again. It ends by itself when this process is killed: its
    standard input ends.
    """
    command = [sys.executable, "-m", "api", *words]
    environment = {**os.environ, "DATABASE_URL": dsn}
    ending = threading.Event()
    current: list[subprocess.Popen[bytes]] = []

    def watch() -> None:
        while not ending.is_set():
            process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
            current[:] = [process]
            code = process.wait()
            if not ending.is_set():
                _logger.warning("%s ended with %s; starting it again", words[0], code)
                ending.wait(RESTART_SECONDS)

    watcher = threading.Thread(target=watch, name=f"watch-{words[0]}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        for process in current:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        watcher.join()
