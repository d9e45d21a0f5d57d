"""Run the commands of docs/restore.md with a running service."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.people import Role
from infrastructure.postgres.account import account_for_owner
from infrastructure.postgres.binaries import find_binaries
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.lost_tails import add_people
from tests.survival.clients import run_clients, tokens_of, wait_for_success
from tests.survival.log_checks import whole_log
from tests.survival.programs import (
    ROOT,
    Program,
    Programs,
    eventually,
    free_port,
    kill_postgres,
    wait_until_answering,
)

FIRST_SUCCESS_SECONDS = 5
PAGE = (ROOT / "docs" / "restore.md").read_text(encoding="utf-8")


class Operator:
    """Runs the commands of the page with the account of the server."""

    def __init__(self, server: EmbeddedPostgres, directory: Path) -> None:
        self.server = server
        self.backups = server.cluster / "backups"
        self.checkpoints = directory / "checkpoints"
        self.heads = directory / "heads"
        self.data = server.cluster / "data"
        self.version = int((self.data / "PG_VERSION").read_text())

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the service."""
        return {
            "DATABASE_URL": self.server.dsn("casetrail"),
            "CASETRAIL_CHECKPOINTS": str(self.checkpoints),
            "CASETRAIL_HEADS": str(self.heads),
        }

    def follow(self, heading: str, **more: str) -> None:
        found = re.search(rf"^## {heading}\n.*?```sh\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
        assert found is not None, heading
        self.run(found[1], **more)

    def go_on_with_less(self, ana: str, ben: str) -> None:
        """Run the commands of "Go on with less" with the account of the service and two people's tokens."""
        section = PAGE.partition("\n## Go on with less\n")[2]
        script = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
        home = {"CASETRAIL_HOME": str(self.checkpoints.with_name("home"))}
        people = {"ANA": ana, "BEN": ben, "REASON": "No later backup exists."}
        environment = {**os.environ, **self.settings, **home, **people}
        commands = self.checkpoints.with_name("commands")
        commands.mkdir()
        casetrail = commands / "casetrail"
        casetrail.write_text(f'#!/bin/sh\ncd "{ROOT}"\nexec "{sys.executable}" -m api "$@"\n')
        casetrail.chmod(0o755)
        environment["PATH"] = f"{commands}:{environment['PATH']}"
        subprocess.run(["sh", "-euc", script], check=True, env=environment)

    def run(self, script: str, **more: str) -> None:
        account = account_for_owner(self.server.cluster)
        found = find_binaries(self.version, account)
        assert found is not None
        environment = {
            "PATH": f"{found[1]}:{os.environ['PATH']}",
            "PGDATA": str(self.data),
            "PGHOST": str(conninfo_to_dict(self.server.dsn())["host"]),
            "PGUSER": "postgres",
            "BACKUPS": str(self.backups),
            **more,
        }
        done = subprocess.run(
            ["sh", "-euc", script],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start the server and wait until it has recovered."""
        self.server.start()
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:

            def has_recovered() -> bool:
                row = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()
                return row is not None and row[0]

            eventually("it has recovered", has_recovered, within=20)


@pytest.fixture
def operator(server: EmbeddedPostgres, tmp_path: Path) -> Operator:
    return Operator(server, tmp_path)


def start_api(programs: Programs, operator: Operator) -> tuple[Program, str]:
    """Start the API with two processes and no worker; wait until it answers."""
    port = free_port()
    words = ("serve", "--no-worker", "--processes", 2, "--port", port)
    program = programs.start(*words, **operator.settings)
    url = f"http://127.0.0.1:{port}"
    wait_until_answering(program, url)
    return program, url


def rows_of(dsn: str) -> list[tuple[int, bytes]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT notification_id, leaf FROM stored_events ORDER BY notification_id"
        ).fetchall()
    return [(position, bytes(leaf)) for position, leaf in rows]


def test_nothing_is_appended_to_a_database_that_was_restored_under_the_service(
    operator: Operator, programs: Programs
) -> None:
    """Clients send requests all the time, but no event is stored until the right database is back.

    There is no worker here, since it would notice the restore as well.
    """
    server, dsn = operator.server, operator.server.dsn("casetrail")
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    worker = programs.start("worker", **operator.settings)
    api, url = start_api(programs, operator)
    with run_clients(url, tokens, seed=500) as (ledger, _):
        wait_for_success(ledger, within=15)
        eventually(
            "there is a checkpoint", operator.checkpoints.joinpath("latest").exists, within=10
        )
        worker.terminate()
        operator.follow("Each night: a base backup")
        operator.follow("Each night: a base backup")  # the next night
        assert (operator.backups / "base.before" / "PG_VERSION").exists()
        wait_for_success(ledger, within=15)
        time.sleep(0.5)
        server.stop()
        operator.run('mv "$PGDATA" "$PGDATA.right"; cp -a "$BACKUPS/base" "$PGDATA"')
        unanswered = ledger.unanswered.total()
        operator.start()
        eventually("it is refused", lambda: "appends stopped" in api.output, within=10)
        time.sleep(2.5)
        assert ledger.unanswered.total() > unanswered + 20
        restored = rows_of(dsn)
        server.stop()
        operator.run('mv "$PGDATA" "$PGDATA.wrong"; mv "$PGDATA.right" "$PGDATA"')
        server.start()
        wait_for_success(ledger, within=FIRST_SUCCESS_SECONDS)
        time.sleep(0.5)
    assert api.is_running
    found = rows_of(dsn)
    assert restored == found[: len(restored)]
    assert len(restored) < len(found)
    message = re.search(r"(\d+) positions were acknowledged, the log has (\d+)", api.output)
    assert message is not None, api.output
    assert int(message[2]) == len(restored) < int(message[1])
    ledger.assert_holds(whole_log(dsn))


def test_the_commands_of_the_page_restore_everything_or_say_what_is_missing(
    operator: Operator, programs: Programs
) -> None:
    server, dsn = operator.server, operator.server.dsn("casetrail")
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    managers = add_people(dsn, olga=Role.OPS_MANAGER, gus=Role.GOVERNANCE_OWNER)
    operator.follow("Once: keep the WAL")
    server.stop()
    server.start()
    worker = programs.start("worker", **operator.settings)
    api, url = start_api(programs, operator)
    with run_clients(url, tokens, seed=700) as (ledger, _):
        wait_for_success(ledger, within=15)
        operator.follow("Each night: a base backup")
        wait_for_success(ledger, within=15)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_create_restore_point('before')")
            connection.execute("SELECT pg_switch_wal()")
        at_point = len(rows_of(dsn))
        eventually(
            "there is a newer checkpoint", lambda: checkpoint_size(operator) > at_point, within=10
        )
        wait_for_success(ledger, within=15)
        kill_postgres(server)  # its directory is lost too
        operator.follow("Restore all of it")
        operator.start()
        wait_for_success(ledger, within=FIRST_SUCCESS_SECONDS)
        time.sleep(0.5)
    assert api.is_running
    assert worker.is_running
    ledger.assert_holds(whole_log(dsn))  # invariant I1
    worker.terminate()
    api.terminate()

    last = len(rows_of(dsn))
    server.stop()
    operator.follow("Restore to an earlier point", POINT="before")
    server.start()  # the service starts at once and waits
    refused = programs.start("serve", "--port", free_port(), **operator.settings)
    assert refused.ended(within=20) == 2
    output = " ".join(refused.output.split())
    message = re.search(r"the log has (\d+): (\d+) are missing \((\d+) to (\d+)\)", output)
    assert message is not None, output
    at_point = len(rows_of(dsn))
    stored, missing, first, end = map(int, message.groups())
    assert (stored, first) == (at_point, at_point + 1)
    assert end == last
    assert missing == last - at_point
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("SELECT append_events()")

    kept = {file.name: file.read_bytes() for file in operator.checkpoints.iterdir()}
    operator.go_on_with_less(*managers.values())
    api, url = start_api(programs, operator)
    with run_clients(url, tokens, seed=900) as (ledger, _):
        wait_for_success(ledger, within=FIRST_SUCCESS_SECONDS)
    assert len(whole_log(dsn)) > at_point
    programs.start("worker", **operator.settings)
    eventually(
        "there is a checkpoint of the new origin",
        lambda: checkpoint_size(operator, "latest.2") > at_point + 1,
        within=20,
    )
    for name, content in kept.items():  # nothing of the former origin was moved or changed
        assert (operator.checkpoints / name).read_bytes() == content, name
    asked = programs.start("audit", "ask", "10", "--json", **operator.settings)
    assert asked.ended(within=30) == 1, asked.output
    answer = json.loads(asked.output[asked.output.index("{") :])["answer"]
    assert (answer["unaltered"], answer["as_signed"]) == (False, True)
    (loss,) = answer["losses"]
    assert (loss["position"], loss["last"]) == (at_point + 1, last)
    assert (loss["requested_by"], loss["confirmed_by"]) == ("olga", "gus")
    # Of what was acknowledged after the last checkpoint, no leaf is outside the database.
    assert 0 < loss["leaves_known"] <= missing
    examined = programs.start("doctor", "--whole", "--json", **operator.settings)
    assert examined.ended(within=30) == 0, examined.output
    findings = json.loads(examined.output[examined.output.index("{") :])["findings"]
    (whole,) = [one for one in findings if one["what"] == "whole log"]
    assert whole["verdict"] == "ok", whole


def checkpoint_size(operator: Operator, name: str = "latest") -> int:
    latest = operator.checkpoints / name
    return int(latest.read_text().splitlines()[1]) if latest.exists() else 0
