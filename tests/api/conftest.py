from collections.abc import Iterator

import httpx2
import pytest

from tests.api.running import House, house
from tests.conftest import Databases


@pytest.fixture(scope="module")
def ours(databases: Databases, template_database: str) -> Iterator[House]:
    """A service with people, reports and time, over a database that the tests of a file share."""
    with (
        databases.new(template_database) as name,
        house(databases.dsn(name), time=True) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def shop(ours: House) -> Iterator[httpx2.Client]:
    with ours.asking_as("shop") as client:
        yield client


@pytest.fixture(scope="module")
def ana(ours: House) -> Iterator[httpx2.Client]:
    with ours.asking_as("ana") as client:
        yield client


@pytest.fixture(scope="module")
def bo(ours: House) -> Iterator[httpx2.Client]:
    with ours.asking_as("bo") as client:
        yield client
