from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.survival.programs import Programs, home_on_disk


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Start processes of casetrail; kill them at the end of the test."""
    programs = Programs(tmp_path)
    yield programs
    programs.end()


@pytest.fixture
def home(programs: Programs) -> Iterator[Path]:
    with home_on_disk() as home:
        yield home
        programs.end()


@pytest.fixture
def server(home: Path) -> EmbeddedPostgres:
    """A durable server that the test may kill, with an empty database `casetrail`."""
    server = EmbeddedPostgres(home).start()
    server.ensure_database("casetrail")
    return server
