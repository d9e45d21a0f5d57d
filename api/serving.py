"""A running service: the HTTP server in this process, a worker beside it that is kept alive."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.composition import checkpoints_of, continuity, following
from api.http.service import service
from api.http.single_write import OneWrite
from infrastructure.identity.issuer import LocalIssuer
from infrastructure.identity.issuers import Issuer
from infrastructure.payments import provider_of
from infrastructure.personal.vault import vault_of
from infrastructure.settings import Settings

RESTART_SECONDS = 1.0
COLLECT_AFTER = (50_000, 20, 50)
BACKLOG = 512
_PR_SET_PDEATHSIG = 1
_ENDING = (signal.SIGINT, signal.SIGTERM)
_logger = logging.getLogger("casetrail.serve")


class AddressUnusable(Exception):
    """Nobody can listen there."""


class PortTaken(AddressUnusable):
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
    """A listening socket. Raises AddressUnusable, before anything else has been started."""
    listener = _bound(host, port)
    listener.listen(BACKLOG)
    return listener


def listen_several(host: str, port: int, many: int) -> list[socket.socket]:
    """Sockets that share one address, among which the system spreads what connects: each for a
    process of its own. Raises AddressUnusable."""
    if many == 1:
        return [listen(host, port)]
    # Without sharing first: whoever listens there already would else share it with us unasked.
    with _bound(host, port) as found:
        port = found.getsockname()[1]
    listeners = [_bound(host, port, shared=True) for _ in range(many)]
    for listener in listeners:
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    return listeners


def most_processes() -> int:
    """How many processes serve, unless somebody says otherwise: one for each core, up to four,
    where the system spreads connections among them."""
    return min(os.cpu_count() or 1, 4) if sys.platform == "linux" else 1


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE:
            raise AddressUnusable(f"{host}:{port}: {error.strerror or error}.") from None
        raise PortTaken(
            f"{host}:{port}: {error.strerror}. Name another with --port, or stop what runs there."
        ) from None
    return bound


def serve_http(
    dsn: str,
    settings: Settings,
    listeners: Sequence[socket.socket],
    signals_to: str | None = None,
    issuers: Sequence[Issuer] | None = None,
    local_issuer: LocalIssuer | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. `signals_to` is the process that takes signals, if not this;
    `issuers` are trusted instead of those that are set, and `local_issuer` is served too."""
    with service(
        dsn,
        vault_of(settings),
        provider=provider_of(settings),
        issuers=settings.issuers if issuers is None else issuers,
        checkpoints=checkpoints_of(settings),
        continuity=continuity(settings),
        witness=settings.witness_key,
    ) as ours:
        ours.desks.tell_build()
        ours.desks.decide_by()
        collect_seldom()
        # What is fetched, or passed on, is nothing that an operator has to read of.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        config = uvicorn.Config(
            create_app(ours, signals_to, local_issuer),
            log_level="warning",
            access_log=False,
            lifespan="on",
            backlog=BACKLOG,
            # Nothing here asks where a request came from.
            proxy_headers=False,
            http=OneWrite,
        )
        with _told_to_end(), following(ours.desks):
            uvicorn.Server(config).run(sockets=list(listeners))


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


def die_with_parent() -> None:
    """On Linux: be killed when the process that started this one dies, however it dies.

    At once: whoever starts the service again would else find its address taken by what is left of it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have died before that: then its end of the pipe is closed already.
    if select.select([0], [], [], 0)[0] and not os.read(0, 1):
        os._exit(0)


def wait_for_parent_to_end() -> None:
    """A parent that is killed cannot say so, but its end of the pipe to our standard input closes.

    Not through sys.stdin, whose lock the thread that waits would hold when the process ends.
    """
    while os.read(0, 1024):
        pass


@contextmanager
def kept_alive(
    words: Sequence[str], dsn: str, inherits: Sequence[socket.socket] = (), **more: str
) -> Iterator[None]:
    """Run `casetrail WORDS` on this database for as long as the context lasts, with `more` in its
    environment.

    A process that dies is started again. It ends by itself when this process is killed: its
    standard input ends.
    """
    command = [sys.executable, "-m", "api", *words]
    environment = {**os.environ, "DATABASE_URL": dsn, **more}
    descriptors = [one.fileno() for one in inherits]
    ending = threading.Event()
    current: list[subprocess.Popen[bytes]] = []

    def watch() -> None:
        while not ending.is_set():
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, pass_fds=descriptors
            )
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
