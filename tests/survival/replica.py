"""A standby of an embedded server, by streaming replication, that a test stops and promotes."""

import os
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infrastructure.postgres.account import account_for_owner
from infrastructure.postgres.binaries import find_binaries
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.survival.programs import eventually


class Replica:
    def __init__(self, server: EmbeddedPostgres, name: str) -> None:
        """Copy the server; the standby is not started yet."""
        self.name = name
        self._server = server
        self._data = server.cluster / name
        self._socket = server.cluster / f"{name}-socket"
        found = find_binaries(
            int((server.cluster / "data" / "PG_VERSION").read_text()),
            account_for_owner(server.cluster),
        )
        assert found is not None
        self._binaries = found[1]
        primary = str(conninfo_to_dict(server.dsn())["host"])
        self._run(f'mkdir -m 700 "{self._socket}"')
        source = f"host={primary} user=postgres application_name={name}"
        self._run(
            f'"{self._binaries}/pg_basebackup" -D "{self._data}" -X stream -c fast -R -d "{source}"'
        )

    def dsn(self, database: str = "casetrail") -> str:
        return make_conninfo("", host=str(self._socket), user="postgres", dbname=database)

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self._socket}"
        log = self._server.cluster / f"{self.name}.log"
        self._run(
            f'"{self._binaries}/pg_ctl" start -w -D "{self._data}" -l "{log}" -o "{options}" >/dev/null'
        )

    def stop(self) -> None:
        self._run(f'"{self._binaries}/pg_ctl" stop -w -m fast -D "{self._data}" >/dev/null')

    def promote(self) -> None:
        self._run(f'"{self._binaries}/pg_ctl" promote -w -D "{self._data}" >/dev/null')

    def wait_until_it_has(self, position: int, within: float = 20) -> None:
        def has_it() -> bool:
            with psycopg.connect(self.dsn()) as connection:
                row = connection.execute("SELECT position FROM log_head").fetchone()
            return row is not None and row[0] >= position

        eventually(f"{self.name} has position {position}", has_it, within)

    def _run(self, script: str) -> None:
        account = account_for_owner(self._server.cluster)
        done = subprocess.run(
            ["sh", "-euc", script],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd=Path("/"),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        assert done.returncode == 0, done.stderr
