import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.people import Role
from tests.api.running_service import RunningService, outside_settings, run_service
from tests.cli.starter import CommandStarters, CompletedCommand
from tests.conftest import Databases

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 120

NOTHING: Mapping[str, str] = {}
Casetrail = Callable[..., CompletedCommand]


def environment(dsn: str) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith("CASETRAIL")}
    keys = outside_settings(dsn).place  # the same as for a service over this database
    evidence = str(Path(keys).with_name("evidence"))
    more = {"CASETRAIL_KEYS": keys, "CASETRAIL_EVIDENCE": evidence}
    return {**found, **more, "DATABASE_URL": dsn, "COLUMNS": "200"}


def command(home: Path, *words: object) -> list[str]:
    return [sys.executable, "-m", "api", "--home", str(home), *map(str, words)]


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    """The address of an empty database, not migrated; the tests of a file share it."""
    with databases.new() as name:
        yield databases.dsn(name)


@pytest.fixture(scope="module")
def server(database: str) -> Iterator[RunningService]:
    """A service over the database of the commands."""
    with run_service(database, reports=False) as running:
        yield running


@pytest.fixture(scope="session")
def starters() -> Iterator[CommandStarters]:
    starters = CommandStarters()
    yield starters
    starters.end()


@pytest.fixture
def casetrail(database: str, tmp_path: Path, starters: CommandStarters) -> Casetrail:
    """Run a command as a user does, on this database."""

    def run(
        *words: object, seconds: float = LONGEST_SECONDS, more: Mapping[str, str] = NOTHING
    ) -> CompletedCommand:
        told = ["--home", str(tmp_path / "home"), *map(str, words)]
        return starters.run(told, {**environment(database), **more}, seconds)

    return run


@pytest.fixture
def run_as(server: RunningService, starters: CommandStarters, tmp_path: Path) -> Casetrail:
    """Run a command on people with a person's token; a name that is new becomes a manager's."""

    def run(person: str, *words: str) -> CompletedCommand:
        people, now = server.service.desks.people, datetime.now(UTC)
        if person not in server.tokens:
            people.add(person, [Role.OPS_MANAGER], now)
            server.tokens[person] = people.issue_token(person, now)
        address = {"CASETRAIL_URL": server.url, "CASETRAIL_TOKEN": server.tokens[person]}
        told = {**environment(server.dsn), **address}
        home = str(tmp_path / "home")
        return starters.run(["--home", home, "people", *words], told, LONGEST_SECONDS)

    return run
