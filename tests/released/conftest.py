"""Restore the fixture of each release and migrate it to this version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from api.composition import desks, prepare_database
from infrastructure.event_store.migrations import migrate
from infrastructure.personal.vault import vault_of
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import Settings
from projections import PROJECTIONS
from tests.conftest import Databases
from tests.released.homes import FOLDER, Answers, Release, Report, answers_in, report_of, restored


class Home:
    """The restored home of a release, migrated to this version and with its reports built."""

    def __init__(self, release: Release, settings: Settings, dsn: str) -> None:
        self.release, self.settings, self.dsn = release, settings, dsn
        self.answers: Answers = answers_in(settings.home)
        self.reports: dict[str, Report] = {}

    def working(self) -> Any:
        return desks(self.dsn, lambda: self.release.clock, vault=vault_of(self.settings))

    def states(self) -> list[tuple[int, bytes, str]]:
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                "SELECT notification_id, state, topic FROM stored_events "
                "WHERE notification_id <= %s ORDER BY notification_id",
                (self.release.head,),
            ).fetchall()
        return [(position, bytes(state), topic) for position, state, topic in rows]


@pytest.fixture(
    scope="module", params=sorted(FOLDER.glob("v*")), ids=lambda folder: str(folder.name)
)
def home(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    folder: Path = request.param
    release = msgspec.json.decode((folder / "recorded.json").read_bytes(), type=Release)
    with databases.new() as name:
        dsn = databases.dsn(name)
        settings = restored(folder, release, dsn, tmp_path_factory.mktemp(folder.name))
        migrate(dsn, again=True)
        prepare_database(dsn)
        ProjectionRunner(dsn, PROJECTIONS).catch_up()
        home = Home(release, settings, dsn)
        with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
            for report, then in release.reports.items():
                home.reports[report] = report_of(connection, report, then.columns)
        yield home
