from collections.abc import Iterator

import httpx2
import pytest

from tests.api.running_service import RunningService, run_service
from tests.conftest import Databases


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service with people, reports and a timekeeper; the tests of a file share its database."""
    with (
        databases.new(template_database) as name,
        run_service(databases.dsn(name), time=True) as running,
    ):
        yield running


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
