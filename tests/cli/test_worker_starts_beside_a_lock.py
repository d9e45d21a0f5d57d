"""`casetrail worker` begins while the log takes no appends: it waits, and says so."""

import time
from pathlib import Path

import psycopg

from infrastructure.postgres.datastore import RETRY_SECONDS
from tests.api.running_service import RunningService
from tests.cli.copies import copy_of_the_project, running_worker, session_that_holds
from tests.survival.programs import eventually

BUILDS = "SELECT count(*) FROM stored_events WHERE topic = 'build.started'"
NO_APPENDS = "LOCK TABLE stored_events IN SHARE MODE"


def test_a_worker_waits_for_the_log_to_take_its_first_append(
    database: str, server: RunningService, tmp_path: Path
) -> None:
    newer = copy_of_the_project(tmp_path)
    text = (newer / "domain" / "builds.py").read_text()
    (newer / "domain" / "builds.py").write_text(f"{text}\n# Another build.\n")
    home = tmp_path / "worker"
    log = home.with_suffix(".log")
    with psycopg.connect(database, autocommit=True) as connection:

        def builds() -> int:
            (row,) = connection.execute(BUILDS).fetchall()
            assert isinstance(row[0], int)
            return row[0]

        with session_that_holds(database, NO_APPENDS, "maintenance") as maintenance:
            before = builds()
            with running_worker(database, home, newer) as worker:
                eventually(
                    "it says that it waits",
                    lambda: worker.poll() is not None or "did not answer" in log.read_text(),
                    within=RETRY_SECONDS * 6,
                )
                time.sleep(1)
                assert worker.poll() is None, log.read_text()
                maintenance.kill()
                eventually("it has begun", lambda: builds() == before + 1, within=30)
                assert worker.poll() is None, log.read_text()
