"""The service uses three database roles: one appends with the one function, one keeps reports, one reads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.doctor import require_safe
from infrastructure.event_store.migrations import MigrationNotPermitted, migrate
from infrastructure.postgres.datastore import LogHalted, connect
from infrastructure.postgres.roles import (
    OWNER,
    PROJECTOR,
    READER,
    ROLES,
    WRITER,
    RolesMissing,
    dsn_for_role,
    dsn_with_role_logins,
    ensure_roles,
)
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.halts import halt_log
from tests.infrastructure import log_growth
from tests.witness_checkpoints import open_checkpoints


def append(dsn: str) -> int:
    return log_growth.append_events(dsn_for_role(dsn, WRITER))


@pytest.fixture
def login(databases: Any, dsn: str) -> Any:
    """Create logins with the given roles; drop them after the test."""
    made: list[str] = []

    def make(*roles: str, more: str = "") -> str:
        name = f"casetrail_test_login_{uuid4().hex[:8]}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                SQL("CREATE ROLE {} LOGIN PASSWORD 'x' " + more).format(Identifier(name))
            )
            made.append(name)
            for role in roles:
                connection.execute(SQL("GRANT {} TO {}").format(Identifier(role), Identifier(name)))
        return make_conninfo(dsn, user=name, password="x")

    yield make
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in made:
            connection.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(name)))
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def test_a_writer_may_append_but_not_change_tables(dsn: str) -> None:
    assert append(dsn) == 1
    with connect(dsn_for_role(dsn, WRITER)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (WRITER,)
        for statement in (
            "INSERT INTO stored_events VALUES (gen_random_uuid(), 1, 't', '', 2, '')",
            "UPDATE log_head SET position = 7",
            "INSERT INTO duties VALUES (gen_random_uuid(), 'ana', 'review', 1)",
            "SELECT lift_halt()",
            "CREATE TABLE views.mine (n int)",
            "CREATE TABLE mine (n int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_nobody_may_change_or_delete_log_rows(dsn: str) -> None:
    append(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in (
            "UPDATE stored_events SET topic = 'u'",
            "DELETE FROM stored_events",
            "TRUNCATE stored_events",
            "ALTER TABLE stored_events DISABLE TRIGGER USER",
            "DROP TABLE duties",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only"):
                connection.execute(statement.encode())
        connection.execute("REINDEX TABLE stored_events")
        connection.execute("VACUUM stored_events")
        connection.execute("CREATE TABLE mine (n int)")
        connection.execute("DROP TABLE mine")


def test_the_projector_may_halt_the_log_and_only_the_owner_may_lift_the_halt(
    dsn: str, login: Any, tmp_path: Any
) -> None:
    checkpoints = open_checkpoints(tmp_path)
    append(dsn)
    with connect(dsn_for_role(dsn, PROJECTOR)) as connection:
        assert checkpoints.make(connection) is not None
        halt_log(connection)
    with pytest.raises(LogHalted, match="not as it was witnessed"):
        append(dsn)
    service = login(WRITER, PROJECTOR, READER)
    with (
        connect(service) as connection,
        pytest.raises(LogNotAsWitnessed, match="casetrail migrate"),
    ):
        checkpoints.require_continuation(connection)
    with pytest.raises(LogHalted):
        append(dsn)
    with connect(dsn) as connection:
        checkpoints.require_continuation(connection)
    assert append(dsn) == 2


def test_a_forged_checkpoint_is_never_copied_outside(dsn: str, tmp_path: Any) -> None:
    checkpoints = open_checkpoints(tmp_path)
    append(dsn)
    with connect(dsn_for_role(dsn, PROJECTOR)) as connection:
        checkpoints.make(connection)
        kept = checkpoints.outside.latest()
        connection.execute(
            "INSERT INTO checkpoints (size, root, note) SELECT size + 9, root, note || 'x' FROM checkpoints"
        )
        with pytest.raises(LogNotAsWitnessed, match="not ours"):
            checkpoints.make(connection)
    assert checkpoints.outside.latest() == kept


def test_a_login_without_rights_to_migrate_can_serve(dsn: str, login: Any) -> None:
    service = login(WRITER, PROJECTOR, READER)
    assert migrate(service) == []
    require_safe(service)
    assert append(service) == 1
    with pytest.raises((RolesMissing, MigrationNotPermitted)):
        migrate(service, again=True)


def test_an_error_says_how_to_create_the_roles(databases: Any, login: Any, dsn: str) -> None:
    with databases.new() as name:
        nobody = make_conninfo(login(), dbname=name)
        with pytest.raises((RolesMissing, MigrationNotPermitted), match="--print-roles"):
            migrate(nobody)


def test_a_login_that_is_no_superuser_can_migrate(databases: Any, login: Any, dsn: str) -> None:
    owner = login(more="CREATEROLE CREATEDB")
    user = psycopg.conninfo.conninfo_to_dict(owner)["user"]
    with databases.new() as name:
        with psycopg.connect(dsn, autocommit=True) as connection:
            # The server has the roles already, so an administrator has to grant them.
            for role in ROLES:
                connection.execute(SQL("GRANT {} TO {}").format(Identifier(role), Identifier(user)))
            connection.execute(
                SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(name), Identifier(user))
            )
        address = make_conninfo(owner, dbname=name)
        assert "0010_append_only_by_privilege.sql" in migrate(address)
        assert migrate(address, again=True) == []
        require_safe(address)
        assert append(address) == 1
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(Identifier(name))
            )
        with psycopg.connect(make_conninfo(dsn, dbname=name), autocommit=True) as connection:
            connection.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(user)))


def test_many_databases_of_a_server_can_be_migrated_at_once(databases: Any) -> None:
    with databases.new() as a, databases.new() as b, databases.new() as c:
        with ThreadPoolExecutor(6) as pool:
            applied = [*pool.map(migrate, [databases.dsn(name) for name in (a, b, c)] * 2)]
        assert sorted(map(bool, applied)) == [False] * 3 + [True] * 3


def test_six_connections_at_once_can_create_the_roles(dsn: str) -> None:
    ready = threading.Barrier(6)

    def make(_: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            ready.wait()
            ensure_roles(connection)

    with ThreadPoolExecutor(6) as pool:
        assert [*pool.map(make, range(6))] == [None] * 6
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = ANY (%s)", (list(ROLES),)
        ).fetchall()
    assert sorted(rows) == sorted((role, False) for role in ROLES)


def test_with_role_logins_each_role_has_its_own_login(dsn: str) -> None:
    alone = dsn_with_role_logins("host=/tmp dbname=x user=postgres")
    assert psycopg.conninfo.conninfo_to_dict(dsn_for_role(alone, WRITER))["user"] == WRITER
    assert OWNER not in dsn_for_role(alone, READER)
    parameters = psycopg.conninfo.conninfo_to_dict(dsn_for_role(f"{dsn}", READER))
    assert parameters["options"].endswith(f"-c role={READER}")


def test_a_writer_ends_the_connection_of_a_frozen_writer(dsn: str) -> None:
    """Both connections have the same login, so one may end the other."""
    with connect(dsn_for_role(dsn, WRITER)) as frozen:
        frozen.execute("SET idle_in_transaction_session_timeout = 0")
        frozen.execute("BEGIN")
        frozen.execute("SELECT append_events()")
        assert append(dsn) == 1
        with pytest.raises(psycopg.Error):
            frozen.execute("COMMIT")
