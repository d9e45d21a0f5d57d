import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.embedded_postgres import EmbeddedPostgres
from tests.survival.programs import Programs, removed_at_the_end


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts processes of casetrail, and ends them with the test."""
    programs = Programs(tmp_path)
    yield programs
    programs.end()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home on a disk, in a place that every account can go through."""
    place = Path(tempfile.mkdtemp(prefix="casetrail-survival-"))
    place.chmod(0o755)
    with removed_at_the_end(place) as home:
        yield home


@pytest.fixture
def server(home: Path) -> EmbeddedPostgres:
    """A durable server of the test's own, to be killed, with an empty database `casetrail`."""
    server = EmbeddedPostgres(home).start()
    server.ensure_database("casetrail")
    return server
