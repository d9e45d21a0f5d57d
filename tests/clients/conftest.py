from collections.abc import Iterator

import pytest

from tests.api.running_service import RunningService, run_service
from tests.conftest import Databases


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service with people and reports; the tests of a file share its database."""
    with databases.new(template_database) as name, run_service(databases.dsn(name)) as running:
        yield running
