from collections.abc import Iterator

import pytest

from tests.audit.world import World
from tests.cli.conftest import casetrail, database, starters
from tests.conftest import Databases

__all__ = ["casetrail", "database", "starters"]


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world, not built yet, on its own database."""
    with databases.new() as name:
        yield World(databases.dsn(name), tmp_path_factory.mktemp("home"))
