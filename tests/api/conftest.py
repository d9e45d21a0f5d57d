from collections.abc import Iterator

import httpx2
import pytest

from tests.api.running_service import RunningService, run_service
from tests.conftest import Databases
from tests.intact_logs import assert_log_is_intact


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service with people, reports and a timekeeper; the tests of a file share its database. At their
    end, the log must be intact."""
    with databases.new(template_database) as name:
        with run_service(databases.dsn(name), time=True) as running:
            yield running
        assert_log_is_intact(databases.dsn(name))


@pytest.fixture(scope="module")
def shop(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("shop") as client:
        yield client


@pytest.fixture(scope="module")
def ana(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("ana") as client:
        yield client


@pytest.fixture(scope="module")
def bo(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("bo") as client:
        yield client
