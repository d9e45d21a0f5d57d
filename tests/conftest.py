"""The databases of the tests: one server per session, one migrated template, and a copy of it per test.

`DATABASE_URL` names the server if set (its own database is left alone), `TEST_DATABASE=docker` starts a
container, and otherwise an embedded PostgreSQL runs in memory. If a session is killed,
the next one removes its databases.
"""

import fcntl
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infrastructure.file_locks import file_lock
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.bucket import Bucket, serve_bucket

SERVER_BYTES = 1_000_000_000

# A session is running while a connection has the prefix of its databases as its name.
PREFIX = "casetrail_test_"
MARK_LENGTH = len(PREFIX) + 12
LEFT_BEHIND = """
    SELECT datname FROM pg_database
    WHERE starts_with(datname, %(ours)s) AND pg_get_userbyid(datdba) = current_user
      AND left(datname, %(length)s) NOT IN (
          SELECT application_name FROM pg_stat_activity WHERE application_name IS NOT NULL)
"""


class Databases:
    """Create and drop databases on the server."""

    def __init__(self, server: psycopg.Connection, server_dsn: str, mark: str) -> None:
        self._server = server
        self._server_dsn = server_dsn
        self._names = (f"{mark}_{number}" for number in count(1))

    @contextmanager
    def new(self, template: str = "template1") -> Iterator[str]:
        name = next(self._names)
        self._server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        try:
            yield name
        finally:
            self.drop(name)

    def drop(self, name: str) -> None:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._server.execute(statement.format(sql.Identifier(name)))

    def drop_left_behind(self) -> None:
        wanted = {"ours": PREFIX, "length": MARK_LENGTH}
        for (name,) in self._server.execute(LEFT_BEHIND, wanted).fetchall():
            self.drop(name)

    def dsn(self, name: str) -> str:
        return make_conninfo(self._server_dsn, dbname=name)


def pytest_sessionfinish() -> None:
    """Remove a folder explicitly, since pytest-xdist ends its workers without Python's own cleanup."""
    if (running := sys.modules.get("tests.api.running_service")) is not None:
        running.FOLDER.cleanup()


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests leave nothing in the home of casetrail of the person who runs them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CASETRAIL_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """A server on which this session may create databases."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
    elif os.environ.get("TEST_DATABASE") == "docker":
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer("postgres:15", driver=None) as container:
            yield container.get_connection_url()
    else:
        server = start_server_in_memory()
        try:
            yield server.dsn()
        finally:
            remove(server)


@pytest.fixture(scope="session")
def databases(server_dsn: str) -> Iterator[Databases]:
    mark = PREFIX + secrets.token_hex(6)
    with psycopg.connect(server_dsn, autocommit=True, application_name=mark) as server:
        databases = Databases(server, server_dsn, mark)
        databases.drop_left_behind()
        yield databases


@pytest.fixture(scope="session")
def template_database(databases: Databases) -> Iterator[str]:
    """The name of a migrated database, which tests only copy."""
    from infrastructure.event_store.migrations import migrate

    with databases.new() as name:
        migrate(databases.dsn(name))
        yield name


@pytest.fixture
def dsn(databases: Databases, template_database: str) -> Iterator[str]:
    """The address of a migrated, empty database for one test."""
    with databases.new(template_database) as name:
        yield databases.dsn(name)


def start_server_in_memory() -> EmbeddedPostgres:
    place = Path("/dev/shm")
    # Containers often have only 64 MB here; a full one would fail much later.
    if not place.exists() or shutil.disk_usage(place).free < SERVER_BYTES:
        place = Path(tempfile.gettempdir())
    name = f"casetrail-tests-{os.geteuid()}-"
    with file_lock(place / f"{name}lock"):
        for home in place.glob(f"{name}*/"):
            if is_abandoned(home):
                remove(EmbeddedPostgres(home))
        home = Path(tempfile.mkdtemp(prefix=name, dir=place))
        home.chmod(0o755)  # the account that runs the server for root must be able to enter it
        # Start it now, so that other sessions see the home in use.
        return EmbeddedPostgres(home, durable=False).start()


def is_abandoned(home: Path) -> bool:
    try:
        with open(home / "postgres.users") as users:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def remove(server: EmbeddedPostgres) -> None:
    server.stop()
    # The cluster of root may be outside the home.
    shutil.rmtree(server.cluster, ignore_errors=True)
    # The session that ends and the next one that cleans up may both be removing it.
    shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket of the test's own: `s3://…` addresses it, also in child processes."""
    with serve_bucket() as bucket:
        monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield bucket
